"""What becomes of records that wait for one partition, with the sender and its pauses moved by hand.

Each bar is a batch from `fill` to `settle`; what arrives meanwhile leaves together, and what failed leaves first.

    put       a    b c      d
    batch 1   |a---------x                       refused for now: a goes back to the head, b c have come meanwhile
    pause                 ..0.1..
    batch 2                      |a b c------ok   d came while it was on its way
    batch 3                                  |d---ok
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import errors
from aiokafka.record.memory_records import MemoryRecords

from streams.errors import PublishFailed
from streams.kafka.outbox import Outbox, Perishable, Record

AWAY = errors.RequestTimedOutError()
REFUSED = errors.TopicAuthorizationFailedError("call-decisions")


class World:
    """An outbox, whoever listens to it, and a sender that does nothing by itself."""

    def __init__(self) -> None:
        self.now_ms = 1_000
        self.enlisted = 0
        self.pauses_s: list[float] = []
        self.troubles = self.recoveries = self.safe_records = self.arrived_records = 0
        self.failures: list[PublishFailed] = []
        self.outbox = Outbox(self, "call-decisions", 3, self, lambda: self.now_ms)
        self._resume: list[Callable[[], object]] = []

    # What the outbox asks of its sender, and of the loop

    def enlist(self, outbox: Outbox) -> None:
        assert outbox is self.outbox
        self.enlisted += 1

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> None:
        self.pauses_s.append(delay_s)
        self._resume.append(callback)

    # What it tells

    def safe(self, records: int) -> None:
        self.safe_records += records

    def arrived(self, records: int) -> None:
        self.arrived_records += records

    def troubled(self, outbox: Outbox, error: Exception, since: float) -> None:
        del outbox, error, since
        self.troubles += 1

    def recovered(self, outbox: Outbox) -> None:
        del outbox
        self.recoveries += 1

    def failed(self, error: PublishFailed) -> None:
        self.failures.append(error)

    # What the test does

    def put(self, *values: bytes | Perishable) -> None:
        self.outbox.put([value if isinstance(value, Perishable) else _record(value) for value in values], self)

    def leaves(self) -> list[bytes]:
        """Values of the batch that is on its way from now on."""
        batch = self.outbox.fill()
        assert batch is not None
        found: Any = MemoryRecords(bytes(batch)).next_batch()
        return [bytes(record.value) for record in found]

    def end_pause(self) -> None:
        self._resume.pop()()


def _record(value: bytes) -> Record:
    return b"switch-1", value


Story = Callable[[World], None]


@pytest.fixture
def play() -> Callable[[Story], World]:
    """A function that plays a story on a running loop whose pauses end when the story says so."""

    def run(story: Story) -> World:
        world = World()

        async def with_pauses() -> None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(asyncio.get_running_loop(), "call_later", world.call_later)
                story(world)

        asyncio.run(with_pauses())
        return world

    return run


Play = Callable[[Story], World]


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
    assert (world.safe_records, world.arrived_records) == (4, 4)
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
    assert [(failure.topic, failure.partition) for failure in world.failures] == [("call-decisions", 3)]
    assert world.enlisted == 1
    assert world.arrived_records == 0


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
    assert "KeyError" in str(world.failures[0])
    assert "2025550123" not in str(world.failures[0])
