"""One life of a worker: all that is ours in it is real, from the transport to the snapshots; Faust's part is a shell.

The shell does what `faust.App` does around a rebalance, in its order, and nothing else.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import contextmanager, nullcontext
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from streams.kafka.fetch.fetcher import Reading
from streams.kafka.plugs import Plugs
from streams.kafka.publishing.identity import Identities
from streams.kafka.publishing.outbox import Outbox
from streams.kafka.publishing.publisher import Publisher
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.kafka.transport import PollConsumer
from streams.log import NumberDigest
from streams.settings import load_settings
from streams.worker.health import Health
from streams.worker.metrics import Metrics
from streams.worker.ownership import Ownership
from streams.worker.screen_calls import CallScreening
from tests.histories.client import ModelClient, ModelSender, tps
from tests.histories.model_broker import Broken, ModelBroker
from tests.histories.parts import Parts
from tests.histories.stepped_loop import InTurns, SteppedLoop

OUTPUT_PARTITIONS = 2
BATCH_EVENTS = 2
"""A poll of more is screened in slices, and gives the loop back between them."""
READING = Reading.of(load_settings())
METRICS = Metrics()
PATIENCE_S = 1e6
"""No session ends because the machine is slow; a schedule says when a process stood still."""


class Signal:
    """One of Faust's."""

    def __init__(self) -> None:
        self.heard: list[Callable[..., Any]] = []

    def connect(self, fun: Callable[..., Any]) -> None:
        self.heard.append(fun)

    async def send(self, app: Any, *args: Any) -> None:
        for fun in self.heard:
            await fun(app, *args)


class Nobody:
    """Takes everything and does nothing: sensors, spans, keepers, what only informs."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Whatever it is."""
        return lambda *_, **__: None


class Shell:
    """As much of `faust.App` as a consumer and `Ownership` see."""

    client_only = in_transaction = should_stop = False

    def __init__(self) -> None:
        self.conf = SimpleNamespace(
            broker_commit_every=None, broker_commit_interval=1.0, broker_commit_livelock_soft_timeout=1.0,
            broker_session_timeout=PATIENCE_S, ConsumerScheduler=Nobody, stream_wait_empty=True,
        )  # fmt: skip
        self.consumer_generation_id = 0
        self.is_flowing = True
        self.flow_control = SimpleNamespace(is_active=lambda: self.is_flowing)
        self.topics = SimpleNamespace(_tp_to_callback_lock=asyncio.Lock())
        self.sensors = self.monitor = self.tables = self.agents = Nobody()
        self.producer = SimpleNamespace(flush=_done)
        self._attachments = SimpleNamespace(publish_for_tp_offset=_done)
        self.on_partitions_revoked, self.on_partitions_assigned, self.on_rebalance_complete = (
            Signal(),
            Signal(),
            Signal(),
        )

    def _start_span_from_rebalancing(self, name: str) -> Any:
        del name
        return nullcontext()

    def on_rebalance_return(self) -> None:
        """Nobody counts them."""


async def _done(*_: object) -> None:
    """Has nothing to do."""


class Consumer(PollConsumer):
    """The transport, onto the port of its transport."""

    def _new_consumer_thread(self) -> Any:
        transport: Any = self.transport
        return transport.client


class Worker:
    """A process.

    Args:
        name: of this life; no two have the same.
        broker: of its cluster.
        loop: of its own.
        parts: what it keeps over restarts and moves.
        screening: what answers polls.
    """

    def __init__(
        self, name: str, broker: ModelBroker, loop: SteppedLoop, make_parts: Callable[["Worker"], Parts],
        screening: type[CallScreening],
    ) -> None:  # fmt: skip
        self.name, self.broker, self.loop = name, broker, loop
        self.is_alive = True
        self.is_leaving = self.is_gone = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self.client = ModelClient(broker, name)
        self.sender = ModelSender(broker)
        with self.inside():
            self.app = Shell()
            self.client.above = self.app
            self.consumer = self._make_consumer()
            self.parts = make_parts(self)
            thread = InTurns(loop, lambda: self.is_alive)
            self.parts.recovery._thread = self.parts.snapshots._thread = cast("Any", thread)
            self._join_parts(screening)
            self._polls: asyncio.Queue[Any] = asyncio.Queue()
            self._heard = asyncio.Event()
            for work in (self._drain(), self._screen_polls(), self.consumer.locator.run(), self._be_a_member()):
                self._start(work)

    def committed(self, partition: int) -> int | None:
        """What the group has taken, as far as this worker knows."""
        return self.consumer.committed_in(CALL_EVENTS, partition)

    def generation(self) -> int:
        """Of the group, as far as this worker knows."""
        return self.app.consumer_generation_id

    def _make_consumer(self) -> PollConsumer:
        transport = SimpleNamespace(
            app=self.app, create_transaction_manager=lambda **_: None, client=self.client, _topic_waiters={}
        )
        return Consumer(
            transport, reading=READING, plugs=Plugs(), callback=self._take, loop=self.loop,
            on_partitions_revoked=self._revoked, on_partitions_assigned=self._assigned,
        )  # fmt: skip

    def _join_parts(self, screening: type[CallScreening]) -> None:
        durability = self.parts.durability
        Ownership(CALL_EVENTS, durability.hand_over, durability.take_over, Health(1e9, 1e9)).follow(self.app)
        self.consumer._plugs = Plugs(
            is_ready=durability.is_ready, on_located=durability.begin, on_leaving=durability.hand_over
        )
        self.consumer.locator._on_located = durability.begin
        publisher = Publisher({}, (CALL_DECISIONS,), self._fail)
        publisher._outboxes[CALL_DECISIONS] = [
            Outbox(self.sender, CALL_DECISIONS, number, publisher._watch, Identities(), lambda: 0)
            for number in range(OUTPUT_PARTITIONS)
        ]
        nobody: Any = Nobody()
        self.screening = screening(
            self.parts.pipeline, publisher, nobody, nobody, METRICS, NumberDigest(None),
            max_batch_events=BATCH_EVENTS, scored_sample_ratio=0.0, deadline_ms=1 << 60, shed_after_ms=1 << 60,
            processed=durability.processed, partitions=lambda: 0, clock_ms=lambda: 0,
        )  # fmt: skip

    @contextmanager
    def inside(self) -> Any:
        """Whatever is called here is called in the loop of this process."""
        before = asyncio.events._get_running_loop()
        asyncio.events._set_running_loop(self.loop)
        try:
            yield
        finally:
            asyncio.events._set_running_loop(before)

    def _start(self, work: Any) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._look_after)

    def _look_after(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if self.is_alive and not task.cancelled() and task.exception() is not None:
            self._fail(task.exception())

    def _fail(self, error: Any) -> None:
        raise Broken(f"{self.name} ends by itself: {error!r}") from error

    # What Faust does

    async def _drain(self) -> None:
        await self.consumer._drain_messages(SimpleNamespace(_stopped=SimpleNamespace(is_set=lambda: not self.is_alive)))

    async def _take(self, message: Any) -> None:
        self._polls.put_nowait(message)

    async def _screen_polls(self) -> None:
        while True:
            message = await self._polls.get()
            if not self.app.is_flowing or message.generation_id != self.app.consumer_generation_id:
                continue
            self.consumer.track_message(message)
            await self.screening.screen(message.value, partial(self.consumer.ack, message))
            del message

    async def _revoked(self, revoked: Collection[Any]) -> None:
        if self.client.assigned:
            self.consumer.stop_flow()
            self.app.is_flowing = False
            self.consumer.pause_partitions(self.client.assignment())
            while not self._polls.empty():
                self._polls.get_nowait()
            await self.consumer.wait_empty()
        await self.app.on_partitions_revoked.send(self.app, revoked)

    async def _assigned(self, assigned: Collection[Any], generation: int) -> None:
        del generation
        await asyncio.sleep(0)
        self.consumer.pause_partitions(assigned)
        await self.app.on_partitions_assigned.send(self.app, assigned)
        await self.consumer.perform_seek()
        self.consumer.resume_partitions(assigned)
        self.app.is_flowing = True
        self.consumer.resume_flow()
        await self.app.on_rebalance_complete.send(self.app)

    async def _be_a_member(self) -> None:
        """Join, and join again whenever that is heard to be necessary, as aiokafka's coordinator does."""
        while True:
            self.broker.join(self.name)
            while self.name in self.broker.joining:
                self._heard.clear()
                await self._heard.wait()
            if self.name in self.broker.members:
                self.client.generation = self.app.consumer_generation_id = self.broker.generation
                self.client.assigned = tps(self.broker.members[self.name])
                await self.consumer.on_partitions_assigned(self.client.assignment(), self.broker.generation)
            while not self.broker.must_rejoin(self.name):
                self._heard.clear()
                await self._heard.wait()
            if self.name not in self.broker.members:
                self.client.generation = -1
            await self.consumer.on_partitions_revoked(self.client.assignment())

    async def _leave(self) -> None:
        self.app.should_stop = True
        await self.consumer.on_stop()
        self.broker.leave(self.name)
        self.is_gone = True

    # What a schedule does to it

    def go(self, turns: int) -> None:
        """Let it run; where nothing is ready, let time pass."""
        for _ in range(turns):
            if not self.is_alive or not (self.loop.turn(1) or self.loop.tick()):
                break
            if self.is_gone:
                self.die()
        if self.loop.problems:
            raise Broken(f"{self.name}: {self.loop.problems[0]}")

    def heartbeat(self) -> None:
        """Hear of the group."""
        with self.inside():
            self._heard.set()

    def poll(self, most: int) -> None:
        """A fetch is answered."""
        with self.inside():
            self.client.poll(most)

    def send(self, fate: int) -> None:
        """Something happens to a batch of decisions."""
        with self.inside():
            self.sender.go_on(fate)

    def commit(self) -> None:
        """The timer of commits is due."""
        with self.inside():
            self._start(self.consumer.commit())

    def answer_commit(self, fate: int) -> None:
        """Something happens to a commit."""
        with self.inside():
            self.client.go_on_committing(fate)

    def snapshot(self) -> None:
        """The timer of snapshots is due."""
        with self.inside():
            self._start(self.parts.snapshots.take())

    def leave(self) -> None:
        """SIGTERM."""
        if not self.is_leaving:
            self.is_leaving = True
            with self.inside():
                self._start(self._leave())

    def stand_still(self) -> None:
        """It is frozen for so long that others may have its partitions."""
        self.consumer._awake_s -= PATIENCE_S

    def die(self) -> None:
        """Kill -9: nothing that it has not done yet will be done."""
        self.is_alive = False
        self.loop.vanish()
