"""Seeded 64-bit hashing of text, the same in every process and on every machine; Python's own `hash` is not.

Not cryptographic: keys and sketches only. Functions are compiled; keys are non-negative int64, to fit every array.
"""

import numpy as np
from numpy.typing import NDArray

from detector.compiled import compiled

_INCREMENT = np.uint64(0x9E3779B97F4A7C15)  # splitmix64: Steele, Lea, Flood 2014
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_1 = np.uint64(30)
_SHIFT_2 = np.uint64(27)
_SHIFT_3 = np.uint64(31)
_BYTE_BITS = 8
_KEY_MASK = np.uint64(0x3FFFFFFFFFFFFFFF)
_HASHED_BIT = np.uint64(0x4000000000000000)

HASHED = 1 << 62
"""Set in every hashed key: no telephone number read as an integer reaches it, so the two never meet."""


@compiled
def scramble(value: np.uint64) -> np.uint64:
    """Return `value` with every input bit spread over all 64 output bits (the splitmix64 finaliser, a bijection)."""
    mixed = (value ^ (value >> _SHIFT_1)) * _MULTIPLIER_1
    mixed = (mixed ^ (mixed >> _SHIFT_2)) * _MULTIPLIER_2
    return mixed ^ (mixed >> _SHIFT_3)


@compiled
def hash_bytes(data: NDArray[np.uint8], start: int, stop: int, seed: int) -> int:
    """Hash `data[start:stop]`, shape (n,) uint8, to a key with `HASHED` set."""
    state = scramble(np.uint64(seed) + _INCREMENT * np.uint64(stop - start + 1))
    word = np.uint64(0)
    filled = 0
    for position in range(start, stop):
        word |= np.uint64(data[position]) << np.uint64(_BYTE_BITS * filled)
        filled += 1
        if filled == _BYTE_BITS:
            state = scramble(state ^ word) + _INCREMENT
            word = np.uint64(0)
            filled = 0
    state = scramble(state ^ word)
    return int(np.int64((state & _KEY_MASK) | _HASHED_BIT))


@compiled
def mix(seed: int, value: int, other: int) -> int:
    """Combine two integers to a key with `HASHED` set; order matters."""
    state = scramble(np.uint64(value) ^ scramble(np.uint64(seed) + _INCREMENT))
    state = scramble(state + _INCREMENT * (np.uint64(other) + np.uint64(1)))
    return int(np.int64((state & _KEY_MASK) | _HASHED_BIT))


def hash_text(text: str, *, seed: int) -> int:
    """Hash one string as `hash_bytes` does."""
    data = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    return int(hash_bytes(data, 0, len(data), seed))
