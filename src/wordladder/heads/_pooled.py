"""What the heads of texts share: the vectors of a text's words are pooled, and a small network scores
them."""

from typing import Any

from torch import Tensor, nn

from ..layers.sequence import Pooling, Sequence


class PooledHead(nn.Module):
    """Pools a text, and scores the pooled vector.

    Args:
        task: It has the settings `pooling`, `hidden` and `dropout`.
        dim: Numbers in a word's vector.
        summary_dim: Numbers in the summary of a text; 0: there is none.
        outputs: Scores for each text.
    """

    activation: type[nn.Module] = nn.ReLU

    def __init__(self, task: Any, dim: int, summary_dim: int, outputs: int) -> None:
        super().__init__()
        self.use_summary = task.pooling == "auto" and summary_dim > 0
        kind: Any = "max" if task.pooling == "auto" else task.pooling
        self.pooling = None if self.use_summary else Pooling(kind)
        self.dim = summary_dim if self.use_summary else dim * (1 + (kind == "mean+max"))
        self.dropout, inputs = nn.Dropout(task.dropout), self._inputs(task)
        hidden = [nn.Linear(inputs, task.hidden), self.activation()] if task.hidden else []
        self.head = nn.Sequential(*hidden, nn.Linear(task.hidden or inputs, outputs))

    def _inputs(self, task: Any) -> int:
        """Numbers that the first layer of the head reads."""
        return self.dim

    def pooled(self, sequence: Sequence) -> Tensor:
        """One vector a text, `(batch, dim)`."""
        if self.pooling is not None:
            return self.pooling(sequence)
        assert sequence.summary is not None  # there is one where it has a length
        return sequence.summary

    def forward(self, sequence: Sequence) -> Tensor:
        """Unnormalised scores `(batch, outputs)`."""
        return self.head(self.dropout(self.pooled(sequence))).float()
