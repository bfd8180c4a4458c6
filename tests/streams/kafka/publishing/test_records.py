"""Records side by side, beside lists of the same records."""

from collections.abc import Callable

import numpy as np
import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.publishing.records import Packed, Perishable, Record, packed

NOW_MS = 1_000


def made_late() -> bytes:
    return b"late"


texts = st.none() | st.binary(max_size=12)
plain: st.SearchStrategy[Record | Perishable] = st.tuples(texts, texts)
perishable = st.builds(
    Perishable, st.binary(max_size=12), st.binary(max_size=12), st.integers(990, 1_010), st.just(made_late)
)
some = st.lists(plain | perishable, max_size=30)


def late_form(one: Record | Perishable) -> Record | Perishable:
    return (one.key, b"late") if isinstance(one, Perishable) and one.expires_ms < NOW_MS else one


def raising(text: str) -> Callable[[], bytes]:
    def raise_it() -> bytes:
        raise KeyError(text)

    return raise_it


@given(some, st.integers(0, 30), st.integers(0, 30))
def test_packed_records_and_parts_of_them_are_the_records(records: list[Record | Perishable], a: int, b: int) -> None:
    start, stop = sorted((min(a, len(records)), min(b, len(records))))
    one = packed(records)

    assert one == records
    assert [one[place] for place in range(len(records))] == records
    assert one.part(start, stop) == records[start:stop]
    assert one.part(start, stop).alone() == records[start:stop]
    assert packed(one) is one


@given(some, st.integers(1, 20))
def test_each_partition_gets_its_records_in_their_order(records: list[Record | Perishable], partitions: int) -> None:
    """By Kafka's default partitioner; what may become late stays so."""
    expected: dict[int, list[Record | Perishable]] = {}
    for one in records:
        place = DefaultPartitioner()(one[0] or b"", list(range(partitions)), [])
        expected.setdefault(place, []).append(one)

    assert {place: list(lot) for place, lot in packed(records).by_partition(partitions)} == expected


@given(some)
def test_what_is_late_has_its_late_form(records: list[Record | Perishable]) -> None:
    """From the instant after the last one at which it may leave as it is."""
    assert packed(records).as_of(NOW_MS) == [late_form(one) for one in records]


def test_nothing_is_copied_where_nothing_is_late() -> None:
    one = packed([(b"k", b"v"), Perishable(b"k", b"block", NOW_MS, made_late)])
    assert one.as_of(NOW_MS) is one


def test_a_part_on_its_own_keeps_nothing_else() -> None:
    """One that waits for long must not keep the answers of a whole batch."""
    whole = packed([(b"k", b"x" * 1_000), (b"k", b"y")])
    assert len(whole.part(1, 2).data) == len(whole.data) == 1_003
    assert len(whole.part(1, 2).alone().data) == 2


@pytest.mark.parametrize("record", [(b"key", "text, not bytes"), ("key", b"value"), (b"key", 7)])
def test_what_is_not_bytes_is_refused(record: object) -> None:
    with pytest.raises(TypeError):
        packed([record])  # type: ignore[list-item]  # what a bug would pass


def test_a_late_form_that_cannot_be_made_says_no_number() -> None:
    record = Perishable(b"k", b"block", 0, raising("+12025550123"))
    with pytest.raises(ValueError, match="KeyError") as told:
        packed([record]).as_of(NOW_MS)
    assert "2025550123" not in str(told.value)


def test_keys_and_values_may_stand_anywhere_in_a_buffer() -> None:
    """A key inside of its value, as the answers of a batch have it."""
    data = np.frombuffer(b'{"call_id":"c1"}', np.uint8)
    one = Packed(data, np.array([(12, 14, 0, 16)]), {})
    assert one == [(b"c1", b'{"call_id":"c1"}')]
