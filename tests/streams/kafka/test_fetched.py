"""Records as they were fetched: cut into batches, put side by side, and found again by their position."""

from itertools import pairwise

import numpy as np
import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from detector.columns.membership import hash_texts
from streams.kafka.fetched import FetchedBatch, Rows, gather, rows_of
from streams.wire.record_columns import records_of

Record = tuple[int, int, bytes | None, bytes | None]

VALUES = st.none() | st.binary(max_size=30)
PARTS = st.lists(st.lists(VALUES, min_size=1, max_size=6), min_size=1, max_size=4)


def rows(values: list[bytes | None], first: int = 0) -> Rows:
    """Records of one partition, a millisecond apart."""
    return rows_of((first + n, 1_000 + first + n, b"key-%d" % n, value) for n, value in enumerate(values))


@given(PARTS)
def test_what_is_gathered_is_what_records_of_the_same_values_are(parts: list[list[bytes | None]]) -> None:
    """The layout that the scan relies on, without an object for any of them."""
    gathered = gather([(number, rows(values)) for number, values in enumerate(parts)])

    partitions = [number for number, values in enumerate(parts) for _ in values]
    arrivals_ms = [1_000 + n for values in parts for n in range(len(values))]
    expected = records_of([value for values in parts for value in values], partitions, arrivals_ms)
    assert gathered.data.tobytes() == expected.data.tobytes()
    for name in ("spans", "partitions", "arrivals_ms"):
        assert getattr(gathered, name).tolist() == getattr(expected, name).tolist()
        assert getattr(gathered, name).dtype == np.int64
    assert not gathered.data.flags.writeable
    assert gathered.spans.flags.c_contiguous


def test_a_slice_of_a_partition_is_gathered_without_the_rest() -> None:
    """A poll is cut anywhere."""
    some = rows([b"a", b"bb", None, b"dddd"])[1:3]

    gathered = gather([(7, some)])

    assert [gathered.value(position) for position in range(2)] == [b"bb", None]
    assert gathered.arrivals_ms.tolist() == [1_001, 1_002]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.integers(0, 3), st.lists(st.integers(0, 9), max_size=4))
def test_slices_cover_every_offset_between_them(holes: list[int], behind: int, cuts: list[int]) -> None:
    """Those without a record too, once each: what was covered may be committed."""
    offsets = [10 + sum(holes[: place + 1]) + place for place in range(len(holes))]
    end = offsets[-1] + 1 + behind
    whole = rows_of(((offset, 0, None, b"") for offset in offsets), 10, end)
    bounds = [0, *sorted(min(cut, len(holes)) for cut in cuts), len(holes)]

    pieces = [whole[first:last] for first, last in pairwise(bounds)]

    assert [one.begin for one in pieces] == [10, *(one.end for one in pieces[:-1])]
    assert pieces[-1].end == end
    assert [offset for one in pieces for offset in one.offsets()] == offsets
    for one in pieces:
        assert all(one.begin <= offset < one.end for offset in one.offsets())


def test_each_record_of_a_batch_is_found_where_it_came_from() -> None:
    """Partition after partition."""
    batch = FetchedBatch([(TP("t", 3), rows([b"a", b"b"], first=10)), (TP("t", 5), rows([b"c"], first=90))])

    assert [batch.place(position) for position in range(3)] == [("t", 3, 10), ("t", 3, 11), ("t", 5, 90)]
    assert batch.keys() == [batch.key(position) for position in range(3)] == [b"key-0", b"key-1", b"key-0"]
    assert batch.ends == [(3, 12), (5, 91)]
    assert batch.key_hashes().tolist() == hash_texts(["key-0", "key-1", "key-0"]).tolist()
    for beyond in (batch.place, batch.key):
        with pytest.raises(IndexError):
            beyond(3)
