"""A recurrent decoder with attention: the pieces of a text one after another, given the words of another
text.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .products import laid_out
from .recurrence import Product, advance, new_cell, run_layer
from .sequence import Sequence, VariationalDropout

Attention = Literal["luong", "gnmt", "bahdanau"]


class Memory(NamedTuple):
    """What a decoder knows of the texts it reads.

    Attributes:
        keys: What attention compares with, `(batch, words, hidden)`.
        values: The words' vectors, `(batch, words, dim)`.
        mask: `(batch, words)`.
        start: What is added to the first input, `(batch, dim)`.
    """

    keys: Tensor
    values: Tensor
    mask: Tensor
    start: Tensor

    def take(self, rows: Tensor) -> "Memory":
        """The texts with these numbers."""
        return Memory(*(tensor[rows] for tensor in self))


class State(NamedTuple):
    """Where a decoder is, a row for each text that it writes.

    Attributes:
        cells: The hidden vectors of each layer, `(rows, hidden)`, and the memory of LSTM.
        output: The last output, `(rows, dim)`.
    """

    cells: tuple[tuple[Tensor, ...], ...]
    output: Tensor

    def take(self, rows: Tensor) -> "State":
        """The rows with these numbers."""
        return State(tuple(tuple(part[rows] for part in cell) for cell in self.cells), self.output[rows])


class RecurrentDecoder(nn.Module):
    """GRU or LSTM layers that look at the words of the source.

    Without input feeding and in Luong's form all steps of a known text are computed at once.

    Args:
        dim: Numbers in the vector of a piece, and in the output.
        source_dim: Numbers in the vector of a source word.
        cell: `"gru"` or `"lstm"`.
        hidden: Numbers in a hidden vector.
        layers: Layers, one on top of the other.
        attention: `"luong"`: the top layer's new vector looks at the source, by a bilinear score (Luong et
            al. 2015, "general"); `"gnmt"`: the first layer's does, and what it sees goes into the layers
            above (Wu et al. 2016); `"bahdanau"`: the top layer's old vector does, by an additive score, and
            what it sees goes into the first layer (Bahdanau et al. 2015).
        feeding: Whether the output goes into the next step (Luong et al. 2015, section 3.3).
        dropout: Share of the numbers set to zero between layers and at the output.
    """

    def __init__(
        self,
        dim: int,
        source_dim: int,
        *,
        cell: Literal["gru", "lstm"],
        hidden: int,
        layers: int,
        attention: Attention,
        feeding: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.dim, self.attention, self.feeding = dim, attention, feeding
        first = dim + dim * feeding + source_dim * (attention == "bahdanau")
        above = hidden + source_dim * (attention == "gnmt")
        sizes = [first, *[above] * (layers - 1)]
        self.cells = nn.ModuleList(new_cell(cell, size, hidden) for size in sizes)
        self.start = nn.Linear(source_dim, dim)
        self.keys = nn.Linear(source_dim, hidden, bias=attention == "bahdanau")
        if attention == "bahdanau":
            self.query, self.energy = nn.Linear(hidden, hidden, bias=False), nn.Linear(hidden, 1, bias=False)
        self.output = nn.Linear(hidden + source_dim, dim)
        self.dropout = VariationalDropout(dropout)

    def memory(self, sequence: Sequence) -> Memory:
        """What is needed of the source: the vectors `(batch, words, source_dim)` of its words."""
        vectors, mask = sequence.vectors, sequence.mask
        mean = vectors.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)
        return Memory(self.keys(vectors), vectors, mask, self.start(mean).tanh())

    def forward(self, inputs: Tensor, mask: Tensor, memory: Memory) -> Tensor:
        """The outputs of all steps, `(batch, time, dim)`, given the vectors of the pieces before them.

        Args:
            inputs: `(batch, time, dim)`, that of the start first.
            mask: `(batch, time)`, True for pieces.
            memory: The source.
        """
        if self.feeding or self.attention == "bahdanau":
            return self._one_by_one(inputs, memory)
        first = torch.zeros_like(inputs)
        first[:, 0] = memory.start
        vectors, context = inputs + first, None
        for number, cell in enumerate(self.cells):
            if number:
                vectors = self.dropout(vectors)
                if context is not None:
                    vectors = torch.cat([vectors, context], dim=2)
            vectors = run_layer([cell], vectors, mask)
            if self.attention == "gnmt" and number == 0:
                context = self._look(vectors, memory)[0]
        if context is None or len(self.cells) == 1:
            context = self._look(vectors, memory)[0]
        return self._write(vectors, context)

    def _one_by_one(self, inputs: Tensor, memory: Memory) -> Tensor:
        state, outputs = self.initial(memory), []
        for step in range(inputs.shape[1]):
            output, state, _ = self.step(inputs[:, step], state, memory, first=step == 0)
            outputs.append(output)
        return torch.stack(outputs, dim=1)

    def initial(self, memory: Memory, beams: int = 1) -> State:
        """Before the first step, `beams` rows a text."""
        rows = beams * len(memory.mask)
        hidden = self.keys.out_features
        zeros = memory.start.new_zeros(rows, hidden, dtype=torch.float32)
        parts = 2 if isinstance(self.cells[0], nn.LSTM) else 1
        return State(((zeros,) * parts,) * len(self.cells), memory.start.new_zeros(rows, self.dim))

    def step(
        self,
        inputs: Tensor,
        state: State,
        memory: Memory,
        *,
        first: bool = False,
        product: Product = functional.linear,
    ) -> tuple[Tensor, State, Tensor]:
        """One step.

        Args:
            inputs: The vectors of the last pieces, `(rows, dim)`; the rows of a text are neighbours.
            state: The state before.
            memory: The source, `(batch, …)`.
            first: Whether this is the first step.
            product: Computes `vectors weightᵀ + bias`.

        Returns:
            The outputs `(rows, dim)`, the state after, and how much each row looks at each word of its
            source, `(rows, words)`.
        """
        texts, cells = len(memory.mask), []
        beams = len(inputs) // max(texts, 1)
        if first:
            inputs = inputs + memory.start.repeat_interleave(beams, dim=0)
        parts: list[Tensor] = [inputs]
        weights: Any = None
        context: Any = None
        if self.feeding:
            parts.append(state.output.to(inputs.dtype))
        if self.attention == "bahdanau":
            context, weights = self._look_from(state.cells[-1][0], memory, texts)
            parts.append(context)
        vectors = torch.cat(parts, dim=1)
        for number, (cell, before) in enumerate(zip(self.cells, state.cells)):
            if number:
                vectors = self._dropped(vectors)
                if self.attention == "gnmt":
                    vectors = torch.cat([vectors, context], dim=1)
            cells.append(advance(cell, vectors, before, product))
            vectors = cells[-1][0]
            if self.attention == "gnmt" and number == 0:
                context, weights = self._look_from(vectors, memory, texts)
        if context is None:
            context, weights = self._look_from(vectors, memory, texts)
        both = torch.cat([vectors, context.to(vectors.dtype)], dim=1)
        output = self._dropped(product(both, self.output.weight, self.output.bias).tanh())
        return output, State(tuple(cells), output), weights

    def _dropped(self, vectors: Tensor) -> Tensor:
        return self.dropout(vectors[:, None])[:, 0]

    def _look_from(self, vectors: Tensor, memory: Memory, texts: int) -> tuple[Tensor, Tensor]:
        context, weights = self._look(vectors.unflatten(0, (texts, -1)), memory)
        return context.flatten(0, 1), weights.flatten(0, 1)

    def _look(self, vectors: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """What `(batch, steps, hidden)` see of the source, `(batch, steps, source_dim)`, and their weights of
        its words, `(batch, steps, words)`.
        """
        if self.attention == "bahdanau":
            sums = self.query(vectors)[:, :, None] + memory.keys[:, None]
            scores = self.energy(sums.tanh())[..., 0]
        else:
            scores = vectors.to(memory.keys.dtype) @ memory.keys.transpose(1, 2)
        hidden = torch.zeros(memory.mask.shape, device=scores.device).masked_fill(~memory.mask, -1e9)
        weights = (scores.float() + hidden[:, None]).softmax(dim=2)  # of no words: of padding, which is zero
        return weights.to(memory.values.dtype) @ memory.values, weights

    def _write(self, vectors: Tensor, context: Tensor) -> Tensor:
        both = torch.cat([vectors, context.to(vectors.dtype)], dim=2)
        return self.dropout(self.output(both).tanh())


class Products:
    """Products of vectors with weights, `(rows, …)`, in float32 or in bfloat16; a weight is converted once.

    Args:
        half: Whether they are computed in bfloat16. With a bias, what comes out is float32.
    """

    def __init__(self, *, half: bool) -> None:
        self._precision = torch.bfloat16 if half else torch.float32
        self._products: dict[int, Callable[[Tensor], Tensor]] = {}

    def __call__(self, vectors: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """`vectors weightᵀ + bias`."""
        if id(weight) not in self._products:
            converted = weight.to(self._precision)
            if converted.dtype == torch.bfloat16 and converted.device.type == "cpu":
                self._products[id(weight)] = laid_out(converted, len(vectors))
            else:
                self._products[id(weight)] = partial(functional.linear, weight=converted)
        found = self._products[id(weight)](vectors.to(self._precision))
        return found if bias is None else found.float() + bias
