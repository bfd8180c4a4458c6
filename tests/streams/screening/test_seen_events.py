"""Which events came before, against a slow twin: plain lists of the latest different events of each partition."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.columns.call_columns import CallBatch, build_batch
from detector.contract.events import CallEnd, CallSetup
from streams.screening import seen_events
from streams.screening.seen_events import KEPT, SeenEvents

SEED = 7
Event = tuple[int, bool, str, int, str, str, str]
"""Partition, whether it is a set-up, call id, set-up time, calling number, called number, trunk group."""

EVENTS = st.tuples(
    st.integers(0, 2),
    st.booleans(),
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 1),
    st.sampled_from(["+12125550123", "sip:x"]),
    st.sampled_from(["+1", "911"]),
    st.sampled_from(["t", "u"]),
)


class Twin:
    """Remembers whole events, in lists."""

    def __init__(self) -> None:
        self.latest: dict[int, list[Event]] = {}

    def is_repeat(self, event: Event) -> bool:
        latest = self.latest.setdefault(event[0], [])
        if event in latest:
            return True
        latest.append(event)
        del latest[:-KEPT]
        return False


def batch_of(events: Iterable[Event]) -> CallBatch:
    events = list(events)
    made = [
        CallSetup(call_id=call, setup_time_ms=at, calling_number=calling, called_number=called, trunk_group_id=trunk)
        if is_setup
        else CallEnd(
            call_id=call, setup_time_ms=at, calling_number=calling, called_number=called, trunk_group_id=trunk,
            end_time_ms=at, sip_status=200, answer_time_ms=None,
        )
        for _, is_setup, call, at, calling, called, trunk in events
    ]  # fmt: skip
    return build_batch(made, [event[1] for event in events], [event[0] for event in events], seed=SEED)


def calls(numbers: Iterable[int], partition: int = 0) -> CallBatch:
    return batch_of((partition, True, f"call-{number}", number, "+12125550123", "+1", "t") for number in numbers)


@settings(max_examples=200)
@given(events=st.lists(EVENTS, max_size=60), cut=st.integers(1, 20), moved=st.sets(st.integers(0, 2)))
def test_what_came_before_is_found_however_events_are_cut(events: list[Event], cut: int, moved: set[int]) -> None:
    """Half way some partitions move to another worker by their copies, and come back to none of what was forgotten."""
    twin, one = Twin(), SeenEvents(SEED)
    for start in range(0, len(events), cut):
        if start >= len(events) // 2 and moved:
            other = SeenEvents(SEED)
            for partition in range(3):
                other.restore(partition, one.keys(partition))
            one = other
            for partition in moved:
                one.forget(partition)
                twin.latest.pop(partition, None)
            moved = set()
        part = events[start : start + cut]
        assert one.look(batch_of(part)).is_repeat.tolist() == [twin.is_repeat(event) for event in part]


def test_a_partition_remembers_its_latest_events_and_no_more() -> None:
    """Over several rounds of all slots, so that each was given up and taken anew; others have no part in it."""
    one = SeenEvents(SEED)
    for start in range(0, 3 * KEPT, 4_096):
        assert not one.look(calls(range(start, start + 4_096))).is_repeat.any()
        assert not one.look(calls(range(start, start + 100), partition=1)).is_repeat.any()

    assert one.look(calls(range(2 * KEPT, 3 * KEPT))).is_repeat.all()
    assert not one.look(calls(range(2 * KEPT - 100, 2 * KEPT))).is_repeat.any()
    assert one.look(calls(range(2 * KEPT + 100, 3 * KEPT))).is_repeat.all()
    assert not one.look(calls(range(2 * KEPT, 2 * KEPT + 100))).is_repeat.any()


def test_what_is_restored_of_too_much_is_the_latest() -> None:
    one, other = SeenEvents(SEED), SeenEvents(SEED)
    one.look(calls(range(10)))
    other.restore(0, np.concatenate((np.arange(1, KEPT - 4), one.keys(0))))

    assert other.look(calls(range(10))).is_repeat.all()
    assert other.look(calls(range(10, 10 + KEPT - 1))).slots.tolist()[0] == 0


def test_an_event_keeps_its_slot() -> None:
    one = SeenEvents(SEED)
    first = one.look(calls([1, 2, 3, 2]))

    assert first.slots.tolist() == [0, 1, 2, 1]
    assert one.look(calls([3, 4])).slots.tolist() == [2, 3]


def test_an_end_without_a_setup_time_is_known_by_its_call() -> None:
    end = CallEnd(
        call_id="a", setup_time_ms=None, calling_number="+12125550123", called_number="+1", trunk_group_id="t",
        end_time_ms=5, sip_status=200, answer_time_ms=None,
    )  # fmt: skip

    assert SeenEvents(SEED).look(build_batch([end, end], [False, False], seed=SEED)).is_repeat.tolist() == [False, True]


@pytest.mark.parametrize("seed", [1, 2**62])
def test_no_batch_is_larger_than_what_is_kept(seed: int) -> None:
    """The slots of a batch are different, whatever its size."""
    many = SeenEvents(seed).look(calls(range(4_096))).slots

    assert len(set(many.tolist())) == 4_096 <= seen_events.KEPT
