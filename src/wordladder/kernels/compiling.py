# mypy: ignore-errors
"""How kernels are compiled."""

import zlib
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.cpu import CPUTargetOptions

# Numba counts references to an array wherever a function takes it from a tuple or hands it on: atomic
# operations, a hundred for each word of a text, and half of the time. What allocates nothing needs no count.
_UNCOUNTED = {"_nrt": False} if hasattr(CPUTargetOptions, "_nrt") else {}

bare: Any = njit(nogil=True, fastmath=True, cache=True, **_UNCOUNTED)
"""Compiles a kernel that works on the arrays passed in and allocates none."""

inlined: Any = njit(nogil=True, fastmath=True, forceinline=True, **_UNCOUNTED)
"""Compiles a part of such a kernel into it, whatever its size."""

exact: Any = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
"""Compiles a kernel in which a product and a sum may become one instruction; nothing is reordered."""


def fingerprint(*files: str) -> int:
    """A number that changes when one of these source files does; 0 where the sources cannot be read.

    Numba's cache on disk looks only at the file that a kernel is in. A kernel that inlines functions of other
    files has their fingerprint as the default of its last argument: a default is part of the signature, so
    the cache also sees a change in those files.
    """
    try:
        return zlib.crc32(b"".join(Path(file).read_bytes() for file in files))
    except OSError:
        return 0
