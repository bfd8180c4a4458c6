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
def _absorb(
    data: NDArray[np.uint8], start: int, stop: int, state: np.uint64, word: np.uint64, filled: int
) -> tuple[np.uint64, np.uint64, int]:
    """Take in `data[start:stop]`: 8 bytes at a time are scrambled, `filled` bytes of the next 8 wait in `word`."""
    for position in range(start, stop):
        word |= np.uint64(data[position]) << np.uint64(_BYTE_BITS * filled)
        filled += 1
        if filled == _BYTE_BITS:
            state = scramble(state ^ word) + _INCREMENT
            word = np.uint64(0)
            filled = 0
    return state, word, filled


@compiled
def _begin(length: int, seed: int) -> np.uint64:
    return scramble(np.uint64(seed) + _INCREMENT * np.uint64(length + 1))


@compiled
def _key(state: np.uint64) -> int:
    return int(np.int64((state & _KEY_MASK) | _HASHED_BIT))


@compiled
def hash_bytes(data: NDArray[np.uint8], start: int, stop: int, seed: int) -> int:
    """Hash `data[start:stop]`, shape (n,) uint8, to a key with `HASHED` set."""
    state, word, _ = _absorb(data, start, stop, _begin(stop - start, seed), np.uint64(0), 0)
    return _key(scramble(state ^ word))


@compiled
def hash_pair(
    data: NDArray[np.uint8],
    first: NDArray[np.int64],
    separator: NDArray[np.uint8],
    second: NDArray[np.int64],
    seed: int,
) -> int:
    """Hash two spans of `data` with a separator between them, as `hash_bytes` hashes the three joined."""
    state = _begin(first[1] - first[0] + len(separator) + second[1] - second[0], seed)
    state, word, filled = _absorb(data, first[0], first[1], state, np.uint64(0), 0)
    state, word, filled = _absorb(separator, 0, len(separator), state, word, filled)
    state, word, filled = _absorb(data, second[0], second[1], state, word, filled)
    return _key(scramble(state ^ word))


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
