"""Integers of other widths as the compiled code counts: 64 bits, signed. Compiled into the caller, so it costs nothing.

A number from an array of bytes or of 32 bits keeps its narrow type in numba, and unsigned with signed 64 bits makes a
float. So whatever goes on into arithmetic is widened first.
"""

import numpy as np

from detector.columns.compiled import compiled_inline

LOW_16 = 0xFFFF
LOW_32 = 0xFFFFFFFF
"""The bits of 16 and of 32, and the most that they count to when unsigned."""
_SIGN_32 = 0x80000000


@compiled_inline
def as_int(value: int | np.integer) -> int:
    """Widen to 64 bits: a signed number keeps its sign; an unsigned one of 64 bits must be below 2**63."""
    return int(np.int64(value))


@compiled_inline
def as_unsigned(value: int | np.integer) -> int:
    """Read the low 32 bits as a number from 0 to `LOW_32`."""
    return int(np.int64(value) & LOW_32)


@compiled_inline
def difference(one: int | np.integer, other: int | np.integer) -> int:
    """Return `one - other` of which 32 bits are known: the value nearest to 0, from -2**31 to 2**31 - 1."""
    return ((one - other + _SIGN_32) & LOW_32) - _SIGN_32
