"""Sequence: what flows between the parts of a network, one vector a word; and small layers that work on it:
dropout, pooling, a mix of layers, splitting the texts of an example.
"""

from collections.abc import Sequence as Seq
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn


class Sequence(NamedTuple):
    """The vectors of a batch of texts.

    Attributes:
        vectors: `(batch, time, dim)`, zero where the mask is False.
        mask: `(batch, time)` bool; True for words, which come first in each row.
        summary: `(batch, summary_dim)`, one vector a text, where an embedder has its own.
        segments: `(batch, time)`, the segment of each word, where an example has several texts.
    """

    vectors: Tensor
    mask: Tensor
    summary: Tensor | None = None
    segments: Tensor | None = None

    @property
    def lengths(self) -> Tensor:
        """Words a text, `(batch,)`."""
        return self.mask.sum(dim=1)


class VariationalDropout(nn.Module):
    """Sets a share of the components to zero in training, the same ones for all words of a text.

    Better for recurrent layers than a new draw for every word (Gal & Ghahramani 2016), and much cheaper.

    Args:
        share: Share of the components set to zero.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, vectors: Tensor) -> Tensor:
        """`(batch, time, dim)` to the same shape."""
        if not self.training or self.share == 0.0:
            return vectors
        keep = torch.rand(len(vectors), 1, vectors.shape[2], device=vectors.device) >= self.share
        return vectors * (keep / (1.0 - self.share))


class ScalarMix(nn.Module):
    """A weighted sum of layers: the weights are a softmax of learned numbers, times one more learned number
    (Peters et al. 2018, equation 1). It starts as the mean.

    Args:
        layers: How many layers there are.
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.scalars = nn.Parameter(torch.zeros(layers))
        self.gamma = nn.Parameter(torch.ones(()))

    @property
    def weights(self) -> Tensor:
        """The weight of each layer, `(layers,)`."""
        return self.gamma * self.scalars.softmax(dim=0)

    def forward(self, layers: Seq[Tensor]) -> Tensor:
        """Tensors of one shape, as many as there are layers, to one of that shape."""
        terms = (weight * layer for weight, layer in zip(self.weights, layers, strict=True))
        return sum(terms, start=torch.zeros_like(layers[0]))


class Pooling(nn.Module):
    """`(batch, time, dim)` to `(batch, dim)`, without padding; a text without words gives the zero vector.

    Args:
        kind: `"max"`, `"mean"`, both as `"mean+max"` of twice the length, `"sum"`, `"first"` or `"last"`,
            over the words where the mask is True.
    """

    def __init__(self, kind: Literal["max", "mean", "mean+max", "sum", "last", "first"] = "max") -> None:
        super().__init__()
        self.kind = kind

    def forward(self, sequence: Sequence) -> Tensor:
        """One vector a text, `(batch, dim)`."""
        if self.kind == "mean+max":
            return torch.cat([self._pool(sequence, "mean"), self._pool(sequence, "max")], dim=1)
        return self._pool(sequence, self.kind)

    def _pool(self, sequence: Sequence, kind: str) -> Tensor:
        vectors, mask, lengths = sequence.vectors, sequence.mask, sequence.lengths
        empty = (lengths == 0)[:, None]
        if kind == "max":
            # Adding −∞ and taking max with its index costs an eighth of masked_fill and amax in backward.
            hidden = torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, float("-inf"))
            return (vectors + hidden[..., None]).max(dim=1).values.masked_fill(empty, 0.0)
        if kind in ("mean", "sum"):
            total = (vectors * mask[..., None]).sum(dim=1)
            return total if kind == "sum" else total / lengths.clamp(min=1)[:, None]
        if kind == "first":
            word = mask.long().argmax(dim=1)
        else:
            word = mask.shape[1] - 1 - mask.flip(1).long().argmax(dim=1)
        return vectors[torch.arange(vectors.shape[0], device=vectors.device), word].masked_fill(empty, 0.0)


def split_segments(sequence: Sequence, widths: Seq[int]) -> tuple[Sequence, ...]:
    """One Sequence a segment; the summary is dropped.

    Args:
        sequence: The words of all segments, those of the first one first.
        widths: Words of the longest text of each segment. They could be computed from the sequence, but that
            would wait for an accelerator.
    """
    segments = sequence.segments
    if segments is None:
        segments = torch.zeros_like(sequence.mask, dtype=torch.long)
    masks = [(segments == number) & sequence.mask for number in range(len(widths))]
    return tuple(_select(sequence.vectors, mask, width)[0] for mask, width in zip(masks, widths))


def join_segments(parts: tuple[Sequence, ...], width: int) -> Sequence:
    """The words of all segments in one Sequence again, `width` words wide, with their segments' numbers."""
    mask = torch.cat([part.mask for part in parts], dim=1)
    numbers = torch.cat([torch.full_like(part.mask, i, dtype=torch.long) for i, part in enumerate(parts)], 1)
    joined, columns = _select(torch.cat([part.vectors for part in parts], dim=1), mask, width)
    return joined._replace(segments=numbers.gather(1, columns) * joined.mask)


def _select(vectors: Tensor, mask: Tensor, width: int) -> tuple[Sequence, Tensor]:
    """The words where the mask is True, moved to the front of their rows, and the columns they come from."""
    order = mask.long()
    if torch.jit.is_tracing():  # ONNX has no other stable sort
        columns = order.topk(order.shape[1], dim=1).indices[:, :width]
    else:
        columns = order.argsort(dim=1, descending=True, stable=True)[:, :width]
    mask = mask.gather(1, columns)
    chosen = vectors.gather(1, columns[..., None].expand(-1, -1, vectors.shape[2]))
    return Sequence(chosen * mask[..., None], mask), columns
