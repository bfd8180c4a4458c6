"""`robocall campaigns run`: decisions and events in, campaigns out, in one process.

What was published is the memory of a restart. How far the decisions were read is committed after all campaigns that
changed are safe. What a kill left in between is read again, and is not counted twice: each campaign says up to which
offsets it is counted. Events are read again from a minute further back, for the set-ups of these decisions.

What Kafka does not take while the service works is tried again at the next turn, and said once; only a right that is
missing ends the service.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    CommitFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from detector.campaigns.calls import SuspectCall
from detector.campaigns.campaign import Campaign
from detector.campaigns.cells import Bounds
from detector.campaigns.grouping import Campaigns
from detector.features.window_constants import DAY_MS, HOUR_MS
from streams.campaigns.matching import Ended, Matching
from streams.campaigns.metrics import Standing
from streams.campaigns.records import VERDICT_KEY, campaign_of, encoded, record_of
from streams.campaigns.settings import CampaignSettings
from streams.campaigns.topic import KnownCampaigns
from streams.errors import ClusterRefused, KafkaUnreachable
from streams.kafka.client import client_settings, make_consumer, require_topics
from streams.kafka.fetch.fetcher import Reading, fetch_batches
from streams.kafka.fetched import Rows
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, CAMPAIGNS
from streams.running.clock import wall_clock_ms
from streams.settings import Settings

POLL_MS = 200
MOST_AT_ONCE = 2_000
"""Records of a partition in one go: the event loop has its turn after some milliseconds."""
BACK_S = 60.0
"""Events are read again from so far back."""
FIRST_BACK_MS = HOUR_MS
"""Whoever starts for the first time begins so long ago."""
SEND_S = 10.0
"""Given to the brokers to take what changed, and to the group to take how far that is."""
_NO_RIGHT = (ClusterAuthorizationFailedError, GroupAuthorizationFailedError, TopicAuthorizationFailedError)

log = structlog.get_logger(__name__)


class CampaignService:
    """Groups suspect calls and publishes campaigns, until told to stop.

    Args:
        settings: How Kafka is spoken to.
        chosen: What is grouped.
        known: What the topic `campaigns` says.
        on_change: Told after each round what was done so far; it must not block.
    """

    def __init__(
        self,
        settings: Settings,
        chosen: CampaignSettings,
        known: KnownCampaigns,
        on_change: Callable[[Standing], None],
    ) -> None:
        self._settings = settings
        self._chosen = chosen
        self._on_change = on_change
        self._grouping = Campaigns(Bounds(idle_ms=round(chosen.idle_h * HOUR_MS)), most=chosen.most)
        self._grouping.restore(
            [campaign_of(one) for one in known.records.values() if one.merged_into is None],
            {one.id: one.merged_into for one in known.records.values() if one.merged_into is not None},
        )
        self._counted = {
            one.id: {int(p): offset for p, offset in one.reached.items()} for one in known.records.values()
        }
        self._matching = Matching(chosen.score)
        self._reached: dict[int, int] = {}
        self._events_at: deque[tuple[float, dict[TopicPartition, int]]] = deque()
        self._lag_of_decisions = 0
        self._standing = Standing()
        self._complaint = ""
        self._consumer: Any = None
        self._producer: Any = None

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then publish what changed. Awaited once; brokers may be away meanwhile.

        Raises:
            KafkaUnreachable: no broker answers at the start.
            ClusterRefused: this user may not read or write the topics.
        """
        group = self._chosen.consumer_group
        needs = f"Read on {CALL_EVENTS}, {CALL_DECISIONS} and the group {group}, Write on {CAMPAIGNS}"
        self._consumer = make_consumer(
            self._settings, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        # Records are whole, so one that arrives twice is harmless; an idempotent producer would wait without end.
        self._producer = AIOKafkaProducer(
            **client_settings(self._settings), acks="all", request_timeout_ms=round(SEND_S * 1_000)
        )
        try:
            await self._consumer.start()
            await self._producer.start()
            await fetch_batches(self._consumer, Reading.of(self._settings).limits)
            await self._begin()
            await self._work(stop)
        except KafkaConnectionError as error:
            raise KafkaUnreachable(self._settings.kafka_bootstrap_servers) from error
        except KafkaError as error:
            raise ClusterRefused("to group campaigns", needs, error) from error
        finally:
            await self._consumer.stop()
            await self._producer.stop()

    async def _begin(self) -> None:
        """Go on where the group committed; for the first time, an hour ago."""
        counts = await require_topics(self._settings, (CALL_EVENTS, CALL_DECISIONS, CAMPAIGNS))
        topics = (CALL_EVENTS, CALL_DECISIONS)
        places = [TopicPartition(topic, number) for topic in topics for number in range(counts[topic])]
        self._consumer.assign(places)
        since_ms = wall_clock_ms() - FIRST_BACK_MS
        found = await self._consumer.offsets_for_times(dict.fromkeys(places, since_ms))
        ends = await self._consumer.end_offsets(places)
        for place in places:
            first = ends[place] if found.get(place) is None else found[place].offset
            committed = await self._consumer.committed(place)
            self._consumer.seek(place, first if committed is None else committed)
        self._events_at = deque([(time.monotonic(), await self._positions(CALL_EVENTS))])
        self._reached = {place.partition: at for place, at in (await self._positions(CALL_DECISIONS)).items()}

    async def _work(self, stop: asyncio.Event) -> None:
        due_s = time.monotonic() + self._chosen.publish_s
        while not stop.is_set():
            await self._lived(self._round)
            if time.monotonic() >= due_s:
                await self._lived(self._publish)
                due_s = time.monotonic() + self._chosen.publish_s
        await self._lived(self._publish)

    async def _lived(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do a step of the work; what Kafka has against it is said once, and the next turn tries again.

        Raises:
            KafkaError: a right is missing, which another turn does not mend.
        """
        try:
            await step()
        except _NO_RIGHT:
            raise
        except (KafkaError, TimeoutError) as error:
            complaint = self._why(error)
            if complaint != self._complaint:
                log.warning("kafka did not take it, it is tried again", step=step.__name__.strip("_"), cause=complaint)
            self._complaint = complaint
            await asyncio.sleep(POLL_MS / 1_000)
            return
        if step == self._publish and self._complaint:
            self._complaint = ""
            log.info("kafka takes it again")

    def _why(self, error: KafkaError | TimeoutError) -> str:
        """What Kafka has against a step, for people."""
        if isinstance(error, CommitFailedError):
            return f"other programs are in the group {self._chosen.consumer_group}: it is for one `campaigns run` alone"
        return str(error) or f"no broker answered within {SEND_S:g} s"

    async def _round(self) -> None:
        places = [place for place in self._consumer.assignment() if not self._waits(place)]
        batches = await self._consumer.getmany(*places, timeout_ms=POLL_MS, max_records=MOST_AT_ONCE)
        for place in sorted(batches, reverse=True):  # events before decisions, which mostly come later
            self._take(place, batches[place])
            await asyncio.sleep(0)
        grouping, standing = self._grouping, self._standing
        standing.missed, standing.campaigns = self._matching.missed, len(grouping.by_id)
        standing.forgotten = grouping.forgotten.cells + grouping.forgotten.campaigns
        lags = {place: await self._lag(place) for place in self._consumer.assignment()}
        self._lag_of_decisions = sum(lag for place, lag in lags.items() if place.topic == CALL_DECISIONS)
        standing.lag = sum(lags.values())
        self._on_change(standing)

    def _take(self, place: TopicPartition, rows: Rows) -> None:
        if place.topic == CALL_EVENTS:
            for value in rows.values():
                found = self._matching.event(value)
                if isinstance(found, Ended):
                    self._grouping.end(found.call_id, found.talk_ms)
                elif found is not None:
                    self._count(*found)
            return
        for offset, value in zip(rows.offsets(), rows.values(), strict=True):
            matched = self._matching.decision(value, (place.partition, offset))
            if matched is not None:
                self._count(*matched)
        self._reached[place.partition] = rows.end

    def _count(self, call: SuspectCall, place: tuple[int, int]) -> None:
        """Count a suspect call, unless its campaign says that it was counted before a restart."""
        partition, offset = place
        if offset < self._counted.get(self._grouping.find(call), {}).get(partition, 0):
            return
        self._standing.calls += 1
        self._grouping.add(call)

    async def _publish(self) -> None:
        """Publish what changed, wait until it is safe, and commit how far that is.

        Raises:
            KafkaError: something is not safe, or the group refuses; what changed is published again the next time.
            TimeoutError: likewise, nobody answers.
        """
        self._grouping.forget_idle(wall_clock_ms() - round(self._chosen.keep_days * DAY_MS))
        changed, self._grouping.changed = self._grouping.changed, {}
        try:
            sent = [
                await self._producer.send(CAMPAIGNS, value, key=key.encode())
                for name, campaign in changed.items()
                for key, value in self._records(name, campaign)
            ]
            await asyncio.gather(*sent)
        except BaseException:
            self._grouping.changed = {**changed, **self._grouping.changed}
            raise
        now_s = time.monotonic()
        self._events_at.append((now_s, await self._positions(CALL_EVENTS)))
        while len(self._events_at) > 1 and self._events_at[1][0] <= now_s - BACK_S:
            self._events_at.popleft()
        decisions = {TopicPartition(CALL_DECISIONS, number): at for number, at in self._reached.items()}
        async with asyncio.timeout(SEND_S):  # aiokafka looks for the group's broker without end
            await self._consumer.commit({**decisions, **self._events_at[0][1]})

    def _records(self, name: str, campaign: Campaign) -> tuple[tuple[str, bytes | None], ...]:
        """The record of a campaign; nulls of one that is not remembered any more, and of what people said of it."""
        merged_into = self._grouping.aliases.get(name)
        if merged_into is None and name not in self._grouping.by_id:
            return (name, None), (f"{VERDICT_KEY}{name}", None)
        return ((name, encoded(record_of(campaign, self._reached, merged_into))),)

    def _waits(self, place: TopicPartition) -> bool:
        """Whether events wait for the decisions on them, which are behind."""
        return place.topic == CALL_EVENTS and self._matching.is_ahead and self._lag_of_decisions > 0

    async def _lag(self, place: TopicPartition) -> int:
        end = self._consumer.highwater(place)
        return 0 if end is None else max(0, end - await self._consumer.position(place))

    async def _positions(self, topic: str) -> dict[TopicPartition, int]:
        places = [place for place in self._consumer.assignment() if place.topic == topic]
        return {place: await self._consumer.position(place) for place in places}
