"""What becomes of records that wait for one partition, with the sender and its pauses moved by hand.

Each bar is a batch from `fill` to `settle`; what arrives meanwhile leaves together, and what failed leaves first.

    put       a    b c      d
    batch 1   |a---------x                       refused for now: a goes back to the head, b c have come meanwhile
    pause                 ..0.1..
    batch 2                      |a b c------ok   d came while it was on its way
    batch 3                                  |d---ok
"""

import time

from streams.kafka.publishing.outbox import Fate
from streams.kafka.publishing.records import Perishable
from tests.streams.kafka.publishing.outbox_case import AWAY, REFUSED, TOO_LARGE, Play, World


def test_what_failed_leaves_first_with_what_came_meanwhile(play: Play) -> None:
    """The picture above."""

    def story(world: World) -> None:
        world.put(b"a")
        assert world.leaves() == [b"a"]
        world.put(b"b", b"c")
        world.outbox.settle(AWAY)
        assert world.enlisted == 1, "nothing is sent during the pause"
        world.end_pause()
        assert world.enlisted == 2
        assert world.leaves() == [b"a", b"b", b"c"]
        world.put(b"d")
        world.outbox.settle(None)
        assert world.leaves() == [b"d"]
        world.outbox.settle(None)

    world = play(story)
    assert world.enlisted == 3
    assert (world.settled_records, world.arrived_records) == (4, 4)
    assert (world.troubles, world.recoveries, world.failures) == (1, 1, [])


def test_pauses_double_to_half_a_second_and_begin_anew_after_a_success(play: Play) -> None:
    """An outage is told after every attempt, its end once."""

    def story(world: World) -> None:
        world.put(b"a")
        for _ in range(4):
            world.leaves()
            world.outbox.settle(AWAY)
            world.end_pause()
        world.leaves()
        world.outbox.settle(None)
        world.put(b"b")
        world.leaves()
        world.outbox.settle(AWAY)

    world = play(story)
    assert world.pauses_s == [0.1, 0.2, 0.4, 0.5, 0.1]
    assert (world.troubles, world.recoveries) == (5, 1)


def test_after_a_refusal_for_good_nothing_leaves_any_more(play: Play) -> None:
    """Its poll is never acknowledged, and nothing may be stored behind what is lost."""

    def story(world: World) -> None:
        world.put(b"a")
        world.leaves()
        world.outbox.settle(REFUSED)
        world.put(b"b")

    world = play(story)
    assert world.failures == [(REFUSED, 1)]
    assert world.enlisted == 1
    assert world.arrived_records == 0


def test_what_may_be_lost_is_dropped_and_the_next_leaves_after_a_pause(play: Play) -> None:
    """Nobody waits for it any longer; a broker that refuses everything is not asked for each poll."""

    def story(world: World) -> None:
        world.put(b"a", b"b")
        world.leaves()
        world.put(b"c")
        world.outbox.settle(REFUSED)
        assert world.arrived_records == 2
        world.put(b"d")
        assert world.enlisted == 1, "nothing is sent during the pause"
        world.end_pause()
        assert world.leaves() == [b"c", b"d"]
        world.outbox.settle(None)
        world.put(b"e")
        assert world.leaves() == [b"e"]
        world.outbox.settle(None)

    world = play(story, Fate.DROPPED)
    assert world.failures == [(REFUSED, 2)]
    assert (world.settled_records, world.arrived_records) == (5, 5)
    assert (world.pauses_s, world.troubles, world.recoveries) == ([0.1], 0, 1)


def test_a_batch_that_is_too_large_leaves_again_record_by_record(play: Play) -> None:
    """A record that no broker takes costs itself only; then batches are batches again.

    put       a b(large) c     d e
    batches   |a b c--x        |a--ok |b--x |c--ok |d e--ok
    """

    def story(world: World) -> None:
        world.put(b"a", b"b")
        world.put(b"c")
        assert world.leaves() == [b"a", b"b", b"c"]
        world.put(b"d", b"e")
        world.outbox.settle(TOO_LARGE)
        assert world.leaves() == [b"a"]
        world.outbox.settle(None)
        assert world.leaves() == [b"b"]
        world.outbox.settle(TOO_LARGE)
        assert world.leaves() == [b"c"]
        world.outbox.settle(None)
        assert world.leaves() == [b"d", b"e"]
        world.outbox.settle(None)

    world = play(story, Fate.DROPPED)
    assert world.failures == [(TOO_LARGE, 1)]
    assert world.arrived_records == 5
    assert world.pauses_s == []


def test_decisions_that_fit_alone_leave_although_their_batch_is_too_large(play: Play) -> None:
    """A topic may take less than a batch of ours has; nothing is lost and nobody stops."""

    def story(world: World) -> None:
        world.put(b"a", b"b")
        world.leaves()
        world.outbox.settle(TOO_LARGE)
        for value in (b"a", b"b"):
            assert world.leaves() == [value]
            world.outbox.settle(None)

    world = play(story)
    assert world.failures == []
    assert world.arrived_records == 2


def test_a_bug_while_a_batch_is_made_costs_what_waits_where_that_may_be_lost(play: Play) -> None:
    """What comes after it leaves."""

    def story(world: World) -> None:
        world.put(b"a")
        world.outbox.put([(b"key", "text, not bytes")], world)  # type: ignore[list-item]  # what a bug would pass
        assert world.outbox.fill() is None
        world.put(b"c")
        world.end_pause()
        assert world.leaves() == [b"c"]
        world.outbox.settle(None)

    world = play(story, Fate.DROPPED)
    assert [(type(error), records) for error, records in world.failures] == [(TypeError, 2)]
    assert world.arrived_records == 3


def test_what_got_old_leaves_in_its_late_form_which_is_made_once(play: Play) -> None:
    """At the last instant before the batch is made; a repeat tells the switch the same."""
    made: list[int] = []

    def late() -> bytes:
        made.append(1)
        return b"allow"

    def story(world: World) -> None:
        world.put(Perishable(b"switch-1", b"block", 2_000, late))
        world.now_ms = 2_000
        assert world.leaves() == [b"block"], "it is in time up to and including that instant"
        world.outbox.settle(AWAY)
        world.now_ms = 2_001
        world.end_pause()
        assert world.leaves() == [b"allow"]
        world.outbox.settle(AWAY)
        world.end_pause()
        assert world.leaves() == [b"allow"]

    play(story)
    assert made == [1]


def test_a_late_form_that_cannot_be_made_fails_without_what_the_error_says(play: Play) -> None:
    """It may quote a phone number."""

    def late() -> bytes:
        raise KeyError("+12025550123")

    def story(world: World) -> None:
        world.put(Perishable(b"switch-1", b"block", 0, late))
        assert world.outbox.fill() is None

    world = play(story)
    assert "KeyError" in str(world.failures[0][0])
    assert "2025550123" not in str(world.failures[0][0])


def test_whoever_waits_is_told_once_of_each_record_that_is_set_aside_until_one_batch_is_safe(play: Play) -> None:
    """Those that come during the outage included, and their order stays."""

    def story(world: World) -> None:
        now_s = time.monotonic()
        assert world.outbox.stuck_s(now_s + 5) == 0
        world.put(b"a", b"b")
        assert world.outbox.stuck_s(now_s + 5) > 4
        assert world.leaves() == [b"a", b"b"]
        world.put(b"c")
        world.outbox.set_aside()
        world.outbox.set_aside()
        assert world.aside_records == 3
        world.outbox.settle(AWAY)
        world.put(b"d")
        assert world.aside_records == 4
        world.end_pause()
        assert world.leaves() == [b"a", b"b", b"c", b"d"]
        world.outbox.settle(None)
        assert world.outbox.stuck_s(now_s + 5) == 0
        world.put(b"e")
        assert world.leaves() == [b"e"]
        world.outbox.settle(None)

    world = play(story)
    assert (world.aside_records, world.arrived_records) == (4, 5)
