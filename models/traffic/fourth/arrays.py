"""Arrays of the fourth author's generator: their types, a stable hash, and random numbers that have a name.

Every draw belongs to a seed, a purpose and mostly an hour. So an hour of a carrier is the same in whatever span it is.
"""

import zlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_WORD = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15


def draws(seed: int, purpose: str, *more: int) -> np.random.Generator:
    """Random numbers of a purpose: the same ones for the same arguments, which are all at least 0."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *more])


def hashed(values: ArrayLike, salt: int) -> Ints:
    """Hash integers by splitmix64.

    Args:
        values: any shape; a single one gives one element.
        salt: another one, another hash.

    Returns:
        As many, at least one-dimensional, in [0, 2**63).
    """
    word = np.atleast_1d(np.asarray(values)).astype(np.int64).view(np.uint64)
    word = word * np.uint64(_STEP) + np.uint64((salt * _STEP + _STEP) & _WORD)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((word ^ (word >> np.uint64(31))) >> np.uint64(1)).view(np.int64)


def fractions(values: ArrayLike, salt: int) -> Floats:
    """Hash integers to numbers evenly spread over [0, 1)."""
    return hashed(values, salt) / float(1 << 63)


def salt_of(seed: int, purpose: str) -> int:
    """A salt for the hash of a purpose."""
    return (seed << 32) ^ zlib.crc32(purpose.encode())


def skewed(size: int, heaviness: float) -> Floats:
    """Weights of ranks that sum to 1: the first is the heaviest, as `rank ** -heaviness`."""
    weights: Floats = np.arange(1, size + 1, dtype=np.float64) ** -heaviness
    weights /= weights.sum()
    return weights
