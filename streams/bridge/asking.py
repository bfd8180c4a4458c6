"""The one thing that all dips share: a call's set-up goes to `call-events`, its decision is awaited, within a deadline.

It never raises to a dip, and no call waits on another. Whatever goes wrong, the call passes: `Asked` says why.
"""

import asyncio
import uuid
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
import structlog
from aiokafka.errors import KafkaError

from detector.contract.decisions import Decision
from detector.contract.events import MAX_RECORD_BYTES, CallSetup
from detector.trust.verdict import Verdict
from streams.bridge.breaker import Breaker
from streams.bridge.events import fitted
from streams.bridge.metrics import BridgeMetrics, Sources
from streams.bridge.settings import BridgeSettings
from streams.bridge.traces import UNTRACED, BeginTrace, CallTrace, untraced
from streams.bridge.waiting import WaitingCalls, place_of
from streams.bridge.watching import Watch
from streams.errors import PublishFailed
from streams.kafka.client import client_settings, require_topics, why_unreachable
from streams.kafka.fetch.live_topic import LiveReader
from streams.kafka.publishing.publisher import Delivery, Publisher
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.running.clock import wall_clock_ms
from streams.running.failures import Failures
from streams.running.services import Background
from streams.settings import Settings
from streams.trust.own_fields import with_verdict
from streams.trust.setup_verifier import SetupVerifier
from streams.wire.records import DECISION_DECODER

PROBE_S = 1.0
"""Between two calls of our own, while nobody knows whether workers answer."""
PROBE_NUMBERS = ("+12025550100", "+12025550199")
"""Calling and called number of such a call; nobody has them (NANPA keeps 555-01XX for examples)."""
PROBE_TRUNK = "bridge-probe"
FULL = "full"
CERTIFICATE_SHARE = 0.5
"""Of its time, longest that a call waits for certificates: whoever serves them slowly escapes no decision."""
MOST_OF_IT = 0.9
"""Of its time, least that a call waits for its decision, if that it gets none is to tell of workers."""

log = structlog.get_logger(__name__)


class FailOpen(StrEnum):
    """Why a call passes without a decision."""

    LATE = "late"
    UNHEALTHY = "unhealthy"
    NOT_PUBLISHED = "not_published"


class Asked(NamedTuple):
    """What became of a question: a decision, or the reason why there is none; and what its signatures are worth."""

    decision: Decision | None
    reason: FailOpen | None
    verdict: Verdict | None = None


class Asker:
    """Asks the workers, by way of Kafka. Used on one event loop; `start` once, `stop` once.

    Args:
        settings: how the brokers are spoken to.
        bridge: says how many calls may wait at a time, and events for their acknowledgement; and how long usually.
        metrics: counts.
        verifier: verifies calls that are signed, before they are published; None for none.
        begin_trace: of a request to a dip.

    Attributes:
        begin_trace: as given, for the dips.
        failures: takes internal errors, of the dips too.
    """

    def __init__(
        self,
        settings: Settings,
        bridge: BridgeSettings,
        metrics: BridgeMetrics,
        verifier: SetupVerifier | None = None,
        begin_trace: BeginTrace = untraced,
    ) -> None:
        self.begin_trace = begin_trace
        self._settings = settings
        self._verifier = verifier
        self._most = bridge.max_waiting
        self._patience_s = bridge.deadline_ms / 1_000
        self._metrics = metrics
        self._waiting = WaitingCalls(bridge.max_waiting)
        self._breaker = Breaker()
        self._watch = Watch(self._waiting, self._breaker, bridge.max_waiting)
        self._reader = LiveReader(settings, CALL_DECISIONS, [CALL_EVENTS], self._take)
        self._publisher: Publisher | None = None
        self._partitions = 0
        self._probe_id = f"bridge-{uuid.uuid4().hex[:12]}"
        self.failures = Failures(metrics.internal_error)
        jobs = [("decisions", self._reader.read), ("topics", self._follow), ("probe", self._probe)]
        self._background = Background([*jobs, ("metadata", self._reader.look)])
        metrics.sources = Sources(self._waits, self._unpublished, lambda: self.is_healthy)

    async def start(self) -> None:
        """Connect; from now on calls can be asked about.

        Raises:
            RobocallError: no broker answers, or it refuses us, or a topic is missing; one line, with what to do.
        """
        await require_topics(self._settings, [CALL_EVENTS, CALL_DECISIONS])
        try:
            await self._reader.start()
            self._publisher, self._partitions = await self._connected(), self._reader.partitions[CALL_EVENTS]
        except KafkaError as error:
            await self.stop()
            raise await why_unreachable(self._settings) from error
        except BaseException:
            await self.stop()
            raise
        await self._background.start()

    async def stop(self) -> None:
        """Publish what waits, as far as the brokers take it soon, and disconnect. Never raises."""
        await self._background.stop()
        if self._publisher is not None:
            await self._publisher.stop()
        await self._reader.stop()

    async def _connected(self) -> Publisher:
        publisher = Publisher(client_settings(self._settings), [CALL_EVENTS], self._refused, may_lose=True)
        await publisher.start()
        return publisher

    @property
    def why_unhealthy(self) -> str | None:
        """Why calls are not waited for, in a few words; None while decisions come."""
        if not self._reader.is_up:
            return "call-decisions cannot be read"
        if self._publisher is None or self._publisher.outage_s():
            return "call-events cannot be written"
        if not self._breaker.is_closed:
            return "no worker answers in time"
        return None

    @property
    def is_healthy(self) -> bool:
        """Decisions come: Kafka answers, and so do the workers. Cheap."""
        return self.why_unhealthy is None

    async def ask(
        self,
        setup: Mapping[str, Any],
        deadline_s: float,
        *,
        names_call: bool = True,
        usual_s: float | None = None,
        trace: CallTrace = UNTRACED,
    ) -> Asked:
        """Publish a set-up, and wait for its decision; never raises, but when it is cancelled.

        Where somebody verifies, a set-up with Identity headers is published with the verdict, and once.
        While unhealthy the set-up is published all the same, so that windows have no holes, and the answer comes at
        once. What workers decide of such calls is watched: decisions in time end it.

        Args:
            setup: fields of the contract's `call_setup`, `type` included.
            deadline_s: longest time to wait, seconds.
            names_call: whether its call id is that of the call, the same whoever asks about it.
            usual_s: how long the peer's calls wait, seconds; None: as long as this one. A call that waits for less and
                gets no decision tells little of workers, and so does a decision after that time.
            trace: of the request; told what happens up to the decision.
        """
        try:
            usual_s = deadline_s if usual_s is None else usual_s
            return await self._ask(setup, deadline_s, names_call=names_call, usual_s=usual_s, trace=trace)
        except Exception as error:  # noqa: BLE001 - whatever it is, the call passes
            self.failures(error)
            return Asked(None, FailOpen.NOT_PUBLISHED)

    async def _ask(
        self, setup: Mapping[str, Any], deadline_s: float, *, names_call: bool, usual_s: float, trace: CallTrace
    ) -> Asked:
        if self._waiting.is_full:
            return Asked(None, FailOpen.NOT_PUBLISHED)
        place = place_of(setup)
        future = self._waiting.add(place)  # before it is published: an answer may come within the same turn
        verdict, loop = None, asyncio.get_running_loop()
        try:
            if self._verifier is not None and setup.get("identity"):
                until_s = loop.time() + deadline_s
                wait_s = CERTIFICATE_SHARE * deadline_s if self.is_healthy else 0.0
                verdict = await self._verdict(self._verifier, setup, loop.time() + wait_s, names_call=names_call)
                setup = setup if verdict is None else with_verdict(setup, verdict)
                deadline_s = max(until_s - loop.time(), 0.0)
            if not self._publish(setup, trace):
                return Asked(None, FailOpen.NOT_PUBLISHED, verdict)
            if not self._is_connected:
                return Asked(None, FailOpen.UNHEALTHY, verdict)
            if not self._breaker.is_closed:
                self._watch.add(place, min(deadline_s, usual_s))
                return Asked(None, FailOpen.UNHEALTHY, verdict)
            asked_s = loop.time()
            done, _ = await asyncio.wait([future], timeout=deadline_s)
            trace.waited()
        finally:
            self._waiting.remove(place, future)
        self._tell_breaker(loop.time() - asked_s, deadline_s, usual_s, is_answered=bool(done))
        return Asked(future.result(), None, verdict) if done else Asked(None, FailOpen.LATE, verdict)

    def _tell_breaker(self, took_s: float, deadline_s: float, usual_s: float, *, is_answered: bool) -> None:
        """What a call that waited tells of workers: by how long its peer's calls wait, whatever it did itself."""
        if is_answered and took_s <= usual_s:
            self._breaker.answered()
        elif is_answered or deadline_s >= MOST_OF_IT * usual_s:
            self._breaker.timed_out()
        else:
            self._breaker.doubted()

    async def _verdict(
        self, verifier: SetupVerifier, setup: Mapping[str, Any], until_s: float, *, names_call: bool
    ) -> Verdict | None:
        try:
            call = CallSetup(**{name: value for name, value in setup.items() if name != "type"})
            now_ms = wall_clock_ms()
            return await verifier.verdict(call, until_s, arrival_ms=now_ms, names_call=names_call)
        except asyncio.CancelledError:  # whoever called hung up, and an attempt counts
            self.publish(setup)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the call is asked about without a verdict
            self.failures(error)
            return None

    @property
    def _is_connected(self) -> bool:
        return self._reader.is_up and self._publisher is not None and not self._publisher.outage_s()

    def publish(self, event: Mapping[str, Any]) -> bool:
        """Publish an event that nobody waits for, as the end of a call; returns at once, and never raises.

        Args:
            event: fields of the contract's `call_end` or `call_setup`, `type` included.

        Returns:
            Whether it is on its way; False where there is no room for it now, and it may be said again later.
        """
        try:
            return self._publish(event)
        except Exception as error:  # noqa: BLE001 - it only informs
            self.failures(error)
            return True

    def _publish(self, event: Mapping[str, Any], trace: CallTrace = UNTRACED) -> bool:
        """Queue an event with its calling number as key; whether there was room."""
        value = trace.published(fitted(event))
        if self._publisher is None or len(value) > MAX_RECORD_BYTES or self._publisher.waiting() >= self._most:
            self._metrics.lost(FULL, 1)
            return False
        key = str(event["calling_number"]).encode("utf-8", "surrogatepass")
        delivery = Delivery(trace.acknowledged)
        self._publisher.publish(CALL_EVENTS, [(key, value)], delivery)
        delivery.seal()
        return True

    def _waits(self) -> int:
        return len(self._waiting) - len(self._watch)

    def _unpublished(self) -> int:
        return 0 if self._publisher is None else self._publisher.waiting()

    def _refused(self, failure: PublishFailed) -> None:
        self._metrics.lost(type(failure.cause).__name__, failure.records)

    def _take(self, key: bytes | None, value: bytes) -> None:
        """Look at a record of `call-decisions`; what cannot be read is as good as none."""
        if key is None or not self._waiting.has(key):
            return
        try:
            decision = DECISION_DECODER.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._metrics.junk("kafka", "decision")
            return
        self._waiting.settle(key, decision)

    async def _follow(self) -> None:
        """Connect anew where `call-events` has got another number of partitions; a background job."""
        while True:
            await asyncio.sleep(PROBE_S)
            found = self._reader.partitions.get(CALL_EVENTS, 0)
            if found in {0, self._partitions}:
                continue
            fresh = await self._connected()
            old, self._publisher, self._partitions = self._publisher, fresh, found
            log.info("call-events is written", partitions=found)
            if old is not None:
                await old.stop()

    async def _probe(self) -> None:
        """Ask about a call of our own while nobody knows whether workers answer; a background job."""
        number = 0
        while True:
            if self._is_connected and (not self._breaker.is_closed or self._breaker.is_doubtful):
                number += 1
                await self._try(f"{number}@{self._probe_id}")
            await asyncio.sleep(PROBE_S)

    async def _try(self, call_id: str) -> None:
        setup = {
            "type": "call_setup",
            "call_id": call_id,
            "setup_time_ms": wall_clock_ms(),
            "calling_number": PROBE_NUMBERS[0],
            "called_number": PROBE_NUMBERS[1],
            "trunk_group_id": PROBE_TRUNK,
            "switch_id": self._probe_id,
        }
        place = place_of(setup)
        future = self._waiting.add(place)
        try:
            if self._publish(setup):
                await asyncio.wait([future], timeout=self._patience_s)
        finally:
            self._waiting.remove(place, future)
        if future.done():
            self._breaker.answered()
        elif self._breaker.is_closed:
            self._breaker.open()
