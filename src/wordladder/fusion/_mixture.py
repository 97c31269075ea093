"""What fusion by weights is made of: vectors of one length from every embedder, and their weighted sum."""

from collections.abc import Sequence as Seq

import torch
from torch import Tensor, nn

from ..errors import RecipeError
from ..layers.sequence import Sequence


class Projections(nn.Module):
    """A linear layer an embedder, to vectors of one length; one embedder alone of this length needs none.

    Args:
        dims: Lengths of the embedders' vectors, in order.
        dim: Length of the vectors that come out; left out, the largest of `dims`.

    Raises:
        RecipeError: `dim` is below 1.
    """

    def __init__(self, dims: Seq[int], dim: int | None = None) -> None:
        super().__init__()
        self.dim = max(dims) if dim is None else dim
        if self.dim < 1:
            raise RecipeError(f"[fusion]: dim = {dim}: it must be at least 1, or left out")
        alone = list(dims) == [self.dim]
        self.layers = nn.ModuleList(nn.Identity() if alone else _linear(size, self.dim) for size in dims)

    def forward(self, sequences: Seq[Sequence]) -> Tensor:
        """`(batch, time, embedders, dim)`."""
        return torch.stack([layer(s.vectors) for layer, s in zip(self.layers, sequences)], dim=2)


def _linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def mixed(sequences: Seq[Sequence], projected: Tensor, shares: Tensor) -> Sequence:
    """The weighted sum over the embedders, zero after each text's end; summaries side by side.

    Args:
        sequences: What the embedders gave.
        projected: Their vectors `(batch, time, embedders, dim)`.
        shares: The weights, `(batch, time, embedders, dim)` or `(batch, time, embedders, 1)`.
    """
    summaries = [s.summary for s in sequences if s.summary is not None]
    return sequences[0]._replace(
        vectors=without_padding((shares * projected).sum(dim=2), sequences[0].mask),
        summary=torch.cat(summaries, dim=-1) if summaries else None,
    )


def without_padding(values: Tensor, mask: Tensor) -> Tensor:
    """`values` `(batch, time, any)` with zeros where the mask `(batch, time)` is False."""
    return values.masked_fill(~mask[..., None], 0.0)
