"""What becomes of records that wait for one partition, with the sender and its pauses moved by hand.

Each bar is a batch from `fill` to `settle`; what arrives meanwhile leaves together, and what failed leaves first.

    put       a    b c      d
    batch 1   |a---------x                       refused for now: a goes back to the head, b c have come meanwhile
    pause                 ..0.1..
    batch 2                      |a b c------ok   d came while it was on its way
    batch 3                                  |d---ok
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import errors
from aiokafka.record.memory_records import MemoryRecords

from streams.kafka.publishing.identity import ANONYMOUS, SEQUENCES, Identity
from streams.kafka.publishing.outbox import Fate, Outbox, Perishable, Record
from streams.kafka.publishing.publisher import may_pass

AWAY = errors.RequestTimedOutError()
REFUSED = errors.TopicAuthorizationFailedError("call-decisions")
TOO_LARGE = errors.MessageSizeTooLargeError()


class World:
    """An outbox, whoever listens to it, and a sender that does nothing by itself."""

    def __init__(self, refused: Fate) -> None:
        self.now_ms = 1_000
        self.enlisted = 0
        self.pauses_s: list[float] = []
        self.troubles = self.recoveries = self.settled_records = self.arrived_records = 0
        self.failures: list[tuple[Exception, int]] = []
        self._refused = refused
        self.current = ANONYMOUS
        self.outbox = Outbox(self, "call-decisions", 3, self, self, lambda: self.now_ms)
        self._resume: list[Callable[[], object]] = []

    # What the outbox asks of its sender, and of the loop

    def enlist(self, outbox: Outbox) -> None:
        assert outbox is self.outbox
        self.enlisted += 1

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> None:
        self.pauses_s.append(delay_s)
        self._resume.append(callback)

    # What it asks about itself

    def renew(self, lost: Identity) -> None:
        assert lost is self.current
        self.current = ANONYMOUS

    # What it tells

    def settled(self, records: int) -> None:
        self.settled_records += records

    def arrived(self, records: int) -> None:
        self.arrived_records += records

    def undelivered(self, outbox: Outbox, records: int, error: Exception, since: float) -> Fate:
        del outbox, since
        if may_pass(error):
            self.troubles += 1
            return Fate.AGAIN
        self.failures.append((error, records))
        return self._refused

    def recovered(self, outbox: Outbox) -> None:
        del outbox
        self.recoveries += 1

    # What the test does

    def put(self, *values: bytes | Perishable) -> None:
        self.outbox.put([value if isinstance(value, Perishable) else _record(value) for value in values], self)

    def leaves(self) -> list[bytes]:
        """Values of the batch that is on its way from now on."""
        batch = self.outbox.fill()
        assert batch is not None
        found: Any = MemoryRecords(bytes(batch)).next_batch()
        return [bytes(record.value) for record in found]

    def leaves_as(self) -> tuple[int, int, int, int]:
        """Producer id, epoch, number of the first record and how many there are, of the batch that leaves now."""
        batch = self.outbox.fill()
        assert batch is not None
        return struct.unpack_from(">qhii", batch, 43)

    def end_pause(self) -> None:
        self._resume.pop()()


def _record(value: bytes) -> Record:
    return b"switch-1", value


Story = Callable[[World], None]


@pytest.fixture
def play() -> Callable[[Story], World]:
    """A function that plays a story on a running loop whose pauses end when the story says so.

    A refusal for good has the fate that is given.
    """

    def run(story: Story, refused: Fate = Fate.STUCK) -> World:
        world = World(refused)

        async def with_pauses() -> None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(asyncio.get_running_loop(), "call_later", world.call_later)
                story(world)

        asyncio.run(with_pauses())
        return world

    return run


Play = Callable[..., World]


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


ME, OTHER = Identity(7, 0), Identity(8, 0)


def test_batches_of_an_identity_are_numbered_by_their_records(play: Play) -> None:
    def story(world: World) -> None:
        world.current = ME
        world.put(b"a", b"b")
        assert world.leaves_as() == (7, 0, 0, 2)
        world.put(b"c")
        world.outbox.settle(None)
        assert world.leaves_as() == (7, 0, 2, 1)
        world.outbox.settle(errors.DuplicateSequenceNumber())
        assert world.arrived_records == 3

    play(story)


def test_what_is_tried_again_is_the_same_batch_however_much_has_come_meanwhile(play: Play) -> None:
    """Else a broker that has stored it would not know it again: it looks at the numbers of first and last record."""

    def story(world: World) -> None:
        world.current = ME
        world.put(b"a")
        world.put(b"b", b"c")
        assert world.leaves_as() == (7, 0, 0, 3)
        world.put(b"d")
        for _ in range(3):
            world.outbox.settle(AWAY)
            world.end_pause()
            assert world.leaves() == [b"a", b"b", b"c"]
        world.outbox.settle(None)
        assert world.leaves_as() == (7, 0, 3, 1)

    play(story)


def test_a_part_of_what_came_together_is_tried_again_as_that_part(play: Play) -> None:
    def story(world: World) -> None:
        world.current = ME
        world.put(*[bytes(200_000)] * 3)
        assert world.leaves_as() == (7, 0, 0, 2)
        world.outbox.settle(AWAY)
        world.end_pause()
        assert world.leaves_as() == (7, 0, 0, 2)
        world.outbox.settle(None)
        assert world.leaves_as() == (7, 0, 2, 1)

    play(story)


def test_what_is_too_large_together_has_taken_no_number(play: Play) -> None:
    def story(world: World) -> None:
        world.current = ME
        world.put(b"a", b"b", b"c")
        world.leaves()
        world.outbox.settle(TOO_LARGE)
        for number in range(3):
            assert world.leaves_as() == (7, 0, number, 1)
            world.outbox.settle(None)

    play(story)


@pytest.mark.parametrize(
    "lost", [errors.OutOfOrderSequenceNumber, errors.UnknownProducerId, errors.InvalidProducerEpoch]
)
def test_without_its_identity_it_goes_on_and_with_another_one_counts_anew(play: Play, lost: type[Exception]) -> None:
    def story(world: World) -> None:
        world.current = ME
        world.put(b"a")
        world.leaves()
        world.outbox.settle(None)
        world.put(b"b")
        assert world.leaves_as() == (7, 0, 1, 1)
        world.outbox.settle(lost())
        world.put(b"c")
        world.end_pause()
        assert world.leaves_as() == (-1, -1, 0, 2)
        world.outbox.settle(None)
        world.current = OTHER
        world.put(b"d")
        assert world.leaves_as() == (8, 0, 0, 1)
        world.outbox.settle(None)
        assert world.arrived_records == 4

    play(story)


def test_numbers_begin_again_behind_the_last_one(play: Play) -> None:
    def story(world: World) -> None:
        world.current = ME
        world.put(b"a")
        world.leaves()
        world.outbox.settle(None)
        world.outbox._sequence = SEQUENCES - 1
        world.put(b"b", b"c")
        assert world.leaves_as() == (7, 0, SEQUENCES - 1, 2)
        world.outbox.settle(None)
        world.put(b"d")
        assert world.leaves_as() == (7, 0, 1, 1)

    play(story)


def test_a_late_form_leaves_without_a_number_so_that_it_is_stored_whatever_was_before(play: Play) -> None:
    """The block may lie in the socket of a frozen broker: what comes behind it has to say that it no longer holds."""

    def story(world: World) -> None:
        world.current = ME
        world.put(Perishable(b"switch-1", b"block", 2_000, lambda: b"late"), b"b")
        assert world.leaves_as() == (7, 0, 0, 2)
        world.outbox.settle(AWAY)
        world.end_pause()
        world.now_ms = 2_001
        assert world.leaves() == [b"late", b"b"]
        assert world.current is ANONYMOUS
        world.outbox.settle(None)

    play(story)
