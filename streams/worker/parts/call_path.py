"""The way of a call through a worker, from a poll to its answers, and what lasts of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from detector.columns.clocks import ClockTolerance
from streams.kafka.client import client_settings
from streams.kafka.plugs import Plugs
from streams.kafka.publishing.publisher import Publisher
from streams.kafka.publishing.side_topics import SideTopics
from streams.kafka.topics import CALL_DECISIONS, SIDE_TOPICS
from streams.log import NumberDigest
from streams.redis.decisions import DecisionIndex
from streams.redis.trunk_exchange import TrunkExchange
from streams.running.failures import Failures
from streams.screening.pipeline import Pipeline
from streams.state.durability import Durability
from streams.tracing.making import make_tracer
from streams.worker.metrics import Metrics
from streams.worker.parts.durable import make_durability
from streams.worker.parts.followers import Followers
from streams.worker.parts.ground import Ground
from streams.worker.screen_calls import CallScreening
from streams.worker.traces import CallTraces, TimedPipeline
from streams.worker.unreadable import UnreadableBatches

if TYPE_CHECKING:  # nothing of OpenTelemetry is imported where no calls are traced
    from streams.tracing.tracer import CallTracer


@dataclass(frozen=True, slots=True)
class CallPath:
    """What answers calls.

    Attributes:
        keeper: keeps decisions for look-ups, behind the stream.
        metrics: counts.
        tracer: takes spans; None where no calls are traced.
        pipeline: decides.
        traces: follows answers of sampled calls; None there too.
        publisher: takes decisions.
        side: takes what only informs.
        unreadable: told of batches that were stepped over.
        durability: keeps windows over restarts and moves.
        exchange: shares counts of trunk groups with other workers.
    """

    keeper: DecisionIndex
    metrics: Metrics
    tracer: "CallTracer | None"
    pipeline: Pipeline
    traces: CallTraces | None
    publisher: Publisher
    side: SideTopics
    unreadable: UnreadableBatches
    durability: Durability
    exchange: TrunkExchange

    @classmethod
    def make(cls, ground: Ground, followers: Followers) -> "CallPath":
        """Make it."""
        settings = ground.settings
        keeper, metrics = DecisionIndex(ground.redis, ground.guard), Metrics()
        tracer = make_tracer(settings, "robocall-worker")
        pipeline, traces = _pipeline(ground, metrics, tracer)
        client = {**client_settings(settings), "acks": settings.kafka_acks}
        publisher = Publisher(client, (CALL_DECISIONS,), ground.ending.fail)
        side = SideTopics(settings, SIDE_TOPICS, metrics.side_dropped)
        unreadable = UnreadableBatches(metrics, side)
        durability = make_durability(ground, followers, pipeline, unreadable)
        exchange = TrunkExchange(ground.screener.engine, ground.redis, ground.guard, lambda: durability.ready)
        return cls(keeper, metrics, tracer, pipeline, traces, publisher, side, unreadable, durability, exchange)

    def screening(self, ground: Ground) -> CallScreening:
        """Make what answers polls: the pipeline, with everything that its answers go to."""
        settings = ground.settings
        return CallScreening(
            self.pipeline,
            self.publisher,
            self.side,
            self.keeper,
            self.metrics,
            NumberDigest(None if settings.log_key is None else settings.log_key.get_secret_value()),
            max_batch_events=settings.max_batch_events,
            scored_sample_ratio=settings.scored_sample_ratio,
            deadline_ms=settings.decision_deadline_ms,
            shed_after_ms=settings.sheds_after_ms,
            processed=self.durability.processed,
            partitions=ground.partitions,
            traces=self.traces,
        )

    def plugs(self, on_replaced: Callable[[], object]) -> Plugs:
        """Whom the transport asks and tells."""
        return Plugs(
            is_ready=self.durability.is_ready,
            on_located=self.durability.begin,
            on_unreadable=self.unreadable.tell,
            before_commit=self.side.settled,
            on_leaving=self.durability.hand_over,
            on_full=self.publisher.set_aside,
            on_replaced=on_replaced,
        )


def _pipeline(ground: Ground, metrics: Metrics, tracer: "CallTracer | None") -> tuple[Pipeline, CallTraces | None]:
    """What decides, and what traces it where calls are traced."""
    clock = ClockTolerance(ground.settings.clock_ahead_ms, ground.settings.clock_behind_ms)
    failures = Failures(metrics.internal_error)
    if tracer is None:
        return Pipeline(ground.screener, seed=ground.seed, on_failure=failures, clock=clock), None
    timed = TimedPipeline(ground.screener, seed=ground.seed, on_failure=failures, clock=clock)
    return timed, CallTraces(tracer, timed)
