"""Seeded 64-bit hashing of text, the same in every process and on every machine; Python's own `hash` is not.

Not cryptographic: keys and sketches only. Whoever knows the seed can choose texts that collide, so a fleet of workers
has one that nobody else knows. Functions are compiled; keys are non-negative int64, to fit every array.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Bytes
from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.integers import as_int

_INCREMENT = np.uint64(0x9E3779B97F4A7C15)  # splitmix64: Steele, Lea, Flood 2014
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_1 = np.uint64(30)
_SHIFT_2 = np.uint64(27)
_SHIFT_3 = np.uint64(31)
_ONE, _BYTE_BITS, _WORD_BYTES, _LAST_BIT = np.uint64(1), np.uint64(8), np.uint64(8), np.uint64(63)
_NOTHING = np.uint64(0)

PUBLIC_SEED = 1
"""Of replay and training, whose results are to be the same everywhere, and of a fleet that has no secret."""

HASHED = 1 << 62
"""Set in every hashed key: no telephone number read as an integer reaches it, so the two never meet."""
_HASHED_BIT, _KEY_MASK = np.uint64(HASHED), np.uint64(HASHED - 1)


@compiled_borrowing
def scramble(value: np.uint64) -> np.uint64:
    """Return `value` with every input bit spread over all 64 output bits (the splitmix64 finaliser, a bijection)."""
    mixed = (value ^ (value >> _SHIFT_1)) * _MULTIPLIER_1
    mixed = (mixed ^ (mixed >> _SHIFT_2)) * _MULTIPLIER_2
    return mixed ^ (mixed >> _SHIFT_3)


@compiled_borrowing
def salt_of(seed: int) -> np.uint64:
    """Return what the items of distinct counts are mixed with; nothing for the public seed."""
    return scramble(np.uint64(seed)) ^ scramble(np.uint64(PUBLIC_SEED))


@compiled_inline
def load(data: NDArray[np.uint8], i: np.uint64) -> np.uint64:
    """Load `data[i:i + 8]`, the first byte lowest, which all have to be there: one instruction, no check of bounds."""
    return (
        np.uint64(data[i])
        | np.uint64(data[i + np.uint64(1)]) << np.uint64(8)
        | np.uint64(data[i + np.uint64(2)]) << np.uint64(16)
        | np.uint64(data[i + np.uint64(3)]) << np.uint64(24)
        | np.uint64(data[i + np.uint64(4)]) << np.uint64(32)
        | np.uint64(data[i + np.uint64(5)]) << np.uint64(40)
        | np.uint64(data[i + np.uint64(6)]) << np.uint64(48)
        | np.uint64(data[i + np.uint64(7)]) << np.uint64(56)
    )


@compiled_inline
def _absorb(
    data: NDArray[np.uint8], start: int, stop: int, state: np.uint64, word: np.uint64, filled: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Take in `data[start:stop]`: 8 bytes at a time are scrambled, what is left waits in the lowest bits of `word`.

    `filled` says how many of its bits wait, below 64.
    """
    i, end = np.uint64(start), np.uint64(stop)
    while end - i >= _WORD_BYTES:
        loaded = load(data, i)
        i += _WORD_BYTES
        state = scramble(state ^ (word | (loaded << filled))) + _INCREMENT
        word = (loaded >> _ONE) >> (_LAST_BIT - filled)  # in two steps: 64 bits at once are none to a processor
    while i < end:
        word |= np.uint64(data[i]) << filled
        i += _ONE
        filled += _BYTE_BITS
        if filled > _LAST_BIT:
            state = scramble(state ^ word) + _INCREMENT
            word = filled = np.uint64(0)
    return state, word, filled


@compiled_borrowing
def _begin(length: int, seed: int) -> np.uint64:
    return scramble(np.uint64(seed) + _INCREMENT * np.uint64(length + 1))


@compiled_borrowing
def _key(state: np.uint64) -> int:
    return as_int((state & _KEY_MASK) | _HASHED_BIT)


@compiled_borrowing
def hash_bytes(data: NDArray[np.uint8], start: int, stop: int, seed: int) -> int:
    """Hash `data[start:stop]`, shape (n,) uint8, to a key with `HASHED` set; `seed` is from 0 to 2**63 - 1."""
    state, word, _ = _absorb(data, start, stop, _begin(stop - start, seed), _NOTHING, _NOTHING)
    return _key(scramble(state ^ word))


@compiled_borrowing
def hash_pair(
    data: NDArray[np.uint8], first: tuple[int, int], separator: int, second: tuple[int, int], seed: int
) -> int:
    """Hash two spans of `data` with the byte `separator` between them, as `hash_bytes` hashes the three joined.

    Args:
        data: Shape (bytes,) uint8.
        first: Start and stop of the text that comes first.
        separator: From 0 to 255.
        second: Start and stop of the other.
        seed: From 0 to 2**63 - 1.

    Returns:
        A key with `HASHED` set, below 2**63.
    """
    state = _begin(first[1] - first[0] + 1 + second[1] - second[0], seed)
    state, word, filled = _absorb(data, first[0], first[1], state, _NOTHING, _NOTHING)
    word |= np.uint64(separator) << filled
    filled += _BYTE_BITS
    if filled > _LAST_BIT:
        state = scramble(state ^ word) + _INCREMENT
        word = filled = _NOTHING
    state, word, _ = _absorb(data, second[0], second[1], state, word, filled)
    return _key(scramble(state ^ word))


@compiled_borrowing
def mix(seed: int, value: int, other: int) -> int:
    """Combine two integers from 0 to 2**63 - 1 to a key with `HASHED` set; order matters."""
    state = scramble(np.uint64(value) ^ scramble(np.uint64(seed) + _INCREMENT))
    return _key(scramble(state + _INCREMENT * (np.uint64(other) + np.uint64(1))))


def hash_text(text: str, *, seed: int) -> int:
    """Hash one string as `hash_bytes` does: the same key in every process and on every machine.

    Args:
        text: Any string; lone surrogates are allowed.
        seed: From 0 to 2**63 - 1.

    Returns:
        A key with `HASHED` set, below 2**63.
    """
    data = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    return int(hash_bytes(data, 0, len(data), seed))


def name_of(seed: int) -> str:
    """Name a seed without telling it: 16 hex digits, for whoever must know whether two have the same one."""
    return hashlib.blake2b(seed.to_bytes(8, "little"), digest_size=8, person=b"name of a seed").hexdigest()


@compiled_borrowing
def same_bytes(data: Bytes, start: int, other: Bytes, other_start: int, length: int) -> bool:
    """Tell whether `length` bytes of two texts are the same, from these places on."""
    i, stop, j = np.uint64(start), np.uint64(start + length), np.uint64(other_start)
    while i < stop:
        if data[i] != other[j]:
            return False
        i += _ONE
        j += _ONE
    return True
