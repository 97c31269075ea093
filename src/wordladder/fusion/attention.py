"""Fusion by attention: every embedder's vector of a word is scored on its own, and the scores decide the
weights.
"""

import warnings
from collections.abc import Sequence as Seq

from torch import Tensor, nn

from ..errors import RecipeError
from ..layers.recurrence import run_layer
from ..layers.sequence import Sequence
from ._mixture import Mixture

__all__ = ["Attention"]

HIDDEN = 2


class Attention(Mixture):
    """Vectors projected to one length and weighted at every word by attention: dynamic meta-embeddings.

    After Kiela et al. (2018): the weights are the softmax over the embedders of `a · x`, where `x` is a
    projected vector or, with `context`, the hidden vector of a BiLSTM that has read all of the embedder's
    projected vectors. The paper's bias is the same for all embedders and has no effect under a softmax, so
    it is left out. `Model.fusion_weights` returns the weights.

    Args:
        dim: Length of the output vectors; left out, that of the embedder with the longest.
        context: Whether a word's weights depend on the words around it.
        hidden: Numbers in the hidden vector of each direction of the BiLSTM that `context` adds.

    Raises:
        RecipeError: `dim` or `hidden` is below 1.
    """

    def __init__(
        self,
        dims: Seq[int],
        summary_dims: Seq[int],
        *,
        dim: int | None = None,
        context: bool = False,
        hidden: int = HIDDEN,
    ) -> None:
        super().__init__(dims, summary_dims, dim)
        if hidden < 1:
            raise RecipeError(f"[fusion]: hidden = {hidden}: it must be at least 1")
        if hidden != HIDDEN and not context:
            warnings.warn("hidden belongs to context = true; without it, it does nothing", stacklevel=2)
        several = len(dims) > 1
        self.cells = nn.ModuleList(_cell(self.dim, hidden) for _ in range(2 if several and context else 0))
        self.score = nn.Linear(2 * hidden if context else self.dim, 1, bias=False) if several else None

    def _shares(self, sequences: Seq[Sequence], projected: Tensor) -> Tensor:
        if self.score is None:
            return projected.new_ones(*projected.shape[:3], 1)
        if len(self.cells):
            projected = self._in_context(projected, sequences[0].mask)
        return self.score(projected).softmax(dim=2)

    def _in_context(self, projected: Tensor, mask: Tensor) -> Tensor:
        """Hidden vectors `(batch, time, embedders, 2 * hidden)`; each embedder's words are a text."""
        texts = projected.movedim(2, 0)
        rows = run_layer(list(self.cells), texts.flatten(0, 1), mask.repeat(len(texts), 1))
        return rows.unflatten(0, texts.shape[:2]).movedim(0, 2)


def _cell(inputs: int, hidden: int) -> nn.LSTM:
    """One direction, initialised for inputs that are much longer than the hidden vector."""
    cell = nn.LSTM(inputs, hidden, batch_first=True)
    nn.init.xavier_uniform_(cell.get_parameter("weight_ih_l0"))
    return cell
