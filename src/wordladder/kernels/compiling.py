# mypy: ignore-errors
"""How the kernels of word vectors are compiled."""

from typing import Any

from numba import njit
from numba.core.cpu import CPUTargetOptions

# Numba counts references to an array wherever a function takes it from a tuple or hands it on: atomic
# operations, a hundred for each word of a text, and half of the time. What allocates nothing needs no count.
_UNCOUNTED: dict[str, Any] = {"_nrt": False} if hasattr(CPUTargetOptions, "_nrt") else {}

bare = njit(nogil=True, fastmath=True, cache=True, **_UNCOUNTED)
"""Compiles a kernel that works on arrays given to it and makes none."""

inlined = njit(nogil=True, fastmath=True, forceinline=True, **_UNCOUNTED)
"""Compiles a part of such a kernel into it, whatever its size."""
