"""Partition of a key as Kafka's default partitioner computes it: murmur2, compiled, for a whole batch of keys."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.columns.compiled import compiled_borrowing

_SEED, _MULTIPLIER = np.uint32(0x9747B28C), np.uint32(0x5BD1E995)
_SHIFT, _LAST_SHIFT, _TAIL_SHIFT = np.uint32(24), np.uint32(15), np.uint32(13)
_POSITIVE = np.uint32(0x7FFFFFFF)
_WORD_BYTES = 4


@compiled_borrowing
def _hash(data: NDArray[np.uint8], start: int, stop: int) -> np.uint32:
    """MurmurHash2 of Austin Appleby, 32 bits, with the seed of Kafka's Java client."""
    hashed = np.uint32(_SEED ^ np.uint32(stop - start))
    at = start
    while stop - at >= _WORD_BYTES:
        word = np.uint32(0)
        for offset in range(_WORD_BYTES):
            word |= np.uint32(data[at + offset]) << np.uint32(8 * offset)
        word = np.uint32(word * _MULTIPLIER)
        word ^= word >> _SHIFT
        hashed = np.uint32(hashed * _MULTIPLIER) ^ np.uint32(word * _MULTIPLIER)
        at += _WORD_BYTES
    if at < stop:
        for offset in range(stop - at):
            hashed ^= np.uint32(data[at + offset]) << np.uint32(8 * offset)
        hashed = np.uint32(hashed * _MULTIPLIER)
    hashed ^= hashed >> _TAIL_SHIFT
    hashed = np.uint32(hashed * _MULTIPLIER)
    return np.uint32(hashed ^ (hashed >> _LAST_SHIFT))


@compiled_borrowing
def _place(data: NDArray[np.uint8], lengths: NDArray[np.int64], partitions: int, places: NDArray[np.int64]) -> None:
    """Fill `places` for keys that stand one behind the other."""
    at = 0
    for row in range(len(lengths)):
        places[row] = np.int64(_hash(data, at, at + lengths[row]) & _POSITIVE) % partitions
        at += lengths[row]


def partitions_of(keys: Sequence[bytes], partitions: int) -> list[int]:
    """Partition of each key, in order: 0 up to but not including `partitions`, which must be at least 1."""
    if partitions == 1:
        return [0] * len(keys)
    lengths = np.array([len(key) for key in keys], np.int64)
    places = np.empty(len(keys), np.int64)
    _place(np.frombuffer(b"".join(keys), np.uint8), lengths, partitions, places)
    found: list[int] = places.tolist()
    return found
