"""The self-attention encoder: the encoder of a transformer, not pretrained."""

from torch import nn

from ..errors import check_at_least
from ..layers.attention import FeedForward, MultiHeadAttention, positions
from ..layers.dropout import ByteDropout
from ..layers.sequence import Sequence

__all__ = ["SelfAttention"]


class SelfAttention(nn.Module):
    """Each word looks at all words of its text (Vaswani et al. 2017), in layers with the norm first, which
    needs no long warm-up (Xiong et al. 2020).

    Args:
        hidden: Numbers in a word's vector.
        layers: Layers, one on top of the other.
        heads: Ways in which a word looks at others in each layer.
        feed_forward: Numbers in the inner layer at each word; left out, four times `hidden`.
        dropout: Share of the numbers set to zero in training after each part of a layer.
    """

    reads = "segment"

    def __init__(
        self,
        dim: int,
        *,
        hidden: int = 256,
        layers: int = 3,
        heads: int = 4,
        feed_forward: int | None = None,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        check_at_least(1, layers=layers, feed_forward=feed_forward)
        self.dim, inner = hidden, 4 * hidden if feed_forward is None else feed_forward
        self.inputs = nn.Linear(dim, hidden)
        self.layers = nn.ModuleList(_Layer(hidden, heads, inner, dropout) for _ in range(layers))
        self.norm, self.dropout = nn.LayerNorm(hidden), ByteDropout(dropout)

    def forward(self, sequence: Sequence) -> Sequence:
        """Vectors `(batch, time, dim)`, zero after each text's end; the summary is dropped."""
        vectors = self.inputs(sequence.vectors * sequence.mask[..., None])
        vectors = vectors + positions(0, vectors.shape[1], self.dim, vectors.device)
        seen = sequence.mask.clone()
        seen[:, :1] = True  # of a text without words something has to be seen
        vectors = self.dropout(vectors)
        for layer in self.layers:
            vectors = layer(vectors, seen)
        vectors = self.norm(vectors).masked_fill(~sequence.mask[..., None], 0.0)
        return sequence._replace(vectors=vectors, summary=None)


class _Layer(nn.Module):
    def __init__(self, dim: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.attention, self.feed_forward = MultiHeadAttention(dim, heads), FeedForward(dim, inner, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2))
        self.dropout = ByteDropout(dropout)

    def forward(self, vectors, seen):
        normed = self.norms[0](vectors)
        vectors = vectors + self.dropout(self.attention(normed, *self.attention.seen(normed), seen))
        return vectors + self.dropout(self.feed_forward(self.norms[1](vectors)))
