"""Publish what only informs: dead letters, standing decisions, scored calls. No call ever waits for it.

Each of these topics has a publisher, and with it connections and requests, of its own, so that a broker that is slow
with one of them holds neither decisions nor the others. Its client id names the topic, so that brokers can tell it
apart too, in quotas for instance. What a broker refuses is dropped, what waits beyond a bound is
dropped, and what comes while there is no such topic is dropped; all of it is counted, by topic and reason.

A commit waits a moment for what was offered before it (`settled`). So a worker that is killed loses nothing, unless the
topic had been slow for longer than that.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial

import structlog

from detector.contract.errors import RobocallError
from streams.errors import PublishFailed
from streams.kafka.client import CLIENT_ID, client_settings, require_topics
from streams.kafka.publishing.publisher import TELL_AGAIN_S, Delivery, Publisher
from streams.kafka.publishing.records import Record
from streams.settings import Settings

LINGER_S = 0.05
"""Nobody waits for these records, and few requests that carry many of them are cheaper than many."""
PATIENCE_S = 0.25
"""Longest that a commit waits for them."""
LOOK_AGAIN_S = 30.0
FULL = "Full"
"""Reason of what is dropped at the bound while the broker has reported no error."""

log = structlog.get_logger(__name__)

Dropped = Callable[[str, str, int], None]
"""Told a topic, why, and how many of its records are lost: class of the error, or `FULL`."""


class SideTopics:
    """Takes records for a fixed set of topics. Used on the event loop alone.

    Args:
        settings: how the brokers are spoken to, and how many bytes of keys and values may wait for each topic.
        topics: may be missing; each is looked for until it is there.
        dropped: counts; must neither block nor raise.
    """

    def __init__(self, settings: Settings, topics: Iterable[str], dropped: Dropped) -> None:
        losses = _Losses(dropped)
        self._ways = {topic: _Way(settings, topic, losses) for topic in topics}
        self._offered, self._are_settled = _lots()

    async def start(self) -> None:
        """Connect; what cannot be connected is tried again and again. Never raises."""
        await asyncio.gather(*(way.start() for way in self._ways.values()))

    async def stop(self) -> None:
        """Send what waits, as far as the brokers take it soon (`streams.kafka.publishing.publisher.STOP_TIMEOUT_S`)."""
        await asyncio.gather(*(way.stop() for way in self._ways.values()))

    def offer(self, topic: str, records: Iterable[Record]) -> None:
        """Queue records, or drop and count them; returns at once and never blocks.

        Args:
            topic: one of those that this was made for.
            records: in the order in which those of one key are to be read.

        Raises:
            KeyError: the topic is none of them.
        """
        self._ways[topic].offer(records, self._offered)

    async def settled(self) -> None:
        """Wait until what was offered before is at the brokers or dropped, but no longer than `PATIENCE_S`.

        Called before each commit. Never raises.
        """
        offered, are_settled = self._offered, self._are_settled
        self._offered, self._are_settled = _lots()
        offered.seal()
        if not are_settled.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(are_settled.wait(), PATIENCE_S)

    def waiting_bytes(self) -> Mapping[str, int]:
        """Keys and values that wait, by topic. Cheap: it is asked at every scrape."""
        return {topic: way.waiting_bytes for topic, way in self._ways.items()}


def _lots() -> tuple[Delivery, asyncio.Event]:
    """What is offered between two commits, and the event that all of it is settled."""
    are_settled = asyncio.Event()
    return Delivery(are_settled.set), are_settled


class _Losses:
    """Counts every record that is dropped, and tells the log of each topic and reason once in `TELL_AGAIN_S`."""

    def __init__(self, dropped: Dropped) -> None:
        self._dropped = dropped
        self._untold: dict[tuple[str, str], int] = {}
        self._told_s: dict[tuple[str, str], float] = {}

    def add(self, topic: str, reason: str, records: int) -> None:
        self._dropped(topic, reason, records)
        what, now_s = (topic, reason), time.monotonic()
        self._untold[what] = self._untold.get(what, 0) + records
        if now_s - self._told_s.get(what, -TELL_AGAIN_S) >= TELL_AGAIN_S:
            self._told_s[what] = now_s
            log.warning("records are dropped, calls go on", topic=topic, reason=reason, records=self._untold.pop(what))


class _Way:
    """Everything about one topic."""

    def __init__(self, settings: Settings, topic: str, losses: _Losses) -> None:
        self._settings = settings
        self._topic = topic
        self._losses = losses
        client = client_settings(settings) | {"client_id": f"{CLIENT_ID}-{topic}", "acks": settings.kafka_acks}
        self._publisher = Publisher(client, [topic], self._refused, may_lose=True, linger_s=LINGER_S)
        self._closed: str | None = "NotStarted"  # why nothing can be published
        self._looking: asyncio.Task[None] | None = None
        self.waiting_bytes = 0

    async def start(self) -> None:
        await self._open()
        if self._closed:
            self._looking = asyncio.create_task(self._look(), name=f"look for {self._topic}")

    async def _open(self) -> None:
        try:
            await require_topics(self._settings, [self._topic])  # asking for it otherwise may create it
            await self._publisher.start()
            self._closed = None
        except Exception as error:  # noqa: BLE001 - whatever it is, calls do not need this topic
            self._closed = type(error).__name__
            what = str(error) if isinstance(error, RobocallError) else self._closed
            log.warning("records of a topic are dropped, calls go on", topic=self._topic, cause=what)

    async def _look(self) -> None:
        while self._closed:
            await asyncio.sleep(LOOK_AGAIN_S)
            await self._open()

    async def stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self._publisher.stop()

    def offer(self, records: Iterable[Record], offered: Delivery) -> None:
        if self._closed:
            self._losses.add(self._topic, self._closed, len(list(records)))
            return
        kept, size, dropped = [], 0, 0
        for record in records:
            more = len(record[0] or b"") + len(record[1] or b"")
            if self.waiting_bytes + size + more > self._settings.side_waiting_bytes:
                dropped += 1
                continue
            kept.append(record)
            size += more
        if dropped:
            self._losses.add(self._topic, self._publisher.trouble() or FULL, dropped)
        if kept:
            self.waiting_bytes += size
            offered.expect(len(kept))
            delivery = Delivery(partial(self._settle, size, len(kept), offered))
            self._publisher.publish(self._topic, kept, delivery)
            delivery.seal()

    def _settle(self, size: int, records: int, offered: Delivery) -> None:
        self.waiting_bytes -= size
        offered.arrived(records)

    def _refused(self, failure: PublishFailed) -> None:
        self._losses.add(self._topic, type(failure.cause).__name__, failure.records)
