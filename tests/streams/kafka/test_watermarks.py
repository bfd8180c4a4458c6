"""Watermarks: what may be committed while polls are answered in any order.

One partition; each bar is a poll from its opening (offsets in it) to its closing, time runs to the right.

    poll 1  [0..3)   |----------------------|
    poll 2  [3..6)      |-------|
    poll 3  [6..9)         |-----------------------|
                     time ->    ^           ^      ^
    watermark        none       none        6      9      of 2 alone nothing may be committed: 0..3 are unanswered
    expected         3  6  9    9           9      9      what is handed out next, whatever was answered

The partition is taken away and comes back; the answer to a poll of before says nothing about what is read again.

    poll 1  [5..10)  |--------------------------|
    revoked               |
    poll 2  [5..8)              |-----------------------|
    watermark        none   none                ^none   ^8
"""

from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.watermarks import FEW, Watermarks


class NaiveWatermarks:
    """Keeps a set of handed-out and a set of answered offsets; the watermark is the first that is not answered."""

    def __init__(self) -> None:
        self.handed: dict[str, list[int]] = {}
        self.answered: dict[str, set[int]] = {}
        self.polls: dict[int, dict[str, list[int]]] = {}

    def watermark(self, partition: str) -> int | None:
        reached = None
        for offset in self.handed.get(partition, []):
            if offset not in self.answered[partition]:
                break
            reached = offset + 1
        return reached


PARTITIONS = ["a", "b", "c"]
# Each step: a poll of some records per partition, an answer to some earlier poll, or a revocation.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("poll"), st.dictionaries(st.sampled_from(PARTITIONS), st.integers(1, 5), min_size=1)),
        st.tuples(st.just("answer"), st.integers(0, 30)),
        st.tuples(st.just("revoke"), st.sets(st.sampled_from(PARTITIONS), min_size=1)),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 4))
def test_watermarks_equal_those_of_the_slow_twin(steps: list[tuple[str, object]], stride: int) -> None:
    """Whatever the order of polls, answers and revocations, gaps in the offsets included."""
    fast: Watermarks[str] = Watermarks()
    slow = NaiveWatermarks()
    following = dict.fromkeys(PARTITIONS, 0)
    tickets: list[int] = []

    for kind, detail in steps:
        if kind == "poll" and isinstance(detail, dict):
            spans = {p: [following[p] + stride * i for i in range(n)] for p, n in detail.items()}
            ticket = fast.open((p, offsets[-1] + 1) for p, offsets in spans.items())
            slow.polls[ticket] = spans
            tickets.append(ticket)
            for p, offsets in spans.items():
                following[p] = offsets[-1] + stride
                slow.handed.setdefault(p, []).extend(offsets)
                slow.answered.setdefault(p, set())
        elif kind == "answer" and isinstance(detail, int) and tickets:
            ticket = tickets[detail % len(tickets)]
            fast.close(ticket)
            for p, offsets in slow.polls.pop(ticket, {}).items():
                slow.answered.get(p, set()).update(offsets)
        elif kind == "revoke" and isinstance(detail, set):
            fast.forget(detail)
            for p in detail:
                slow.handed.pop(p, None)
                slow.answered.pop(p, None)
            slow.polls = {
                t: kept for t, s in slow.polls.items() if (kept := {p: o for p, o in s.items() if p not in detail})
            }
            following.update(dict.fromkeys(detail, 0))
        assert {p: fast.watermark(p) for p in PARTITIONS} == {p: slow.watermark(p) for p in PARTITIONS}
        assert fast.in_flight == len(slow.polls)


def test_of_polls_that_are_answered_out_of_order_what_lies_behind_a_gap_is_not_committed() -> None:
    """The first picture above."""
    marks: Watermarks[str] = Watermarks()
    one, two, three = marks.open([("a", 3)]), marks.open([("a", 6)]), marks.open([("a", 9)])
    reached: list[int | None] = []
    for ticket in (two, one, three):
        marks.close(ticket)
        reached.append(marks.watermark("a"))

    assert reached == [None, 6, 9]
    assert marks.expected("a") == 9


def test_a_late_answer_of_a_revoked_poll_does_not_move_the_new_assignment() -> None:
    """The second picture: the same partition comes back and is read again from the committed offset."""
    marks: Watermarks[str] = Watermarks()
    old = marks.open([("a", 10)])
    marks.forget({"a"})
    new = marks.open([("a", 8)])

    marks.close(old)

    assert marks.watermark("a") is None
    marks.close(new)
    assert marks.watermark("a") == 8


def test_reading_starts_where_it_was_told_and_goes_on_where_it_stopped() -> None:
    """`expect` holds only until something was handed out."""
    marks: Watermarks[str] = Watermarks()
    assert marks.expected("a") is None

    marks.expect("a", 7)
    assert marks.expected("a") == 7

    marks.open([("a", 12)])
    marks.expect("a", 7)
    assert marks.expected("a") == 12


def test_answering_twice_counts_once() -> None:
    """An acknowledgement may be repeated."""
    marks: Watermarks[str] = Watermarks()
    first, second = marks.open([("a", 3)]), marks.open([("a", 6)])

    marks.close(second)
    marks.close(second)

    assert marks.watermark("a") is None
    assert marks.in_flight == 1
    marks.close(first)
    assert marks.watermark("a") == 6


def test_a_poll_that_is_set_aside_leaves_the_flight_and_nothing_behind_it_is_committed() -> None:
    """Until it is closed; how far it is answered apart from it is known all the same."""
    marks: Watermarks[str] = Watermarks()
    one, two, three = marks.open([("a", 3)]), marks.open([("a", 6), ("b", 2)]), marks.open([("a", 9)])
    marks.close(one)
    marks.set_aside(two, 100)
    marks.set_aside(two, 100)
    marks.close(three)

    assert (marks.in_flight, marks.aside_bytes) == (0, 100)
    assert [marks.watermark(name) for name in "ab"] == [3, None]
    assert [marks.answered(name) for name in "ab"] == [9, 2]
    assert [marks.is_open(name) for name in "ab"] == [True, True]
    marks.close(two)
    marks.set_aside(two, 100)
    assert (marks.in_flight, marks.aside_bytes) == (0, 0)
    assert [marks.watermark(name) for name in "ab"] == [9, 2]


def test_a_poll_that_was_set_aside_is_forgotten_with_its_partitions_and_its_size_once_it_is_closed() -> None:
    """What waits for a broker takes room until it is safe, whoever has the partitions meanwhile."""
    marks: Watermarks[str] = Watermarks()
    ticket = marks.open([("a", 3), ("b", 3)])
    marks.set_aside(ticket, 100)
    marks.forget(["a"])
    assert (marks.answered("a"), marks.answered("b")) == (None, 3)
    marks.forget(["b"])

    assert (marks.in_flight, marks.aside_bytes, marks.answered("b")) == (0, 100, None)
    marks.close(ticket)
    marks.close(ticket)
    assert (marks.in_flight, marks.aside_bytes) == (0, 0)


def test_what_is_closed_behind_a_poll_that_is_set_aside_for_long_takes_no_room() -> None:
    """Of 10,000 polls behind it few are remembered, and none of their offsets is lost."""
    marks: Watermarks[str] = Watermarks()
    long = marks.open([("a", 1)])
    marks.set_aside(long, 1)
    late = 0
    for turn in range(10_000):
        ticket = marks.open([("a", turn + 2)])
        if turn == 5_000:
            late = ticket
        else:
            marks.close(ticket)

    assert len(marks._lines["a"].spans) < 2 * FEW
    marks.close(long)
    assert marks.watermark("a") == 5_001
    marks.close(late)
    assert marks.watermark("a") == 10_001
