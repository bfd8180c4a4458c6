"""Partition of a key as Kafka's default partitioner computes it: murmur2, compiled, for a whole batch of keys."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from detector.columns.arrays import Bytes, Ints
from detector.columns.compiled import compiled_borrowing

_SEED, _MULTIPLIER = np.uint32(0x9747B28C), np.uint32(0x5BD1E995)
_SHIFT, _LAST_SHIFT, _TAIL_SHIFT = np.uint32(24), np.uint32(15), np.uint32(13)
_POSITIVE = np.uint32(0x7FFFFFFF)
_WORD_BYTES = 4


@compiled_borrowing
def _hash(data: Bytes, start: int, stop: int) -> np.uint32:
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
def _place(data: Bytes, spans: Ints, partitions: int, places: Ints) -> None:
    for row in range(len(spans)):
        places[row] = np.int64(_hash(data, spans[row, 0], spans[row, 1]) & _POSITIVE) % partitions


def places_of(data: Bytes, spans: Ints, partitions: int) -> Ints:
    """Partition of each key, shape (n,): 0 up to but not including `partitions`, which must be at least 1.

    Args:
        data: Holds the keys, shape (bytes,), read-only.
        spans: Start and stop of each key in its first two columns, shape (n, 2 or more), contiguous; an absent key
            (both are the same negative number) counts as empty.
        partitions: Of the topic.
    """
    places = np.zeros(len(spans), np.int64)
    if partitions > 1:
        _place(data, spans, partitions, places)
    return places


def partitions_of(keys: Sequence[bytes], partitions: int) -> list[int]:
    """Partition of each key, in order; as `places_of` computes it."""
    ends = np.fromiter(accumulate(map(len, keys)), np.int64, len(keys))
    spans = np.zeros((len(keys), 2), np.int64)
    spans[1:, 0], spans[:, 1] = ends[:-1], ends
    found: list[int] = places_of(np.frombuffer(b"".join(keys), np.uint8), spans, partitions).tolist()
    return found
