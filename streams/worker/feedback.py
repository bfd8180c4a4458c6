"""Listen to `call-feedback` beside the stream: what was said of decided calls, counted for metrics and alarms.

A consumer of its own reads them, and gives the event loop back after each, so that no flood of reports holds it. It
looks up in Redis what was decided. The group of all workers shares the partitions, so each report is counted by one.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import structlog
from redis.asyncio import Redis

from detector.contract.decisions import Action, Decision, Step
from detector.contract.errors import RobocallError
from detector.contract.events import Feedback, Verdict
from detector.contract.numbers import normal_form, written_forms
from streams.kafka.client import endless_tasks, make_consumer, require_topics
from streams.kafka.fetch.fetcher import Reading, fetch_batches
from streams.kafka.fetched import Unreadable
from streams.kafka.topics import CALL_FEEDBACK
from streams.redis.connection import Guard
from streams.redis.decisions import latest_decisions
from streams.running.watched_tasks import WatchedTasks
from streams.settings import Settings
from streams.wire.feedback import FeedbackRefused, read_feedback

MAX_FETCH_BYTES = 1024 * 1024
POLL_TIMEOUT_MS = 1_000
MISSING_PAUSE_S = 60.0
DAY_MS = 24 * 3_600_000

LATEST_JUDGED = 1_000
FEWEST_JUDGED = 100
CALIBRATION_ALARM = 0.15
"""Reports are no fair sample of calls, so only a wide gap between scores and verdicts says something."""
FALSE_BLOCKS_ALARM = 5
"""Reported within a day."""

NOT_KEPT = "none"
"""No decision is kept: the call was allowed, or is older than a week."""
UNKNOWN = "unknown"
"""Nobody could be asked: Redis is away, or the report names no number."""

log = structlog.get_logger(__name__)


def feedback_group(settings: Settings) -> str:
    """Name of the Kafka group in which the workers share the reports."""
    return f"{settings.consumer_group}-feedback"


class FeedbackCounts:
    """What was heard since the start of the worker. Used on the event loop alone.

    Attributes:
        heard: records by verdict, source, what was decided (`block`, `label`, `none`, `unknown`), and whether that was
            done or only tried: `enforce`, `shadow`, empty where no decision is known.
        false_blocks: reports that a blocked call was lawful, by source, by the step that had decided, and by the same.
        invalid: records that cannot be used, by code (`streams.wire.refusals`).
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self.heard: Counter[tuple[str, str, str, str]] = Counter()
        self.false_blocks: Counter[tuple[str, str, str]] = Counter()
        self.invalid: Counter[str] = Counter()
        self._judged: deque[tuple[float, bool]] = deque(maxlen=LATEST_JUDGED)
        self._false_block_times_ms: deque[int] = deque(maxlen=FALSE_BLOCKS_ALARM)

    def take(self, feedback: Feedback, decided: Decision | str) -> None:
        """Count one record beside the decision on its call, or `NOT_KEPT` or `UNKNOWN`."""
        if isinstance(decided, str):
            self.heard[str(feedback.verdict), str(feedback.source), decided, ""] += 1
            return
        action = decided.would_be or decided.action
        mode = str(decided.mode)
        self.heard[str(feedback.verdict), str(feedback.source), str(action), mode] += 1
        if decided.decided_by is Step.MODEL and decided.score is not None:
            self._judged.append((decided.score, feedback.verdict is Verdict.ROBOCALL))
        if action is Action.BLOCK and feedback.verdict is Verdict.LEGITIMATE:
            self.false_blocks[str(feedback.source), str(decided.decided_by), mode] += 1
            self._false_block_times_ms.append(self._clock_ms())

    @property
    def calibration_gap(self) -> float | None:
        """Mean score minus share of robocalls over the latest thousand calls that the model labelled or blocked.

        None with fewer than a hundred.
        """
        if len(self._judged) < FEWEST_JUDGED:
            return None
        return sum(score - is_robocall for score, is_robocall in self._judged) / len(self._judged)

    @property
    def alarms(self) -> list[str]:
        """`calibration`, `false_blocks`."""
        found = ["calibration"] if abs(self.calibration_gap or 0.0) > CALIBRATION_ALARM else []
        times = self._false_block_times_ms
        if len(times) == FALSE_BLOCKS_ALARM and self._clock_ms() - times[0] < DAY_MS:
            found.append("false_blocks")
        return found


def _fail(error: BaseException) -> None:
    raise error


class FeedbackReader:
    """Reads the topic and asks Redis.

    Args:
        settings: where Kafka is, and the group of the workers.
        redis: client.
        guard: shared by all users of the client.
        counts: told of every record that can be used.
        on_refused: told of every other one: topic, partition and offset, why, key and value.
        on_unreadable: told of every batch that was stepped over.
    """

    def __init__(
        self,
        settings: Settings,
        redis: Redis,
        guard: Guard,
        counts: FeedbackCounts,
        on_refused: Callable[[tuple[str, int, int], FeedbackRefused, bytes | None, bytes | None], object],
        on_unreadable: Callable[[Any, Unreadable], object],
    ) -> None:
        self._on_refused = on_refused
        self._on_unreadable = on_unreadable
        self._settings = settings
        self._redis = redis
        self._guard = guard
        self._counts = counts
        self.is_listening = False
        """Partitions are assigned: what is said from now on is heard."""

    async def run(self) -> None:
        """Listen until cancelled; without the topic, return after a minute, to be started again.

        A new group begins with what is said from now on.

        Raises:
            aiokafka.errors.KafkaError: the consumer is refused for good. Whoever runs this starts it again.
            BackgroundTaskEnded: the consumer would hear nothing any more.
        """
        if not await self._topic_exists():
            await asyncio.sleep(MISSING_PAUSE_S)
            return
        consumer = make_consumer(
            self._settings,
            group_id=feedback_group(self._settings),
            auto_offset_reset="latest",
            fetch_max_bytes=MAX_FETCH_BYTES,
            max_partition_fetch_bytes=MAX_FETCH_BYTES,
        )
        try:
            await consumer.start()
            await fetch_batches(consumer, Reading.of(self._settings).limits)
            consumer.subscribe([CALL_FEEDBACK])
            watched = WatchedTasks(lambda: endless_tasks(consumer), _fail)
            while True:
                watched.look()
                polled = await consumer.getmany(timeout_ms=POLL_TIMEOUT_MS)
                for tp, rows in polled.items():
                    if rows.unreadable is not None:
                        self._on_unreadable(tp, rows.unreadable)
                    for offset, key, value in zip(rows.offsets(), rows.keys(), rows.values(), strict=True):
                        await self._take((tp.topic, tp.partition, offset), key, value)
                        await asyncio.sleep(0)
                self.is_listening = bool(consumer.assignment())
        finally:
            self.is_listening = False
            await consumer.stop()

    async def _topic_exists(self) -> bool:
        """Asked first, because a subscription would make a broker create the topic with its defaults."""
        try:
            await require_topics(self._settings, [CALL_FEEDBACK])
        except RobocallError as error:
            log.warning("no feedback is heard", cause=str(error))
            return False
        return True

    async def _take(self, place: tuple[str, int, int], key: bytes | None, value: bytes | None) -> None:
        feedback = read_feedback(value)
        if isinstance(feedback, FeedbackRefused):
            self._on_refused(place, feedback, key, value)
            return
        if feedback.calling_number is None and feedback.call_id is None:
            self._counts.take(feedback, UNKNOWN)  # decisions are kept by calling number, which the report does not tell
            return
        number = normal_form(feedback.calling_number or (key or b"").decode("utf-8", "replace"))
        self._counts.take(feedback, await self._decided(number, feedback) if number else UNKNOWN)

    async def _decided(self, calling_number: str, said: Feedback) -> Decision | str:
        """The kept decision on a call, or on the latest call of its number, to the called number where it is told."""
        kept = await self._guard.attempt(lambda: latest_decisions(self._redis, calling_number))
        if kept is None:
            return UNKNOWN
        return next((one for one in kept if _is_about(said, one)), NOT_KEPT)


def _is_about(said: Feedback, decided: Decision) -> bool:
    if said.call_id is not None:
        return decided.call_id == said.call_id
    return said.called_number is None or decided.called_number in written_forms(normal_form(said.called_number))
