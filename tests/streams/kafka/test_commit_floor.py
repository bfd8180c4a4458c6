"""What is offered to the group never falls in one generation, unless the log itself did."""

from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.commit_floor import CommitFloor

OFFSETS = st.dictionaries(st.sampled_from("ab"), st.integers(0, 9), min_size=1)


@given(st.lists(OFFSETS, max_size=20))
def test_no_offset_is_followed_by_a_lower_one(given_offsets: list[dict[str, int]]) -> None:
    floor: CommitFloor[str] = CommitFloor()
    highest: dict[str, int] = {}
    for offsets in given_offsets:
        highest |= {tp: max(offset, highest.get(tp, 0)) for tp, offset in offsets.items()}

        assert floor.raised(3, offsets) == {tp: highest[tp] for tp in offsets}


def test_another_generation_may_begin_lower() -> None:
    """Whoever had the partition meanwhile may have found its log cut."""
    floor: CommitFloor[str] = CommitFloor()
    floor.raised(3, {"a": 9})

    assert floor.raised(4, {"a": 5}) == {"a": 5}


def test_a_log_that_was_cut_goes_on_where_it_ends() -> None:
    floor: CommitFloor[str] = CommitFloor()
    floor.raised(3, {"a": 9, "b": 9})
    floor.lower("a", 4)
    floor.lower("b", 12)
    floor.lower("c", 1)

    assert floor.raised(3, {"a": 5, "b": 5, "c": 0}) == {"a": 5, "b": 9, "c": 0}
