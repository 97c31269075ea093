"""What the heads of texts share: the vectors of a text's words are pooled, and a small network scores it."""

from typing import Any

from torch import Tensor, nn

from ..layers.sequence import Pooling, Sequence


class PooledText(nn.Module):
    """Pools the vectors of a text's words.

    Args:
        pooling: The kind of pooling; `"auto"` takes the summary if there is one.
        dim: Numbers in a word's vector.
        summary_dim: Numbers in the summary of a text; 0: there is none.
        auto: The kind of pooling where there is no summary.
    """

    def __init__(self, pooling: str, dim: int, summary_dim: int, auto: str = "max") -> None:
        super().__init__()
        self.use_summary = pooling == "auto" and summary_dim > 0
        kind: Any = auto if pooling == "auto" else pooling
        self.pooling = None if self.use_summary else Pooling(kind)
        self.dim = summary_dim if self.use_summary else dim * (1 + (kind == "mean+max"))

    def pooled(self, sequence: Sequence) -> Tensor:
        """One vector a text, `(batch, dim)`."""
        if self.pooling is not None:
            return self.pooling(sequence)
        assert sequence.summary is not None  # there is one where it has a length
        return sequence.summary

    def pooled_pairs(self, sequence: Sequence) -> tuple[Tensor, ...]:
        """The pooled vectors `(pairs, dim)` of the first texts and of the second, which are neighbours in the
        batch where they were read apart, and segments of one row where they were not.
        """
        if sequence.segments is None:
            return self.pooled(sequence).unflatten(0, (-1, 2)).unbind(dim=1)
        masks = (sequence.mask & (sequence.segments == number) for number in (0, 1))
        return tuple(self.pooled(sequence._replace(mask=mask)) for mask in masks)


class PooledHead(PooledText):
    """Scores the pooled vector of a text.

    Args:
        task: It has the settings `pooling`, `hidden` and `dropout`.
        dim: Numbers in a word's vector.
        summary_dim: Numbers in the summary of a text; 0: there is none.
        outputs: Scores for each text.
    """

    activation: type[nn.Module] = nn.ReLU

    def __init__(self, task: Any, dim: int, summary_dim: int, outputs: int) -> None:
        super().__init__(task.pooling, dim, summary_dim)
        self.dropout, inputs = nn.Dropout(task.dropout), self._inputs(task)
        hidden = [nn.Linear(inputs, task.hidden), self.activation()] if task.hidden else []
        self.head = nn.Sequential(*hidden, nn.Linear(task.hidden or inputs, outputs))

    def _inputs(self, task: Any) -> int:
        """Numbers that the first layer of the head reads."""
        return self.dim

    def forward(self, sequence: Sequence) -> Tensor:
        """Unnormalised scores `(batch, outputs)`."""
        return self.head(self.dropout(self.pooled(sequence))).float()
