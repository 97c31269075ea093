"""Ragged rows, such as the words of texts, as rectangles."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .words import Tokens


def pad(values: NDArray[Any], offsets: NDArray[np.int64], padding: float = 0) -> tuple[NDArray[Any], Any]:
    """Pad ragged rows to a rectangle.

    Args:
        values: All rows one after another, `(total, ...)`.
        offsets: Row `i` is `values[offsets[i]:offsets[i + 1]]`, `(rows + 1,)`.
        padding: The value after each row's end.

    Returns:
        The rectangle `(rows, longest, ...)` and its mask `(rows, longest)`; the rectangle is at least one
        wide.
    """
    lengths = np.diff(offsets)
    mask = np.arange(max(1, int(lengths.max(initial=0)))) < lengths[:, None]
    padded = np.full((*mask.shape, *values.shape[1:]), padding, values.dtype)
    padded[mask] = values
    return padded, mask


def pad_words(values: NDArray[Any], tokens: Tokens) -> tuple[Any, Any, Any]:
    """Pad the values of words, `(words, ...)`, to the longest example.

    Returns:
        The values `(batch, time, ...)`, the mask of the words `(batch, time)`, and each word's segment where
        an example has several texts.
    """
    padded, mask = pad(values, tokens.example_offsets)
    segments = None if tokens.segments == 1 else pad(tokens.segment_numbers, tokens.example_offsets)[0]
    return padded, mask, segments


def widths(tokens: Tokens) -> tuple[int, ...]:
    """The number of words of the longest text of each segment, then of the longest example; at least one."""
    longest = tokens.lengths.reshape(-1, tokens.segments).max(axis=0, initial=1).tolist()
    return *longest, int(np.diff(tokens.example_offsets).max(initial=1))
