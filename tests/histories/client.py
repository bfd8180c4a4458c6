"""The two ports of a worker to its brokers, onto `ModelBroker`: nothing is answered before a schedule says so.

`ModelClient` stands for `streams.kafka.main_loop.MainLoopConsumer`, `ModelSender` for
`streams.kafka.publishing.sender.Sender`.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka.errors import KafkaTimeoutError, NotLeaderForPartitionError
from faust.types import TP

from streams.kafka.fetched import Rows
from streams.kafka.locating import Mark
from streams.kafka.log_requests import Log
from streams.kafka.publishing.outbox import Outbox
from streams.kafka.topics import CALL_EVENTS
from tests.histories.model_broker import ModelBroker

TOPIC_ID = "t"
LOST, REFUSED = 1, 2
"""What may become of a request: it was carried out and nobody says so, or it was not. Else all is well."""


class ModelClient:
    """Reads, commits, and knows what is assigned."""

    beacon = None

    def __init__(self, broker: ModelBroker, member: str) -> None:
        self._broker = broker
        self._member = member
        self.generation = -1
        self.assigned: set[TP] = set()
        self.positions: dict[TP, int] = {}
        self.told: dict[int, int] = {}
        """By partition the offset that the group said it has taken, when it was asked last."""
        self.above: Any = None
        """The application."""
        self._fetch: tuple[asyncio.Future[dict[TP, Rows]], set[TP]] | None = None
        self._commits: deque[tuple[asyncio.Future[bool], dict[int, int], int]] = deque()
        self._is_taken: bool | None = None

    def assignment(self) -> set[TP]:
        return set(self.assigned)

    def seek(self, tp: TP, offset: int) -> None:
        self.positions[tp] = offset

    read_from = seek

    def watch_partitions(self) -> None:
        """No new ones come."""

    def take_doubts(self) -> list[TP]:
        return []

    def epoch_of(self, tp: TP) -> int:
        del tp
        return 0

    leader_of = epoch_of

    def highwater(self, tp: TP) -> int:
        return self._broker.log.end(tp.partition)

    async def committed_marks(self, tps: Collection[TP]) -> dict[TP, Mark]:
        await asyncio.sleep(0)
        taken = self.told = dict(self._broker.committed)
        return {tp: Mark(taken[tp.partition], TOPIC_ID, 0) for tp in tps if tp.partition in taken}

    async def logs(self, node: int, marks: Mapping[TP, Mark]) -> dict[TP, Log]:
        del node
        await asyncio.sleep(0)
        ends = {tp: self._broker.log.end(tp.partition) for tp in marks}
        return {tp: Log(TOPIC_ID, 0, end, end) for tp, end in ends.items()}

    async def getmany(self, active_partitions: set[TP], timeout_s: float) -> dict[TP, Rows]:
        del timeout_s
        self._fetch = asyncio.get_running_loop().create_future(), set(active_partitions)
        return await self._fetch[0]

    def poll(self, most: int) -> None:
        """Answer the fetch that waits: with so many records at most of each partition, none where there are none."""
        if self._fetch is None:
            return
        (answer, active), self._fetch = self._fetch, None
        found: dict[TP, Rows] = {}
        for tp in sorted(active & self.assigned & self.positions.keys()):
            at = self.positions[tp]
            rows = self._broker.log.rows(tp.partition, at, at + most)
            if rows:
                found[tp], self.positions[tp] = rows, rows.end
        if not answer.done():
            answer.set_result(found)

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        if self.generation != self.above.consumer_generation_id:
            return False
        wanted = {tp.partition: offset for tp, offset in offsets.items() if tp in self.assigned}
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._commits.append((answer, wanted, self.generation))
        return await answer

    def go_on_committing(self, fate: int) -> None:
        """Carry the commit that waits out, or answer the one that was."""
        if not self._commits:
            return
        answer, offsets, generation = self._commits[0]
        if self._is_taken is None and fate != REFUSED:
            self._is_taken = self._broker.commit(self._member, generation, offsets)
            return
        is_taken, self._is_taken = self._is_taken, None
        self._commits.popleft()
        if not answer.done():
            answer.set_result(bool(is_taken) and fate != LOST)


def tps(partitions: Collection[int]) -> set[TP]:
    """As Faust names them."""
    return {TP(CALL_EVENTS, partition) for partition in partitions}


class ModelSender:
    """Sends one batch after the other."""

    def __init__(self, broker: ModelBroker) -> None:
        self._broker = broker
        self._waiting: deque[Outbox] = deque()
        self._on_the_way: tuple[Outbox, bytes] | None = None
        self._is_stored = False

    def enlist(self, outbox: Outbox) -> None:
        self._waiting.append(outbox)

    def go_on(self, fate: int) -> None:
        """Send the next batch, store the one that was sent, or answer for it; inside of the worker's loop."""
        if self._on_the_way is None:
            outbox = self._waiting.popleft() if self._waiting else None
            batch = outbox.fill() if outbox is not None else None
            self._on_the_way = (outbox, bytes(batch)) if outbox is not None and batch is not None else None
            return
        outbox, sent = self._on_the_way
        if not self._is_stored and fate != REFUSED:
            self._broker.store(sent)
            self._is_stored = True
            if fate != LOST:
                return
        error = (
            None
            if self._is_stored and fate != LOST
            else KafkaTimeoutError()
            if fate == LOST
            else NotLeaderForPartitionError()
        )
        self._on_the_way, self._is_stored = None, False
        outbox.settle(error)
