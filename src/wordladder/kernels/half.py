# mypy: ignore-errors
"""bfloat16 in kernels, which know no such type: the bits, as int16, of the upper half of a float32."""

import numpy as np
from numba import njit


@njit(inline="always")
def widened(bits):
    """A bfloat16 as float32."""
    return np.int32(np.int32(bits) << 16).view(np.float32)


@njit(inline="always")
def narrowed(number):
    """The bfloat16 nearest to a float32; of two as near the even one."""
    bits = np.float32(number).view(np.int32)
    return np.int16((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)
