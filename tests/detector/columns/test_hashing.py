"""Seeded hashes against a byte-by-byte twin in plain integers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.columns.hashing import HASHED, hash_bytes, hash_pair, hash_text

MASK = (1 << 64) - 1
INCREMENT = 0x9E3779B97F4A7C15


def _scramble(value: int) -> int:
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31


def slow_hash(text: bytes, seed: int) -> int:
    """Splitmix64 over words of 8 bytes, the last one padded with zeros, the length first."""
    state = _scramble((seed + INCREMENT * (len(text) + 1)) & MASK)
    whole = len(text) // 8 * 8
    for start in range(0, whole, 8):
        state = (_scramble(state ^ int.from_bytes(text[start : start + 8], "little")) + INCREMENT) & MASK
    return _scramble(state ^ int.from_bytes(text[whole:], "little")) & (HASHED - 1) | HASHED


def _data(text: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(text, dtype=np.uint8)


@settings(max_examples=200)
@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(0, 2**32))
def test_hash_is_that_of_the_twin(before: bytes, text: bytes, seed: int) -> None:
    """Wherever the text stands in its buffer."""
    data = _data(before + text + b"x")

    assert hash_bytes(data, len(before), len(before) + len(text), seed) == slow_hash(text, seed)


@settings(max_examples=200)
@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(0, 2**32))
def test_hash_of_a_pair_is_that_of_the_joined(first: bytes, second: bytes, seed: int) -> None:
    """With the separator between them, wherever the words of 8 bytes begin."""
    data = _data(second + b"..." + first + b".")
    spans = (len(second) + 3, len(second) + 3 + len(first)), (0, len(second))

    assert hash_pair(data, spans[0], 0x1F, spans[1], seed) == slow_hash(first + b"\x1f" + second, seed)


def test_hashes_stay_what_they_are() -> None:
    """Windows on disk are kept under them."""
    assert hash_text("anonymous", seed=3) == slow_hash(b"anonymous", 3) == 6_447_915_645_391_438_567
