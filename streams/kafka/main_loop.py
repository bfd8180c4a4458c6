"""The driver's Kafka consumer on the main event loop instead of in a thread of its own.

It saves two hops between threads at each poll (median latency 3.4 -> 1.1 ms at 1,000 events a second). In return
heartbeats share the loop: whoever works on it keeps every slice short. `tests/contracts` pins the overridden names.

A commit that fails ends nothing: the watermark is committed again by the next one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP
from mode import Service
from mode.utils.futures import maybe_async

from streams.kafka.client import keep_metadata_coming
from streams.kafka.commit_floor import CommitFloor
from streams.kafka.fetch.fetcher import Reading, fetch_batches
from streams.kafka.fetch.lineage import Lineage
from streams.kafka.fetched import Partition
from streams.kafka.locating import Mark
from streams.kafka.log_requests import Log, describe_logs
from streams.kafka.static_member import tell_when_replaced

COMMIT_TIMEOUT_S = 5.0
LAST_COMMIT_TIMEOUT_S = 1.5
LEAVE_TIMEOUT_S = 1.5

log = logging.getLogger(__name__)


class MainLoopConsumer(driver.AIOKafkaConsumerThread):
    """Undoes what `mode.ServiceThread` does with threads and queues; the rest is the driver's.

    Args:
        consumer: the Faust consumer that delegates to this.
        reading: how the brokers are asked, and what is read.
        on_replaced: told that another member has joined under our instance id.
    """

    logger = logging.getLogger("mode")
    wait_for_shutdown = False

    def __init__(self, consumer: Any, *, reading: Reading, on_replaced: Callable[[], object], **kwargs: Any) -> None:
        loop = asyncio.get_event_loop()
        self._on_replaced = on_replaced
        self._reading = reading
        self._lineage = Lineage()
        self._floor: CommitFloor[Partition] = CommitFloor()
        self._committing = asyncio.Lock()
        super().__init__(consumer, thread_loop=loop, **{**kwargs, "loop": loop})

    async def maybe_start(self) -> Any:
        """Start once, without a thread."""
        return await Service.maybe_start(self)

    async def on_start(self) -> None:
        """Connect; nothing is subscribed to yet."""
        await super().on_start()
        await fetch_batches(self._consumer, self._reading.limits, self._lineage)
        tell_when_replaced(self._consumer, self._on_replaced)

    async def start(self) -> None:
        """Start on the running loop."""
        await self._default_start()

    async def stop(self) -> None:
        """Stop on the running loop."""
        await Service.stop(self)

    async def on_stop(self) -> None:
        """Leave the group and close the connections; a broker that is away is not waited for."""
        if self._consumer is not None:
            try:
                await asyncio.wait_for(self._consumer.stop(), LEAVE_TIMEOUT_S)
            except TimeoutError:
                log.warning("the group was not left, its broker is away")

    def highwater(self, tp: Any) -> Any:
        """Offset up to which an assigned partition may be read, as far as it is known."""
        consumer = self._ensure_consumer()
        return consumer.last_stable_offset(tp) if self._reading.is_committed else consumer.highwater(tp)

    def held_back(self, tp: Any) -> int:
        """Records of an assigned partition that wait for the end of a transaction."""
        end, readable = self._ensure_consumer().highwater(tp), self.highwater(tp)
        return 0 if end is None or readable is None else max(0, end - readable)

    def watch_partitions(self) -> None:
        """Have new partitions noticed; call it whenever partitions were assigned.

        aiokafka watches only in the member that made the assignment; when static members come back nobody makes one.
        """
        consumer = self._ensure_consumer()
        coordinator = consumer._coordinator  # noqa: SLF001 - no public way to any of this
        if coordinator._group_subscription is None:  # noqa: SLF001
            coordinator._group_subscription = frozenset(consumer.subscription())  # noqa: SLF001
            coordinator._metadata_snapshot = coordinator._get_metadata_snapshot()  # noqa: SLF001

    # Where partitions stand

    def leader_of(self, tp: Partition) -> int | None:
        """Broker that leads a partition as far as is known, None while nobody does."""
        leader = self._ensure_consumer()._client.cluster.leader_for_partition(tp)  # noqa: SLF001 - no public way
        return None if leader is None or leader < 0 else int(leader)

    def _exists(self, tp: Partition) -> bool:
        return tp.partition in (self._ensure_consumer().partitions_for_topic(tp.topic) or ())

    async def committed_marks(self, tps: Collection[Partition]) -> dict[Partition, Mark]:
        """What the group has committed of partitions; those without are left out. Waits while nobody coordinates it.

        Raises:
            aiokafka.errors.KafkaError: it may not be asked.
        """
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - only this has the metadata of offsets
        found = await coordinator.fetch_committed_offsets([TopicPartition(*tp) for tp in tps])
        return {tp: Mark.of(found[tp].offset, found[tp].metadata) for tp in tps if tp in found}

    async def logs(self, node: int, marks: Mapping[Partition, Mark]) -> dict[Partition, Log]:
        """Ask a broker about logs that it leads; those that it knows.

        Raises:
            aiokafka.errors.KafkaError: it does not answer.
        """
        client = self._ensure_consumer()._client  # noqa: SLF001 - the connections that fetches use too
        found: dict[Partition, Log] = {}
        for topic in {tp.topic for tp in marks}:
            epochs = {tp.partition: mark.epoch for tp, mark in marks.items() if tp.topic == topic}
            logs = await describe_logs(client, node, topic, epochs)
            found |= {tp: logs[tp.partition] for tp in marks if tp.topic == topic and tp.partition in logs}
            if len(logs) < len(epochs):
                client.force_metadata_update()
        return found

    def read_from(self, tp: Partition, offset: int) -> None:
        """Fetch from there; the log was looked at, so whatever epoch its records have is taken."""
        self._lineage.accept(tp)
        self._floor.lower(tp, offset)
        self.seek(tp, offset)

    def take_doubts(self) -> list[Partition]:
        """Partitions whose logs have to be looked at again; each is told once."""
        return [TP(*tp) for tp in self._lineage.take_doubts()]

    def epoch_of(self, tp: Partition) -> int | None:
        """Leader epoch of what was fetched last, None while nothing was."""
        return self._lineage.epochs.get(tp)

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        """Commit, one after the other: the client tries one again that failed, maybe after a later one has passed."""
        timeout_s = LAST_COMMIT_TIMEOUT_S if self.app.should_stop else COMMIT_TIMEOUT_S
        try:
            async with asyncio.timeout(timeout_s), self._committing:
                return await self._commit_now(offsets)
        except (CommitFailedError, IllegalStateError, TimeoutError) as error:
            log.info("offsets not committed, they will be by the next commit or read again: %r", error)
        except KafkaError as error:
            if not error.retriable:
                log.exception("offsets cannot be committed")
                await self.crash(error)
        return False

    async def _commit_now(self, offsets: Mapping[Any, int]) -> bool:
        consumer = self._ensure_consumer()
        assigned = {tp for tp in self.assignment() if self._exists(tp)}  # one that is gone would hold up all the others
        ours = {tp: offset for tp, offset in offsets.items() if tp in assigned}
        generation = consumer._coordinator.generation  # noqa: SLF001 - no public way to know
        if not ours or generation != self.app.consumer_generation_id:
            return False  # no longer a member: from an empty group the broker would take what others have passed
        above: Any = self.consumer
        wanted = {
            TopicPartition(*tp): OffsetAndMetadata(offset, above.mark_metadata(tp))
            for tp, offset in self._floor.raised(generation, ours).items()
        }
        await consumer.commit(wanted)
        return True

    async def crash(self, reason: BaseException) -> None:
        """Tell the services above."""
        await Service.crash(self, reason)

    def _stopped_set(self) -> None:
        self._stopped.set()

    def set_shutdown(self) -> None:
        """Wake whoever waits for the end."""
        self._shutdown.set()

    async def _stop_children(self) -> None:
        await self._default_stop_children()

    async def _stop_futures(self) -> None:
        await self._default_stop_futures()

    async def _stop_exit_stacks(self) -> None:
        await self._default_stop_exit_stacks()

    async def call_thread(self, fun: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        """Call directly what the driver would queue for its thread."""
        return await maybe_async(fun(*args, **kwargs))

    async def cast_thread(self, fun: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> None:
        """Call directly what the driver would queue for its thread, without its answer."""
        await maybe_async(fun(*args, **kwargs))

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # No public way to set these two: the driver has 1,500 ms and reads uncommitted.
        consumer._fetch_max_wait_ms = self._reading.max_wait_ms  # noqa: SLF001
        consumer._isolation_level = self._reading.isolation_level  # noqa: SLF001
        keep_metadata_coming(consumer._client)  # noqa: SLF001 - nor to reach it
        return consumer
