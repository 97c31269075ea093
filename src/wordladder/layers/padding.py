"""From ragged rows to a padded rectangle and its mask."""

import torch
from numpy.typing import NDArray
from torch import Tensor


def pad(values: Tensor, offsets: NDArray) -> tuple[Tensor, Tensor]:
    """Lay out ragged rows in a rectangle, with zeros after each row's end.

    Args:
        values: All rows one after another, `(total, ...)`.
        offsets: Row `i` is `values[offsets[i]:offsets[i + 1]]`, `(rows + 1,)`.

    Returns:
        The rectangle `(rows, longest, ...)` and its mask `(rows, longest)`; the rectangle is at least one
        wide.
    """
    bounds = torch.from_numpy(offsets)
    lengths = bounds[1:] - bounds[:-1]
    longest = max(1, int(lengths.max())) if len(lengths) else 1
    mask = torch.arange(longest) < lengths[:, None]
    padded = values.new_zeros((len(lengths), longest, *values.shape[1:]))
    padded[mask] = values
    return padded, mask
