"""What is known of shares: bounded, and never more than was read."""

import pytest

from streams.redis.trunk_shares import OtherShares, OwnShares, known_share


def test_what_the_owner_before_wrote_is_not_written_again() -> None:
    """Of three trunk groups taken over one has changed since: that one is written."""
    other = OtherShares({"T1": b"one", "T2": b"two", "T3": b"three"}, count=7, version=7, total=3)
    own = OwnShares.after(other)

    for trunk, share in (("T1", b"one"), ("T2", b"TWO"), ("T3", b"three")):
        own.put(trunk, share, most=10)

    assert list(own.unwritten) == ["T2"]
    own.written({"T2": own.shares["T2"]}, 8)
    assert list(own.unwritten) == []


def test_what_was_not_read_to_its_end_is_written_again() -> None:
    own = OwnShares.after(OtherShares({"T1": b"one"}, count=7, version=9, total=2))

    own.put("T1", b"one", most=10)

    assert list(own.unwritten) == ["T1"]


def test_everything_is_written_again_when_somebody_else_wrote() -> None:
    own = written_once()

    own.put("T2", b"TWO", most=10)
    own.written({"T2": own.shares["T2"]}, 9)

    assert list(own.unwritten) == ["T1"]
    assert own.count == 9


def written_once() -> OwnShares:
    """Two trunk groups, written as changes 1 and 2."""
    own = OwnShares(count=0)
    own.put("T1", b"one", most=10)
    own.put("T2", b"two", most=10)
    own.written(dict(own.shares), 2)
    assert not own.unwritten
    return own


@pytest.mark.parametrize("count", [4, 3])
def test_after_a_failure_one_share_is_written_again_and_its_number_tells(count: int) -> None:
    """What had been sent may have arrived (change 3, and ours is 4) or not (ours is 3): nothing was lost."""
    own = written_once()
    own.put("T2", b"TWO", most=10)
    own.sent = 1

    own.failed()

    assert list(own.unwritten) == ["T2"]
    own.written({"T2": own.shares["T2"]}, count)
    assert not own.unwritten


def test_after_a_failure_everything_is_written_again_to_an_emptied_redis() -> None:
    own = written_once()
    own.failed()

    own.written({"T2": own.shares["T2"]}, 1_000_000)

    assert list(own.unwritten) == ["T1"]


@pytest.mark.parametrize(("most", "room", "left"), [(2, 100, ["T2", "T3"]), (10, 5, ["T3"]), (10, 2, [])])
def test_others_are_bounded_in_number_and_bytes(most: int, room: int, left: list[str]) -> None:
    """Those unchanged for longest go; what is bigger than all room is not kept at all."""
    other, start = OtherShares(), room

    for trunk in ("T1", "T2", "T3"):
        room -= other.put(trunk, b"four", most, room)

    assert list(other.shares) == left
    assert other.size == start - room == 4 * len(left)


def test_the_known_share_is_that_of_what_redis_has() -> None:
    some = OtherShares({"T1": b"", "T2": b""}, total=4)
    whole = OtherShares({"T1": b"", "T2": b"", "gone from Redis": b""}, total=2)

    assert known_share([some, whole]) == pytest.approx(4 / 6)
    assert known_share([]) == 1.0


def test_a_partition_that_was_our_own_is_not_read_again() -> None:
    own = OwnShares({"T1": b"one"}, count=5)

    other = OtherShares.of(own)

    assert (other.count, other.is_behind, other.size) == (5, False, 3)
    assert OtherShares().is_behind
