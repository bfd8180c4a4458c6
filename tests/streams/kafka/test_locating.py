"""Where reading goes on: by what was committed and what the log is now, for each partition by itself.

A log from `start` to `end`; M = the mark of the reader.

    as it was    start ------ M ----- end      on from M
    expired      M    start --------- end      on from start, M..start is lost
    cut          start --- end        M        on from end: what comes there is new
    made again   another topic id              on from start, whatever M is
"""

import asyncio
from collections.abc import Collection, Mapping

import pytest
from aiokafka.errors import NodeNotReadyError
from faust.types import TP

from streams.kafka.locating import Change, Locator, Mark, Place, find_place
from streams.kafka.log_requests import Log
from tests.waiting import until

ONE, OTHER = TP("calls", 1), TP("calls", 2)


@pytest.mark.parametrize(
    ("mark", "log", "expected"),
    [
        (Mark(), Log("a", 5, 9, None), Place(5, "a", is_new=True)),
        (Mark(7, "a", 2), Log("a", 5, 9, 9), Place(7, "a")),
        (Mark(9, "a", 2), Log("a", 5, 9, 9), Place(9, "a")),
        (Mark(9, "a", 2), Log("a", 5, 8, 9), Place(9, "a")),
        (Mark(3, "a", 2), Log("a", 5, 9, 9), Place(5, "a", Change.EXPIRED, lost=2)),
        (Mark(8, "a", 2), Log("a", 5, 20, 6), Place(6, "a", Change.CUT)),
        (Mark(8, "a", 2), Log("a", 7, 20, 6), Place(7, "a", Change.CUT)),
        (Mark(8, "a"), Log("a", 5, 20, None), Place(8, "a")),
        (Mark(30, "a"), Log("a", 5, 20, None), Place(5, "a", Change.MADE_AGAIN)),
        (Mark(8, "a", 2), Log("b", 0, 20, 20), Place(0, "b", Change.MADE_AGAIN)),
        (Mark(None, "a"), Log("b", 0, 20, None), Place(0, "b", Change.MADE_AGAIN)),
        (Mark(8), Log("b", 0, 20, None), Place(8, "b")),
        (Mark(30), Log(None, 5, 20, None), Place(5, None, Change.MADE_AGAIN)),
        (Mark(30, None, 2), Log(None, 5, 20, 20), Place(5, None, Change.MADE_AGAIN)),
    ],
    ids=[
        "nothing was read", "as it was", "all was read", "the leader's end is not told yet", "expired",
        "cut, and written on", "cut and expired", "an epoch nobody knows", "beyond the end, no epoch", "another topic",
        "another topic, its offsets were forgotten", "committed by others", "an old broker", "an old broker, an epoch",
    ],
)  # fmt: skip
def test_a_log_is_held_against_what_was_read_of_it(mark: Mark, log: Log, expected: Place) -> None:
    assert find_place(mark, log) == expected


@pytest.mark.parametrize("mark", [Mark(7, "0b1c", 3), Mark(7, None, 3), Mark(7, "0b1c", None), Mark(7)])
def test_a_mark_comes_back_from_what_was_committed(mark: Mark) -> None:
    assert Mark.of(7, mark.metadata()) == mark


@pytest.mark.parametrize("metadata", ["", "-", "some text of another client", "a b", " 9x", "\U0001f4de"])
def test_metadata_of_other_clients_is_no_error(metadata: str) -> None:
    assert Mark.of(7, metadata).offset == 7
    assert Mark.of(7, metadata).epoch is None


class Cluster:
    """Brokers by hand: who leads what, what logs there are, and who answers."""

    def __init__(self) -> None:
        self.leaders: dict[TP, int] = {ONE: 1, OTHER: 2}
        self.found = {ONE: Log("a", 0, 9, None), OTHER: Log("a", 0, 9, None)}
        self.committed = {ONE: Mark(4, "a", 0), OTHER: Mark(6, "a", 0)}
        self.is_coordinated = True
        self.silent: set[int] = set()
        self.asked = 0

    def leader_of(self, tp: TP) -> int | None:
        return self.leaders.get(tp)

    async def committed_marks(self, tps: Collection[TP]) -> dict[TP, Mark]:
        self.asked += 1
        if not self.is_coordinated:
            raise NodeNotReadyError
        return {tp: self.committed[tp] for tp in tps if tp in self.committed}

    async def logs(self, node: int, marks: Mapping[TP, Mark]) -> dict[TP, Log]:
        self.asked += 1
        if node in self.silent:
            raise NodeNotReadyError
        return {tp: self.found[tp] for tp in marks if tp in self.found}


class Told:
    """A locator over such brokers, and what it tells."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.settled: list[tuple[TP, int, bool]] = []
        self.heard: list[Mapping[TP, Place]] = []
        self.in_flight: set[TP] = set()
        self.locator = Locator(lambda: self.cluster, self._settle, self._hear, self.in_flight.__contains__)

    def _settle(self, tp: TP, place: Place, is_fresh: bool) -> None:
        assert tp not in self.locator.located
        self.settled.append((tp, place.offset, is_fresh))

    async def _hear(self, places: Mapping[TP, Place]) -> None:
        self.heard.append(places)


def play(story: object) -> None:
    """Run a story beside the locator."""

    async def run() -> None:
        told = Told()
        task = asyncio.create_task(told.locator.run())
        await story(told)  # type: ignore[operator]
        assert not task.done()
        task.cancel()

    asyncio.run(run())


def test_a_partition_without_a_leader_keeps_no_other_waiting() -> None:
    """And is located as soon as it has one."""

    async def story(told: Told) -> None:
        told.cluster.leaders.pop(OTHER)
        told.locator.assign([ONE, OTHER])
        await until(lambda: told.locator.located == {ONE})
        told.cluster.leaders[OTHER] = 1
        await until(lambda: told.locator.located == {ONE, OTHER})
        assert told.settled == [(ONE, 4, True), (OTHER, 6, True)]
        assert [set(heard) for heard in told.heard] == [{ONE}, {OTHER}]

    play(story)


def test_a_leader_that_does_not_answer_keeps_no_other_waiting() -> None:
    async def story(told: Told) -> None:
        told.cluster.silent.add(2)
        told.locator.assign([ONE, OTHER])
        await until(lambda: told.locator.located == {ONE})
        told.cluster.silent.clear()
        await until(lambda: told.locator.located == {ONE, OTHER})

    play(story)


def test_a_coordinator_that_is_away_is_asked_again() -> None:
    async def story(told: Told) -> None:
        told.cluster.is_coordinated = False
        told.locator.assign([ONE])
        await until(lambda: told.cluster.asked > 1)
        assert told.locator.located == set()
        told.cluster.is_coordinated = True
        await until(lambda: told.locator.located == {ONE})

    play(story)


def test_a_doubt_about_a_log_that_goes_on_as_it_was_is_nobodys_business() -> None:
    """Whoever counts must not hear of it: records may be in flight."""

    async def story(told: Told) -> None:
        told.locator.assign([ONE])
        await until(lambda: told.locator.located)
        told.in_flight.add(ONE)
        told.locator.doubt(ONE, Mark(8, "a", 1))
        assert told.locator.located == set()
        await until(lambda: told.locator.located)
        assert told.settled == [(ONE, 4, True), (ONE, 8, False)]
        assert len(told.heard) == 1
        assert told.locator.turn == 0

    play(story)


def test_a_log_that_changed_waits_for_what_is_in_flight_and_is_told() -> None:
    """Counted, with its lost records; what was fetched before belongs to another turn."""

    async def story(told: Told) -> None:
        told.locator.assign([ONE])
        await until(lambda: told.locator.located)
        told.in_flight.add(ONE)
        told.cluster.found[ONE] = Log("a", 8, 9, None)
        asked = told.cluster.asked
        told.locator.doubt(ONE, Mark(5, "a", 1))
        await until(lambda: told.cluster.asked > asked + 1)
        assert len(told.settled) == 1
        told.in_flight.clear()
        await until(lambda: told.locator.located)
        assert told.heard[1] == {ONE: Place(8, "a", Change.EXPIRED, lost=3)}
        assert (told.locator.turn, told.locator.lost, told.locator.changes[Change.EXPIRED]) == (1, 3, 1)

    play(story)


def test_a_topic_whose_offsets_the_coordinator_forgot_is_known_to_be_another() -> None:
    """Kafka forgets the offsets of a topic that is deleted."""

    async def story(told: Told) -> None:
        told.locator.assign([ONE])
        await until(lambda: told.locator.located)
        told.cluster.committed.clear()
        told.cluster.found[ONE] = Log("b", 0, 3, None)
        told.locator.assign([ONE])
        await until(lambda: told.locator.located)
        assert told.heard[1] == {ONE: Place(0, "b", Change.MADE_AGAIN)}
        assert told.locator.mark_of(ONE) == Mark(0, "b", None)

    play(story)


def test_what_is_found_out_about_partitions_that_were_revoked_meanwhile_is_dropped() -> None:
    async def story(told: Told) -> None:
        told.cluster.silent.add(1)
        told.locator.assign([ONE])
        await until(lambda: told.cluster.asked > 1)
        told.locator.revoke()
        told.cluster.silent.clear()
        told.locator.assign([OTHER])
        await until(lambda: told.locator.located)
        assert told.locator.located == {OTHER}
        assert [tp for tp, _, _ in told.settled] == [OTHER]

    play(story)


def test_what_breaks_inside_is_tried_again() -> None:
    """A bug in an answer must not leave the partitions waiting for ever."""

    async def story(told: Told) -> None:
        found, told.cluster.found = told.cluster.found, None  # type: ignore[assignment]
        told.locator.assign([ONE])
        await until(lambda: told.cluster.asked > 2)
        told.cluster.found = found
        await until(lambda: told.locator.located == {ONE})

    play(story)
