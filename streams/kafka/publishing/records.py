"""Records that are to be published: one by one, and many side by side in one buffer, without an object for each."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Bytes, Ints
from detector.columns.lazy_sequence import LazySequence
from streams.kafka.partitioner import places_of

Record = tuple[bytes | None, bytes | None]
"""Key and value; a null value deletes the key from a compacted topic. Only `publish_to` takes one without a key."""
KEY_START, KEY_STOP, VALUE_START, VALUE_STOP = range(4)
"""Columns of spans; starts and stops are positions in the data, -1 twice for null."""
_COLUMNS = 4
_NULL = -1


class Perishable(NamedTuple):
    """A record that must not be published as it is once it is old.

    Attributes:
        key: decides the partition.
        value: published up to `expires_ms`.
        expires_ms: wall clock, epoch milliseconds.
        late: makes the value that is published after it; called at most once.
    """

    key: bytes
    value: bytes
    expires_ms: int
    late: Callable[[], bytes]


class Packed(LazySequence[Record | Perishable]):
    """Records side by side; one is made when somebody asks for it. Parts of it share its buffer and copy nothing.

    Args:
        data: holds keys and values, shape (bytes,), read-only.
        spans: where they stand, shape (n, 4), contiguous; see `KEY_START`.
        perishable: those that may become late, by place; what stands in the buffer is their key and value.
    """

    __slots__ = ("data", "perishable", "spans")

    def __init__(self, data: Bytes, spans: Ints, perishable: Mapping[int, Perishable]) -> None:
        self.data = data
        self.spans = spans
        self.perishable = perishable

    def __len__(self) -> int:
        """Number of records."""
        return len(self.spans)

    def _make(self, index: int) -> Record | Perishable:
        if index in self.perishable:
            return self.perishable[index]
        key_start, key_stop, value_start, value_stop = self.spans[index].tolist()
        return self._cut(key_start, key_stop), self._cut(value_start, value_stop)

    def _cut(self, start: int, stop: int) -> bytes | None:
        return None if start < 0 else self.data[start:stop].tobytes()

    def part(self, start: int, stop: int) -> "Packed":
        """The records from one place up to another one."""
        if start == 0 and stop == len(self):
            return self
        inside = {place - start: one for place, one in self.perishable.items() if start <= place < stop}
        return Packed(self.data, self.spans[start:stop], inside)

    def by_partition(self, partitions: int) -> Iterator[tuple[int, "Packed"]]:
        """Those of each partition that has any, in order; a record without a key counts as one with an empty key.

        Args:
            partitions: of the topic; keys decide as with Kafka's default partitioner.
        """
        if not len(self.spans):
            return
        places = places_of(self.data, self.spans, partitions)
        if places[0] == places[-1] and (places == places[0]).all():
            yield places.item(0), self
            return
        order = np.argsort(places, kind="stable")
        ends = np.cumsum(np.bincount(places, minlength=partitions)).tolist()
        spans, inside = self.spans[order], self._perishable_by(places, order, ends)
        for partition, (start, stop) in enumerate(zip([0, *ends], ends, strict=False)):
            if start < stop:
                yield partition, Packed(self.data, spans[start:stop], inside.get(partition, {}))

    def _perishable_by(
        self, places: Ints, order: NDArray[np.intp], ends: list[int]
    ) -> dict[int, dict[int, Perishable]]:
        """Perishable ones by partition and place among its records."""
        found: dict[int, dict[int, Perishable]] = {}
        if self.perishable:
            rank = np.empty(len(order), np.int64)
            rank[order] = np.arange(len(order))
            for place, one in self.perishable.items():
                partition = places.item(place)
                first = ends[partition - 1] if partition else 0
                found.setdefault(partition, {})[rank.item(place) - first] = one
        return found

    def alone(self) -> "Packed":
        """The same in a buffer of their own. A shared one is kept as long as any part of it."""
        return packed(list(self))

    def as_of(self, now_ms: int) -> "Packed":
        """The same with the late forms of what is late by now, epoch milliseconds; they are made here, once.

        Raises:
            ValueError: A late form cannot be made.
        """
        if not any(now_ms > one.expires_ms for one in self.perishable.values()):
            return self
        return packed(
            _late(one) if isinstance(one, Perishable) and now_ms > one.expires_ms else one for one in list(self)
        )


def _late(record: Perishable) -> Record:
    try:
        return record.key, record.late()
    except Exception as error:  # what it says may quote a phone number
        raise ValueError(f"the late form of a record cannot be made, {type(error).__name__}") from error


def packed(records: Iterable[Record | Perishable]) -> Packed:
    """Put records side by side; what is so already stays as it is.

    Raises:
        TypeError: A key or value is neither bytes nor null.
    """
    if isinstance(records, Packed):
        return records
    made = list(records)
    texts = [text for record in made for text in record[:2]]
    whole = b"".join([text for text in texts if text is not None])
    ends = np.fromiter(accumulate(0 if text is None else len(text) for text in texts), np.int64, len(texts))
    spans = np.empty((len(texts), 2), np.int64)
    spans[:, 1] = ends
    spans[1:, 0], spans[:1, 0] = ends[:-1], 0
    spans[[text is None for text in texts]] = _NULL
    perishable = {place: one for place, one in enumerate(made) if isinstance(one, Perishable)}
    return Packed(np.frombuffer(whole, np.uint8), spans.reshape(-1, _COLUMNS), perishable)
