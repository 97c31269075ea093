"""From vectors of one length to embeddings of another: axes kept, turned, or learned."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize


def bridged(vectors: NDArray[np.float32], dim: int, seed: int) -> NDArray[np.float32]:
    """Vectors `(pieces, length)`, of zero mean, as `(pieces, dim)`.

    Longer ones keep their `dim` principal components: no other linear map keeps more of their inner products
    (Eckart and Young 1936). The axes are then turned by a random rotation, so that no number has more of the
    variance than the others and the optimizer, which scales each number by itself, finds them alike. Shorter
    ones are turned into the larger space, which keeps all inner products.
    """
    length = vectors.shape[1]
    kept = min(length, dim)
    if length > dim:
        scatter = vectors.T.astype(np.float64) @ vectors
        _, axes = np.linalg.eigh(scatter)  # the largest last
        vectors = vectors @ axes[:, -dim:].astype(np.float32)
    return vectors @ orthogonal(kept, dim, seed).astype(np.float32)


def orthogonal(rows: int, columns: int, seed: int) -> NDArray[np.float64]:
    """A random matrix `(rows, columns)`, rows ≤ columns, of orthonormal rows, all directions alike."""
    draw = np.random.default_rng(seed).standard_normal((columns, rows))
    turned, upper = np.linalg.qr(draw)
    return (turned * np.sign(np.diagonal(upper))).T


def scaled(vectors: NDArray[np.float32], spread: float) -> NDArray[np.float32]:
    """The same with the root mean square of all numbers at `spread`; zero rows stay zero and count not."""
    used = vectors.any(axis=1)
    size = float(np.sqrt(np.square(vectors[used], dtype=np.float64).mean()))
    return vectors * np.float32(spread / size)


class Projection(nn.Module):
    """The embeddings `(pieces, dim)` from a table `(pieces, length)`, both learned.

    Args:
        matrix: The map at the start, `(length, dim)`.
    """

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Parameter(matrix)

    def forward(self, table: Tensor) -> Tensor:
        """The embeddings."""
        return table @ self.matrix


def project_embeddings(model: Any, table: Tensor, matrix: Tensor) -> None:
    """Let the model's embeddings be `table @ matrix`, learned together, also where they are the output's.

    Everything that reads `model.get_input_embeddings().weight` gets the product. `fold_projection` makes
    plain embeddings of it again.
    """
    projection = Projection(matrix)
    layers = _layers(model)
    for layer in layers:
        layer.weight = nn.Parameter(table)
        parametrize.register_parametrization(layer, "weight", projection, unsafe=True)
    first = layers[0].parametrizations.weight
    for layer in layers[1:]:
        layer.parametrizations.weight.original = first.original


def fold_projection(model: Any) -> None:
    """Put the products in the place of what they are made of; does nothing where there is no projection."""
    layers = _layers(model)
    if not parametrize.is_parametrized(layers[0], "weight"):
        return
    with torch.no_grad():
        weight = nn.Parameter(layers[0].weight.detach().clone())
    for layer in layers[1:]:  # what is taken away changes the table in place, and it is shared
        table = layer.parametrizations.weight.original
        layer.parametrizations.weight.original = nn.Parameter(table.detach().clone())
    for layer in layers:
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
        layer.weight = weight


def _layers(model: Any) -> list[Any]:
    """The input embeddings, and the output layer if it has the same weights."""
    embeddings, output = model.get_input_embeddings(), model.get_output_embeddings()
    if output is None:
        return [embeddings]
    tied = output.weight is embeddings.weight or (
        parametrize.is_parametrized(output, "weight")
        and output.parametrizations.weight.original is embeddings.parametrizations.weight.original
    )
    return [embeddings, output] if tied else [embeddings]
