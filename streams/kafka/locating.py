"""Where reading goes on in each assigned partition, found out for each by itself.

A partition is located when its leader has told about its log, and that log was held against what was read of it before.
Nothing is read of one that is not. It has to be located again after every rebalance, and whenever a fetch of it fails
or brings a leader epoch that was not there before. Then the topic may have been made again, or the log may have lost
its end (an unclean election) or its beginning (retention) while nobody looked.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import structlog

from streams.kafka.fetched import Partition
from streams.kafka.log_requests import Log
from streams.running.failures import described

AGAIN_S = 0.25
ANSWER_S = 5.0
"""One broker that does not answer is waited for no longer."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a reader stands, and in which log. It stands in the metadata of a committed offset.

    Attributes:
        offset: of the next record, None = nothing was read yet, or a coordinator forgot it with the topic.
        topic_id: of the log, None where it is not known.
        epoch: leader epoch of the last record before `offset`, None where it is not known.
    """

    offset: int | None = None
    topic_id: str | None = None
    epoch: int | None = None

    def metadata(self) -> str:
        """What is committed beside the offset."""
        return f"{self.topic_id or '-'} {'-' if self.epoch is None else self.epoch}"

    @classmethod
    def of(cls, offset: int, metadata: str) -> "Mark":
        """Read what was committed, by whomever."""
        topic_id, _, epoch = metadata.partition(" ")
        return cls(offset, topic_id if len(topic_id) > 1 else None, int(epoch) if epoch.isdecimal() else None)


class Change(StrEnum):
    """What became of the log since it was read."""

    MADE_AGAIN = "made_again"
    CUT = "cut"
    EXPIRED = "expired"


MEANINGS = {
    Change.MADE_AGAIN: "the topic was made again: its partitions are read from their beginning, with empty windows",
    Change.CUT: "the log lost records that were decided: what took their places is read from there",
    Change.EXPIRED: "records were deleted before they were read: reading goes on with the oldest that is left",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading goes on.

    Attributes:
        offset: of the next record.
        topic_id: of its log.
        change: what became of the log, None = it goes on as it was.
        is_new: nothing was read of it before.
        lost: records that were deleted unread.
    """

    offset: int
    topic_id: str | None = None
    change: Change | None = None
    is_new: bool = False
    lost: int = 0


def find_place(mark: Mark, found: Log) -> Place:
    """Hold a log against what was read of it."""
    is_known = mark.topic_id is not None and found.topic_id is not None
    if is_known and mark.topic_id != found.topic_id:
        return Place(found.start, found.topic_id, Change.MADE_AGAIN)
    if mark.offset is None:
        return Place(found.start, found.topic_id, is_new=True)
    if mark.offset < found.start:
        return Place(found.start, found.topic_id, Change.EXPIRED, lost=found.start - mark.offset)
    end = found.end if found.epoch_end is None else found.epoch_end
    if mark.offset > end:
        if is_known and found.epoch_end is not None:
            return Place(max(end, found.start), found.topic_id, Change.CUT)
        return Place(found.start, found.topic_id, Change.MADE_AGAIN)  # nobody can tell what is new
    return Place(mark.offset, found.topic_id)


class Brokers(Protocol):
    """What locating asks; `streams.kafka.main_loop.MainLoopConsumer` asks the brokers."""

    def leader_of(self, tp: Partition) -> int | None:
        """Broker that leads a partition as far as is known, None while nobody does. Only looks it up."""
        ...

    async def committed_marks(self, tps: Collection[Partition]) -> dict[Partition, Mark]:
        """What the group has committed. Raises a `KafkaError` when its coordinator does not answer."""
        ...

    async def logs(self, node: int, marks: Mapping[Partition, Mark]) -> dict[Partition, Log]:
        """Ask a leader about its logs; those that it knows. Raises a `KafkaError` when it does not answer."""
        ...


Settle = Callable[[Partition, Place, bool], None]
"""Told, partition by partition, where it is read from. The flag: nothing was read since it was assigned."""


class Locator:
    """Locates partitions until all are. Everything happens on the event loop.

    Args:
        brokers: are asked.
        settle: see `Settle`; called before `on_located`.
        on_located: awaited with the places of partitions that were just assigned or whose log has changed. Nothing is
            read of them until it returns.
        is_in_flight: whether records of a partition were handed out that are not answered yet. A log that has changed
            waits for them: they are counted until then.

    Attributes:
        located: may be read.
        turn: another number after every change of a log: what was fetched before it belongs to the log before.
        changes: how often a partition's log had changed, since the start.
        lost: records that were deleted unread, since the start.
    """

    def __init__(
        self,
        brokers: Callable[[], Brokers],
        settle: Settle,
        on_located: Callable[[Mapping[Partition, Place]], Awaitable[None]],
        is_in_flight: Callable[[Partition], bool],
    ) -> None:
        self._brokers = brokers
        self._settle = settle
        self._on_located = on_located
        self._is_in_flight = is_in_flight
        self._marks: dict[Partition, Mark | None] = {}  # None = ask the group
        self._wanted: set[Partition] = set()
        self._fresh: set[Partition] = set()  # assigned, and not located since
        self._wake = asyncio.Event()
        self._topic_ids: dict[Partition, str | None] = {}  # the latest, of all that were ever assigned
        self._round = 0
        self.turn = 0
        self.located: set[Partition] = set()
        self.changes: dict[Change, int] = dict.fromkeys(Change, 0)
        self.lost = 0

    def assign(self, tps: Iterable[Partition]) -> None:
        """Begin anew with these partitions."""
        self.revoke()
        self._marks = dict.fromkeys(tps)
        self._wanted = set(self._marks)
        self._fresh = set(self._marks)
        self._wake.set()

    def revoke(self) -> None:
        """Stop reading; what is known of the logs is kept for the last commit."""
        self._round += 1
        self.located.clear()
        self._wanted.clear()

    def doubt(self, tp: Partition, mark: Mark) -> None:
        """Stop reading of a partition until it was looked at again; `mark` says where its reader stands."""
        if tp in self.located:
            self.located.discard(tp)
            self._marks[tp] = mark
            self._wake.set()

    def mark_of(self, tp: Partition) -> Mark:
        """What is known of the log of a partition."""
        return self._marks.get(tp) or Mark()

    async def run(self) -> None:
        """Locate whatever has to be, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            is_told = False
            while self._missing():
                try:
                    await self._look()
                except Exception as error:  # noqa: BLE001 - whatever it is, the partitions must not wait for ever
                    if not is_told:
                        log.warning("some partitions could not be located, trying until they can", **described(error))
                    is_told = True
                if self._missing():
                    await asyncio.sleep(AGAIN_S)

    def _missing(self) -> list[Partition]:
        return [tp for tp in self._wanted if tp not in self.located]

    async def _look(self) -> None:
        current = self._round
        brokers = self._brokers()
        unasked = [tp for tp in self._missing() if self._marks[tp] is None]
        if unasked:
            async with asyncio.timeout(ANSWER_S):
                found = await brokers.committed_marks(unasked)
            if current != self._round:
                return
            self._marks |= {tp: found.get(tp, Mark(None, self._topic_ids.get(tp))) for tp in unasked}
        by_leader: dict[int, dict[Partition, Mark]] = defaultdict(dict)
        for tp in self._missing():
            leader = brokers.leader_of(tp)
            if leader is not None:
                by_leader[leader][tp] = self.mark_of(tp)
        asked = [self._look_at(brokers, leader, marks, current) for leader, marks in by_leader.items()]
        for outcome in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _look_at(self, brokers: Brokers, leader: int, marks: Mapping[Partition, Mark], current: int) -> None:
        async with asyncio.timeout(ANSWER_S):
            logs = await brokers.logs(leader, marks)
        if current == self._round:
            await self._take({tp: find_place(marks[tp], found) for tp, found in logs.items()}, current)

    async def _take(self, places: Mapping[Partition, Place], current: int) -> None:
        taken = {tp: one for tp, one in places.items() if one.change is None or not self._is_in_flight(tp)}
        for tp, one in taken.items():
            epoch = None if one.change is Change.MADE_AGAIN else self.mark_of(tp).epoch
            self._marks[tp] = Mark(one.offset, one.topic_id, epoch)
            self._topic_ids[tp] = one.topic_id
            self.turn += one.change is not None
            self._settle(tp, one, tp in self._fresh)
        self._tell(taken)
        told = {tp: one for tp, one in taken.items() if tp in self._fresh or one.change is not None}
        if told:
            await self._on_located(told)
        if current == self._round:
            self._fresh -= taken.keys()
            self.located |= taken.keys()

    def _tell(self, places: Mapping[Partition, Place]) -> None:
        for change in Change:
            found = {tp: one for tp, one in places.items() if one.change is change}
            if found:
                self.changes[change] += len(found)
                self.lost += sum(one.lost for one in found.values())
                log.error(
                    MEANINGS[change],
                    offsets={f"{tp.topic}/{tp.partition}": one.offset for tp, one in sorted(found.items())},
                    lost=sum(one.lost for one in found.values()),
                )
