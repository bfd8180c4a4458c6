"""What says how a worker does: to its pages, to Redis, and to itself."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from streams.kafka.agents.progress import lags
from streams.kafka.agents.watching import watching
from streams.numbers.metrics import DnoMetrics
from streams.running.clock import wall_clock_ms
from streams.worker.feedback import FeedbackCounts, FeedbackReader
from streams.worker.health import Enforcement, Verdict
from streams.worker.metrics import ScrapeTime, Sources
from streams.worker.model_metrics import ModelMetrics
from streams.worker.parts.call_path import CallPath
from streams.worker.parts.followers import Followers
from streams.worker.parts.ground import Ground
from streams.worker.redis_metrics import RedisMetrics
from streams.worker.refused_feedback import RefusedFeedback
from streams.worker.telling.own_report import completed
from streams.worker.telling.reporting import Reporting


@dataclass(frozen=True, slots=True)
class Watching:
    """What looks at the others.

    Attributes:
        verdict: what `/health` answers now.
        report: tells Redis how this worker does.
        reader: hears what people say of calls, which the metrics of models go by.
        watch: looks regularly, so that a stall is seen whether or not anybody asks, and so is the end of a task.
    """

    verdict: Callable[[], Verdict]
    report: Reporting
    reader: FeedbackReader
    watch: Callable[[], Awaitable[None]]

    @classmethod
    def make(cls, ground: Ground, followers: Followers, path: CallPath) -> "Watching":
        """Make it; what a scrape reads is registered with the metrics."""
        verdict = partial(_verdict, ground, followers, path)
        feedback = FeedbackCounts(wall_clock_ms)
        models = _models(ground, followers, feedback)
        register = path.metrics.registry.register
        register(ScrapeTime(_sources(ground, path)))
        register(models)
        register(RedisMetrics(followers.lists, path.exchange, ground.screener.standing))
        register(DnoMetrics(followers.dno))
        register(followers.upstreams)
        refused = RefusedFeedback(feedback, path.side).tell
        reader = FeedbackReader(ground.settings, ground.redis, ground.guard, feedback, refused, path.unreadable.tell)
        said = partial(completed, verdict, partial(lags, ground.app), models.found)
        report = Reporting(
            ground.redis, ground.guard, lambda: followers.switch.told(ground.instance, followers.lists.told), said
        )
        watch = watching(ground.app, lambda: verdict().status != "joining", ground.ending.fail)
        return cls(verdict, report, reader, watch)


def _verdict(ground: Ground, followers: Followers, path: CallPath) -> Verdict:
    consumer = ground.app.consumer
    leaderless = consumer.leaderless()
    numbers = {tp.partition for tp in leaderless}
    unready = [doing for partition, doing in path.durability.unready.items() if partition not in numbers]
    found = ground.health.observe(
        consumer.progress(), time.monotonic(), unready, leaderless, consumer.clock.ahead_s, path.exchange.view
    )
    found = found.with_unwritable(path.publisher.stuck()).with_lists(followers.lists.view())
    found = found if followers.dno is None else found.with_dno(followers.dno.view())
    return found.with_enforcement(ground.screener.in_force, wall_clock_ms())


def _models(ground: Ground, followers: Followers, feedback: FeedbackCounts) -> ModelMetrics:
    switch = followers.switch
    return ModelMetrics(
        lambda: switch.watched,
        lambda: switch.thresholds,
        feedback,
        lambda: switch.refused,
        lambda: Enforcement.of(ground.screener.in_force, wall_clock_ms()),
    )


def _sources(ground: Ground, path: CallPath) -> Sources:
    """Where a scrape reads what nobody counts."""
    app, screener, engine = ground.app, ground.screener, ground.screener.engine
    return Sources(
        lag=lambda: lags(app),
        held_back=lambda: {tp.partition: held for tp, held in app.consumer.held_back().items()},
        tracked=engine.tracked,
        evictions=engine.evictions,
        trunk_view=lambda: path.exchange.view,
        versions=lambda: screener.versions,
        durability=path.durability.figures,
        leaderless=lambda: len(app.consumer.leaderless()),
        unwritable=lambda: len(path.publisher.stuck()),
        clock_ahead_s=lambda: app.consumer.clock.ahead_s,
        log_changes=lambda: app.consumer.locator.changes,
        lost=lambda: app.consumer.locator.lost,
        outage_s=path.publisher.outage_s,
        unpublished=path.publisher.waiting,
        side_waiting=path.side.waiting_bytes,
    )
