"""The matrices of a compressed fastText model (`.ftz`): product quantisation, decoded to float32.

Joulin et al. 2016, "FastText.zip: Compressing text classification models", section 3.1. A row is cut into
pieces, and each piece is the number of one of 256 centroids; the length of a row may be quantised apart.
"""

import numpy as np

from ._cursor import Cursor

_CENTROIDS = 256


def read_quantised(cursor: Cursor, what: str) -> np.ndarray:
    """The matrix (rows, dim), float32.

    Raises:
        VectorsError: the file ends before, or its numbers do not fit together.
    """
    at = cursor.at
    apart, rows, dim, size = cursor.numbers("?qqi", what)
    if rows < 0 or dim < 1 or size < 0 or (rows and size % rows):
        raise cursor.error(at, f"{what} of {rows} x {dim} numbers cannot have {size} codes")
    codes = cursor.array("u1", (size,), f"the codes of {what}")
    found = _decoded(cursor, codes, rows, dim, what)
    if apart:
        lengths = cursor.array("u1", (rows,), f"the lengths of {what}")
        found *= _decoded(cursor, lengths, rows, 1, f"the lengths of {what}")
    return found


def _decoded(cursor: Cursor, codes: np.ndarray, rows: int, dim: int, what: str) -> np.ndarray:
    """Read a quantiser and put its centroids where the codes stand: (rows, dim)."""
    at = cursor.at
    wide, pieces, width, last = cursor.numbers("4i", f"the quantiser of {what}")
    fits = width > 0 and pieces > 0 and wide == dim == (pieces - 1) * width + last and 0 < last <= width
    if not fits or len(codes) != rows * pieces:
        raise cursor.error(
            at,
            f"the quantiser of {what} has {pieces} pieces of {width} numbers, the last of {last}, which do "
            f"not fit {rows} x {dim} numbers in {len(codes)} codes",
        )
    centroids = cursor.array("<f4", (_CENTROIDS * dim,), f"the centroids of {what}")
    codes = codes.reshape(rows, pieces)
    found = np.empty((rows, dim), np.float32)
    for piece in range(pieces):
        size = last if piece == pieces - 1 else width
        begin = piece * _CENTROIDS * width
        table = centroids[begin : begin + _CENTROIDS * size].reshape(_CENTROIDS, size)
        found[:, piece * width : piece * width + size] = table[codes[:, piece]]
    return found
