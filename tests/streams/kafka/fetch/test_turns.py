"""Turns of partitions: every record in order, a poll as large as was told, and no partition before all others."""

from itertools import chain
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.fetch.turns import Turns
from streams.kafka.fetched import Rows, rows_of


def rows(first: int, end: int) -> Rows:
    return rows_of((offset, 1_700_000_000_000, None, b"%d" % offset) for offset in range(first, end))


def nobody() -> None:
    """Waits for nothing."""


def always(_: object) -> bool:
    return True


@given(
    st.lists(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 40)), max_size=8),
    st.lists(st.integers(1, 25) | st.none(), min_size=1),
)
def test_every_record_is_handed_out_once_and_in_order_and_no_poll_is_too_large(
    fetches: list[dict[str, int]], mosts: list[int | None]
) -> None:
    """However small polls have to be, and whatever is fetched between two of them."""
    turns, fetched, handed_out = Turns(30, nobody), dict.fromkeys("abcde", 0), dict[str, list[int]]()
    most, told = 30, chain(mosts, *[[mosts[-1]]] * 1_000)
    waiting = iter(fetches)
    while True:
        for partition, count in next(waiting, {}).items():
            if partition not in turns.waiting:
                turns.add(partition, rows(fetched[partition], fetched[partition] + count))
                fetched[partition] += count
        parts = turns.take()
        if not parts:
            break
        assert sum(len(taken) for _, taken in parts) <= most
        assert len({partition for partition, _ in parts}) == len(parts)
        for partition, taken in parts:
            handed_out.setdefault(partition, []).extend(taken.offsets())
        told_most = next(told)
        most = told_most or 30
        turns.hand_out()(told_most)

    for partition, count in fetched.items():
        assert handed_out.get(partition, []) == list(range(count))


def test_what_was_fetched_of_others_meanwhile_does_not_wait_for_all_that_one_has() -> None:
    """A thousand dear calls of one partition: one call of another is in the next poll."""
    turns = Turns(2_048, nobody)
    turns.hand_out()(16)
    turns.add("dear", rows(0, 1_000))
    assert [len(taken) for _, taken in turns.take()] == [16]

    turns.add("good", rows(0, 1))

    assert [(partition, len(taken)) for partition, taken in turns.take()] == [("dear", 15), ("good", 1)]
    assert set(turns.waiting) == {"dear"}


def test_the_next_poll_waits_for_the_last_one_only_while_something_is_left() -> None:
    """While all that was fetched fits, polls follow one another; else the next grows until the last was screened."""
    told: list[str] = []
    turns = Turns(10, lambda: told.append("screened"))
    turns.add("a", rows(0, 10))
    turns.take()
    first = turns.hand_out()
    assert not turns.is_behind

    turns.add("a", rows(10, 30))
    turns.take()
    second = turns.hand_out()
    assert turns.is_behind
    first(10)
    assert turns.is_behind, "of two, the latest counts"
    second(10)

    assert not turns.is_behind
    assert told == ["screened", "screened"]


def test_while_calls_are_plain_a_poll_is_of_one_partition_after_the_other() -> None:
    """As they were fetched, and what was cut goes on first."""
    turns = Turns(30, nobody)
    turns.add("a", rows(0, 40))
    turns.add("b", rows(0, 10))

    assert [(partition, len(taken)) for partition, taken in turns.take()] == [("a", 30)]
    turns.hand_out()(None)
    assert [(partition, len(taken)) for partition, taken in turns.take()] == [("a", 10), ("b", 10)]


def test_a_poll_is_never_larger_than_its_bound() -> None:
    """Whatever is told."""
    turns = Turns(10, nobody)
    turns.hand_out()(1_000)
    turns.add("a", rows(0, 30))

    assert [len(taken) for _, taken in turns.take()] == [10]


def waiting(turns: Turns, fetched_in: object) -> Turns:
    turns.keep(fetched_in, always)
    turns.add("a", rows(0, 30))
    turns.add("b", rows(0, 30))
    return turns


def test_what_was_fetched_in_another_time_is_dropped_and_has_to_be_fetched_again() -> None:
    """A rebalance lies between, or the log is another one."""
    turns = waiting(Turns(10, nobody), (1, 0))
    turns.take()
    turns.hand_out()

    turns.keep((2, 0), always)

    assert not turns.waiting
    assert not turns.is_behind
    assert turns.take_dropped({"a", "c"}) == {"a"}
    assert turns.take_dropped({"a", "b"}) == {"b"}, "each is told once"


def test_what_may_not_be_read_any_more_is_dropped_alone() -> None:
    """A log is in doubt; the others go on."""
    turns = waiting(Turns(10, nobody), (1, 0))

    turns.keep((1, 0), lambda partition: partition != "a")

    assert set(turns.waiting) == {"b"}
    assert turns.take_dropped({"a", "b"}) == {"a"}


def test_what_was_fetched_and_dropped_by_others_is_remembered_too() -> None:
    """And all that waits goes when the driver says so."""
    turns = waiting(Turns(10, nobody), (1, 0))
    turns.miss(["c"])
    turns.drop()
    found: Any = turns.take_dropped({"a", "b", "c"})

    assert found == {"a", "b", "c"}
    assert turns.take() == []
