"""The decoder of a transformer (Vaswani et al. 2017), with the norm first."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .attention import FeedForward, MultiHeadAttention, positions
from .dropout import ByteDropout
from .sequence import Sequence


class Memory(NamedTuple):
    """What a decoder knows of the texts it reads.

    Attributes:
        keys: Of each layer, `(batch, heads, words, dim / heads)`.
        values: Likewise.
        mask: `(batch, words)`, True for at least one word.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    mask: Tensor

    def take(self, rows: Tensor) -> "Memory":
        """The texts with these numbers."""
        keys, values = (tuple(one[rows] for one in several) for several in self[:2])
        return Memory(keys, values, self.mask[rows])


class State(NamedTuple):
    """Where a decoder is, a row for each text that it writes.

    Attributes:
        keys: What each layer has computed of the pieces so far, `(rows, heads, steps, dim / heads)`.
        values: Likewise.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]

    def take(self, rows: Tensor) -> "State":
        """The rows with these numbers."""
        return State(*(tuple(one[rows] for one in several) for several in self))


class TransformerDecoder(nn.Module):
    """Layers of self-attention over the pieces so far, attention over the source, and a feed-forward network.

    Args:
        dim: Numbers in the vector of a piece, and in the output.
        source_dim: Numbers in the vector of a source word.
        layers: Layers, one on top of the other.
        heads: Ways in which a place looks at others.
        inner: Numbers in the inner layer of the feed-forward network.
        dropout: Share of the numbers set to zero after each part of a layer.
    """

    def __init__(
        self, dim: int, source_dim: int, *, layers: int, heads: int, inner: int, dropout: float
    ) -> None:
        super().__init__()
        self.dim = dim
        self.layers: Any = nn.ModuleList(
            _Layer(dim, source_dim, heads, inner, dropout) for _ in range(layers)
        )
        self.norm, self.dropout = nn.LayerNorm(dim), ByteDropout(dropout)

    def memory(self, sequence: Sequence) -> Memory:
        """What is needed of the source: the vectors `(batch, words, source_dim)` of its words."""
        keys, values = zip(*(layer.source.seen(sequence.vectors) for layer in self.layers))
        mask = sequence.mask.clone()
        mask[:, :1] = True  # of a text without words something has to be seen: the zero vector
        return Memory(keys, values, mask)

    def forward(self, inputs: Tensor, mask: Tensor, memory: Memory) -> Tensor:
        """The outputs of all steps, `(batch, time, dim)`, given the vectors of the pieces before them.

        Args:
            inputs: `(batch, time, dim)`, that of the start first.
            mask: `(batch, time)`, True for pieces, which come first: nothing before them sees padding.
            memory: The source.
        """
        vectors = self.dropout(inputs + positions(0, inputs.shape[1], self.dim, inputs.device))
        for number, layer in enumerate(self.layers):
            vectors = layer(vectors, number, memory)
        return self.norm(vectors)

    def initial(self, memory: Memory, beams: int = 1) -> State:
        """Before the first step, `beams` rows a text."""
        batch, heads, _, size = memory.keys[0].shape
        empty = (memory.keys[0].new_zeros(beams * batch, heads, 0, size),) * len(self.layers)
        return State(empty, empty)

    def step(
        self, inputs: Tensor, state: State, memory: Memory, *, first: bool = False, product: Any = None
    ) -> tuple[Tensor, State, Tensor]:
        """One step; arguments and results as of `RecurrentDecoder.step`, but for `product`, which is not
        used.
        """
        steps, texts = state.keys[0].shape[2], len(memory.mask)
        vectors = (inputs + positions(steps, 1, self.dim, inputs.device))[:, None]
        keys, values, weights = list[Tensor](), list[Tensor](), torch.empty(0)
        for number, layer in enumerate(self.layers):
            before = state.keys[number], state.values[number]
            vectors, (key, value), weights = layer.step(vectors, number, before, memory, texts)
            keys.append(key)
            values.append(value)
        return self.norm(vectors)[:, 0], State(tuple(keys), tuple(values)), weights


class _Layer(nn.Module):
    def __init__(self, dim: int, source_dim: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.own, self.source = MultiHeadAttention(dim, heads), MultiHeadAttention(dim, heads, source_dim)
        self.feed_forward = FeedForward(dim, inner, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3))
        self.dropout = ByteDropout(dropout)

    def forward(self, vectors: Tensor, number: int, memory: Memory) -> Tensor:
        """All steps at once, `(batch, time, dim)`."""
        normed = self.norms[0](vectors)
        vectors = vectors + self.dropout(self.own(normed, *self.own.seen(normed), causal=True))
        seen = memory.keys[number], memory.values[number], memory.mask
        vectors = vectors + self.dropout(self.source(self.norms[1](vectors), *seen))
        return vectors + self.dropout(self.feed_forward(self.norms[2](vectors)))

    def step(
        self, vectors: Tensor, number: int, before: tuple[Tensor, Tensor], memory: Memory, texts: int
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
        """One step of rows `(rows, 1, dim)`, those of a text as places of one row for the source."""
        normed = self.norms[0](vectors)
        new = self.own.seen(normed)
        keys, values = (torch.cat([old, one.to(old.dtype)], dim=2) for old, one in zip(before, new))
        vectors = vectors + self.own(normed, keys, values)
        normed = self.norms[1](vectors)[:, 0].unflatten(0, (texts, -1))
        found = self.source(normed, memory.keys[number], memory.values[number], memory.mask)
        weights = self.source.weights(normed, memory.keys[number], memory.mask).flatten(0, 1)
        vectors = vectors + found.flatten(0, 1)[:, None]
        return vectors + self.feed_forward(self.norms[2](vectors)), (keys, values), weights
