"""A Faust transport that hands the agent one event for each poll of the broker, all partitions in it.

Stock Faust costs 60 us for each record before the agent sees it; this costs 0.1-0.2 ms for each poll, whatever its
size. Throughput comes by itself when load is high; nothing waits for a poll to fill, so latency is low when load is.

Promises: offsets are committed up to the watermark only (`streams.kafka.watermarks`), whatever the order of
acknowledgements; a record that was handed out is not handed out twice within one assignment; at most
`MAX_POLLS_IN_FLIGHT` events of at most `MAX_RECORDS_PER_POLL` records are unanswered at any time, but for those that
were set aside, since the rest of their answers waits for a partition that cannot be written to: `MAX_ASIDE_BYTES` of
them. `tests/contracts` pins the private names used here.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Any

from aiokafka.errors import ConsumerStoppedError
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, ack_lock
from mode import Service
from mode.utils.futures import notify

from streams.kafka.broker_clock import BrokerClock
from streams.kafka.fetch.fetcher import Reading
from streams.kafka.fetch.turns import Turns
from streams.kafka.fetched import Partition, Poll, Rows, nothing
from streams.kafka.locating import Locator, Mark, Place
from streams.kafka.main_loop import MainLoopConsumer
from streams.kafka.plugs import Plugs
from streams.kafka.watermarks import Watermarks
from streams.running.clock import wall_clock_ms

MAX_RECORDS_PER_POLL = 4_096
"""Bounds the time between two polls, and with it what a revoked partition has to wait for."""
MAX_POLLS_IN_FLIGHT = 4
"""Back-pressure. Not left to Faust's stream buffer: when that is full, polling stops for a whole second."""
MAX_ASIDE_BYTES = 128 * 1024 * 1024
"""Keys and values of events that may be set aside. What comes beyond stays in flight: then nothing more is read."""
ROOM_CHECK_S = 0.2
END_WAIT_S = 3.0
"""What is in flight at the end may take so long to be published; afterwards it is left unacknowledged."""
CLOSED_GATE_POLL_S = 0.05
"""Longest poll while a partition is held back: what it has fetched must not wait for the others once it is ready."""

log = logging.getLogger(__name__)


class PollConsumer(driver.Consumer):
    """Yields one message a poll.

    Args:
        reading: how the brokers are asked, and what is read.
        plugs: whom it asks and tells.

    Attributes:
        committed: offset that the group has taken, by assigned partition.
        locator: finds out where partitions are read from.
        clock: knows how far ours is from the brokers'.
    """

    logger = logging.getLogger("mode")
    _thread: MainLoopConsumer

    def __init__(self, transport: Any, *, reading: Reading, plugs: Plugs, **kwargs: Any) -> None:
        self._reading = reading
        self.watermarks: Watermarks[Partition] = Watermarks()
        self._plugs = plugs
        self.committed: dict[Partition, int] = {}
        self._began: dict[Partition, int] = {}  # where reading began, of partitions nothing was committed of
        self._partition_count = 1
        self._room = asyncio.Event()
        self._turns = Turns(MAX_RECORDS_PER_POLL, self._room.set)
        self._doubtful: set[Partition] = set()
        self._awake_s = time.monotonic()
        self.clock = BrokerClock()
        self.locator = Locator(lambda: self._thread, self._settle, plugs.on_located, self.watermarks.is_open)
        super().__init__(transport, **kwargs)

    def _new_consumer_thread(self) -> MainLoopConsumer:
        return MainLoopConsumer(self, reading=self._reading, on_replaced=self._plugs.on_replaced, beacon=self.beacon)

    # Reading

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[Partition, Any]]:  # noqa: ASYNC109 - faust's signature
        """Yield what one poll brought. Called in a loop by the driver; ends early when partitions are taken away."""
        if self._turns.waiting:  # the next poll takes what has come until the last one was screened
            await self._wait_for_room(self.app.consumer_generation_id)
            timeout = 0.0
        turn = self.locator.turn
        found: Any = await self._wait_next_records(timeout)  # rows of each partition, and which are active
        records, active = found
        if records is None or self.should_stop:
            return
        self._look_at_doubts()
        if not await self._is_still_ours() or not self.flow_active or turn != self.locator.turn:
            # A fetch that waited since before a rebalance may have taken what comes after the seek with it.
            self._turns.miss(records)
            self._turns.drop()
            return
        generation = self.app.consumer_generation_id
        self._turns.keep((generation, turn), self._may_read)
        self._take_in(records, active)
        part = self._turns.take()
        if not part:
            return
        if not await self._wait_for_room(generation) or turn != self.locator.turn:
            self._turns.miss(tp for tp, _ in part)
            self._turns.drop()
            return
        ticket = self.watermarks.open((tp, rows.end) for tp, rows in part)
        message = Poll(ticket, part, self._turns.hand_out()).message(generation)
        yield message.tp, message

    def _take_in(self, records: Mapping[Partition, Rows], active: Any) -> None:
        """Have what is to be handed out of a fetch take its turn."""
        arrivals_ms: dict[Partition, int] = {}
        for tp, rows in records.items():
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                continue
            if not self._may_read(tp):  # it was when the fetch began
                self._turns.miss([tp])
            elif unread := self._unread(tp, rows):
                self._turns.add(tp, unread)
                if unread.end >= (self.highwater(tp) or 0):
                    arrivals_ms[tp] = unread.last_timestamp
            else:
                self._move_on(tp, unread)
        if self.clock.is_due(self._awake_s):
            self.clock.compare(self._awake_s, wall_clock_ms(), arrivals_ms)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Hand on what polls bring, until the end. The driver's loop makes four tasks for each message."""
        topics: Any = self.app.topics
        flow = self.app.flow_control
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):  # noqa: SLF001 - as the driver does
                await asyncio.sleep(0)
                async for tp, message in self.getmany(1.0):
                    handing = self.callback(message)
                    # With the flow active and the lock free there is nothing to wait for.
                    if flow.is_active() and not topics._tp_to_callback_lock.locked():  # noqa: SLF001
                        await handing
                    else:  # a rebalance has begun: it waits for us, so we must not wait for its end
                        await self.wait_first(handing, self.suspend_flow.wait())
                    self._read_offset[tp] = message.offset
        except (asyncio.CancelledError, ConsumerStoppedError):
            if not self.app.should_stop:
                raise

    def _may_read(self, tp: Partition) -> bool:
        return tp in self.locator.located and self._plugs.is_ready(tp)

    async def _is_still_ours(self) -> bool:
        """Whether the group counts on us: after a standstill as long as its patience, only it can tell.

        A process that was frozen goes on where it stopped. Before it hears that others have its partitions, it would
        decide their calls beside them, perhaps otherwise, since it has not heard of other partitions meanwhile either.
        """
        now_s = time.monotonic()
        known, still_s = self._began | self.committed, now_s - self._awake_s
        if known and still_s >= self.app.conf.broker_session_timeout / 2:
            log.info("stood still for %.1f s, asking the group whether the partitions are still ours", still_s)
            await self._plugs.before_commit()
            # What is known to be committed may be less than what is: the group would go back to it.
            known |= {tp: offset for tp in known if (offset := self.watermarks.watermark(tp)) is not None}
            if not await self._thread.commit(known):
                return False  # asked again with the next fetch, until partitions are assigned anew
        self._awake_s = now_s
        return True

    def _is_stale(self, generation: int) -> bool:
        return not self.flow_active or generation != self.app.consumer_generation_id

    def _is_full(self) -> bool:
        in_flight = self.watermarks.in_flight
        return in_flight >= MAX_POLLS_IN_FLIGHT or (in_flight > 0 and self._turns.is_behind)

    async def _wait_for_room(self, generation: int) -> bool:
        while self._is_full() and not self._is_stale(generation):
            if self.watermarks.in_flight >= MAX_POLLS_IN_FLIGHT:
                self._plugs.on_full()
            self._room.clear()
            if not self._is_full():
                break
            with suppress(TimeoutError):  # look again whether the partitions are still ours
                await asyncio.wait_for(self._room.wait(), ROOM_CHECK_S)
        return not self._is_stale(generation)

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109 - faust's signature
        self._look_at_doubts()
        ready = {tp for tp in active_partitions if self._may_read(tp)}
        for tp in self._turns.take_dropped(ready):  # not when rows come: one that has fallen quiet would wait for ever
            self._rewind(tp)
        if len(ready) < len(active_partitions):
            timeout = min(timeout, CLOSED_GATE_POLL_S)
        ready -= self._turns.waiting
        if not ready:  # asking for none would give records of all
            await asyncio.sleep(timeout)
            return {}
        return await super()._getmany(ready, timeout)

    # Where reading goes on

    async def perform_seek(self) -> None:
        """Begin to look where each partition is read from; called when partitions were assigned.

        It returns at once. Faust gives up in silence, and for good, where this takes longer than a request may.
        """
        assigned = self.assignment()
        self._doubtful.update(assigned)
        self._thread.watch_partitions()
        self.locator.assign(assigned)

    @Service.task
    async def _locate_partitions(self) -> None:
        await self.locator.run()

    def _settle(self, tp: Partition, place: Place, is_fresh: bool) -> None:
        if is_fresh or place.change is not None:
            self.watermarks.forget([tp])
            self.watermarks.expect(tp, place.offset)
            self.committed.pop(tp, None)
            if place.is_new or place.change is not None:
                self._committed_offset[tp] = None
                self._began[tp] = place.offset
            else:
                self._committed_offset[tp] = self.committed[tp] = place.offset
        self._doubtful.add(tp)
        self._thread.read_from(tp, place.offset)

    def _look_at_doubts(self) -> None:
        for tp in self._thread.take_doubts():
            mark = self._mark(tp)
            self.locator.doubt(tp, Mark(self.watermarks.expected(tp), mark.topic_id, mark.epoch))

    def _mark(self, tp: Partition) -> Mark:
        """What is known of the log of a partition, its latest epoch included."""
        mark, epoch = self.locator.mark_of(tp), self._thread.epoch_of(tp)
        return mark if epoch is None else Mark(mark.offset, mark.topic_id, epoch)

    def mark_metadata(self, tp: Partition) -> str:
        """What stands beside a committed offset: whose it is."""
        return self._mark(tp).metadata()

    def _unread(self, tp: Partition, rows: Rows) -> Rows:
        """Leave out what was handed out before; read a partition again, once, whose records may have been skipped."""
        expected = self.watermarks.expected(tp)
        if tp in self._doubtful:
            self._doubtful.discard(tp)
            if rows.begin != expected:
                self._rewind(tp)
                return nothing(rows.begin, rows.begin)
        if expected is None or not rows or rows.first_offset >= expected:
            return rows
        return rows.since(expected)

    def _move_on(self, tp: Partition, rows: Rows) -> None:
        """Pass over offsets that have no record; of a batch that cannot be read somebody is told."""
        if rows.end <= max(rows.begin, self.watermarks.expected(tp) or 0):
            return
        if rows.unreadable is not None:
            self._plugs.on_unreadable(tp, rows.unreadable)
        self.watermarks.close(self.watermarks.open([(tp, rows.end)]))
        self._room.set()

    def _rewind(self, tp: Partition) -> None:
        # Not skipping a record matters more than a second fetch.
        expected = self.watermarks.expected(tp)
        if expected is not None:
            log.info("a fetch of %s/%s does not go on where it should: reading from %s", *tp, expected)
            self._thread.seek(tp, expected)

    # Acknowledging and committing

    def ack(self, message: Any) -> bool:
        """Note that every record of the message's poll is answered; True the first time."""
        with ack_lock:
            if message.acked:
                return False
            message.acked = True
            self.watermarks.close(message.value.ticket)
            self._room.set()
            self._unacked_messages.discard(message)
            notify(self._waiting_for_ack)
            return True

    def set_aside(self, message: Any) -> None:
        """Let others go on while the rest of a poll's answers waits for a partition that cannot be written to.

        It is acknowledged when they are safe. A rebalance does not wait for it: its records are read again then.
        """
        size = sum(rows.size_bytes for _, rows in message.value.parts)
        if message.acked or self.watermarks.aside_bytes + size > MAX_ASIDE_BYTES:
            return
        self.watermarks.set_aside(message.value.ticket, size)
        message.value.parts.clear()  # whole fetches hang on them, and nobody reads them any more
        self._room.set()
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[Partition]:
        for tp in self.watermarks.partitions():
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    def _new_offset(self, tp: Partition) -> int | None:
        return self.watermarks.watermark(tp)

    async def _commit_offsets(self, offsets: Mapping[Partition, int], start_new_transaction: bool = True) -> bool:
        """Commit; where the group refuses, keep what was known: Faust would take the offsets for committed."""
        await self._plugs.before_commit()
        before = {tp: self._committed_offset.get(tp) for tp in offsets}
        did_commit = bool(await super()._commit_offsets(offsets, start_new_transaction=start_new_transaction))
        if did_commit:
            assigned = self.assignment()
            self.committed.update({tp: offset for tp, offset in offsets.items() if tp in assigned})
        else:
            self._committed_offset.update(before)
        return did_commit

    async def commit_and_end_transactions(self) -> None:
        """Commit all that is answered. The driver's would be content with a commit that was under way before."""
        await self.maybe_wait_for_commit_to_finish()
        await super().commit_and_end_transactions()

    async def on_partitions_revoked(self, revoked: set[Partition]) -> None:
        """Commit, then forget. The driver's part waits until all that is in flight is acknowledged."""
        self.locator.revoke()
        await super().on_partitions_revoked(revoked)
        self.watermarks.forget(revoked)
        for tp in revoked:
            self.committed.pop(tp, None)
            self._began.pop(tp, None)
        self._room.set()

    async def wait_empty(self) -> None:
        """Wait until all that is in flight is acknowledged, and commit; at the end of the process for a while only."""
        given_up = asyncio.get_running_loop().call_later(END_WAIT_S, self._give_up) if self.app.should_stop else None
        try:
            await super().wait_empty()
        finally:
            if given_up is not None:
                given_up.cancel()

    async def on_stop(self) -> None:
        """Answer and commit what is in flight; whoever gets the partitions next must find what was counted."""
        await super().on_stop()
        await self._plugs.on_leaving()

    def _give_up(self) -> None:
        if self._unacked_messages:
            log.warning("ending with %s polls unanswered, they will be read again", self.watermarks.in_flight)
            self._unacked_messages.clear()

    async def verify_all_partitions_active(self) -> None:
        """Do not judge progress by single records, which never come by here; `worker.health` does it by watermark."""

    def committed_in(self, topic: str, partition: int) -> int | None:
        """Offset that the group has taken of an assigned partition, None while unknown."""
        return self.committed.get(TP(topic, partition))

    def partition_count(self, topic: str) -> int:
        """Number of partitions of a topic, as the brokers told us last while it was there; at least 1."""
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - the driver's own access
        self._partition_count = len(consumer.partitions_for_topic(topic) or ()) or self._partition_count
        return self._partition_count

    # What operators are shown

    def _ours(self) -> set[Partition]:
        with suppress(ConsumerNotStarted):
            return set(self.assignment())
        return set()

    def held_back(self) -> Mapping[Partition, int]:
        """Records of each assigned partition that wait for the end of a transaction."""
        return {tp: self._thread.held_back(tp) for tp in self._ours()}

    def leaderless(self) -> list[Partition]:
        """Assigned partitions that no broker leads, as far as is known; nothing can be read or written there."""
        return sorted(tp for tp in self._ours() if self._thread.leader_of(tp) is None)

    def progress(self) -> Mapping[Partition, tuple[int | None, int | None]]:
        """How far each assigned partition is answered (or where reading started) and its end, as far as it may be read.

        What was set aside counts as answered: a restart would help none of it.
        """
        found: dict[Partition, tuple[int | None, int | None]] = {}
        for tp in self._ours():
            reached, end = self.watermarks.answered(tp), self.highwater(tp)
            reached = self.watermarks.expected(tp) if reached is None else reached
            if reached is not None and end is not None and end < reached <= end + self._thread.held_back(tp):
                end = reached  # it was read uncommitted before, and a transaction of then is open
            found[tp] = reached, end
        return found
