"""The one place where the parts of a worker are joined. Building connects to nothing; it reads policy and model."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from detector.screening import Screener
from models.artifact import SHIPPED
from streams import pages
from streams.agents import CallScreening
from streams.decision_writer import DecisionWriter
from streams.failures import Failures
from streams.faust_app import make_faust_app
from streams.health import Health, Verdict
from streams.kafka_client import client_settings
from streams.list_sync import ListSync
from streams.log import NumberDigest
from streams.metrics import Metrics, Sources
from streams.model_switch import ModelSwitch
from streams.ownership import Ownership
from streams.pipeline import Pipeline
from streams.publisher import Publisher
from streams.running import Background, Ending, Part
from streams.screener import make_screener
from streams.settings import Settings
from streams.store import Guard, connect
from streams.topics import CALL_DECISIONS, CALL_EVENTS, DEAD_LETTERS, ENTITY_DECISIONS, SCORED_CALLS
from streams.trunk_exchange import TrunkExchange

PUBLISHED = (CALL_DECISIONS, DEAD_LETTERS, ENTITY_DECISIONS, SCORED_CALLS)
TOPICS = (CALL_EVENTS, *PUBLISHED)
"""What must exist before a worker starts."""
WATCH_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class Assembly:
    """A worker's parts, joined.

    Attributes:
        app: the Faust application.
        services: what runs around it, in order of start.
        screener: windows, model, policy, lists.
    """

    app: Any
    services: list[Part]
    screener: Screener


def build_app(settings: Settings, ending: Ending) -> Assembly:
    """Join the parts of a worker; call it with the event loop in place that will run them.

    Args:
        settings: of this worker.
        ending: told about the failure that must stop it.

    Returns:
        The Faust application and the services around it, to be run by `streams.running.run`: nothing is started yet.
    """
    screener = make_screener(settings, shared_trunks=False)
    engine: Any = screener.engine
    app, source = make_faust_app(settings, poll_topic=CALL_EVENTS)
    health = Health(settings.health_stall_s)
    ownership = Ownership(CALL_EVENTS, engine.forget_partition, health)
    ownership.follow(app)

    redis, guard = connect(settings), Guard()
    exchange = TrunkExchange(engine, redis, guard, lambda: ownership.partitions)
    switch = ModelSwitch(screener, (settings.model_dir or SHIPPED).absolute().parent)
    lists = ListSync(redis, guard, screener, on_model=switch)
    keeper = DecisionWriter(redis, guard)

    publisher = _make_publisher(settings, ending)
    metrics = Metrics(
        Sources(
            lag=lambda: _lag(app),
            tracked=engine.tracked,
            evictions=engine.evictions,
            trunk_view=lambda: exchange.trunk_view,
            versions=lambda: screener.versions,
        )
    )
    add_agent(app, source, _make_screening(settings, screener, publisher, keeper, metrics), ending)

    def verdict() -> Verdict:
        return health.observe(app.consumer.progress(), time.monotonic())

    pages.add(app, metrics, verdict)
    jobs = [
        ("trunk exchange", exchange.run),
        ("list sync", lists.run),
        ("decision writer", keeper.run),
        ("watch", lambda: _watch(verdict)),
    ]
    return Assembly(app, [publisher, Background(jobs)], screener)


def _make_publisher(settings: Settings, ending: Ending) -> Publisher:
    acks: int | str = "all" if settings.kafka_acks == "all" else int(settings.kafka_acks)
    return Publisher({**client_settings(settings), "acks": acks}, PUBLISHED, ending.fail)


def _make_screening(
    settings: Settings, screener: Screener, publisher: Publisher, keeper: DecisionWriter, metrics: Metrics
) -> CallScreening:
    """What answers a poll: the pipeline, with everything that its answers go to."""
    failures = Failures(metrics.internal_error)
    return CallScreening(
        Pipeline(screener, seed=settings.hash_seed, on_failure=failures),
        publisher,
        keeper,
        metrics,
        failures,
        NumberDigest(None if settings.log_key is None else settings.log_key.get_secret_value()),
        max_batch_events=settings.max_batch_events,
        scored_sample_ratio=settings.scored_sample_ratio,
    )


def add_agent(app: Any, source: Any, screening: CallScreening, ending: Ending) -> None:
    """Add the agent `screen_calls` to the application."""

    async def screen_calls(stream: Any) -> None:
        """Answer every poll. An error that comes this far would leave the poll unanswered for ever: stop instead."""
        async for event in stream.noack().events():
            try:
                await screening.screen(event.value, event.ack)
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing of this poll may be acknowledged
                ending.fail(error)

    app.agent(source, name="screen_calls")(screen_calls)


def _lag(app: Any) -> dict[int, int]:
    return {
        tp.partition: max(0, end - (reached or 0))
        for tp, (reached, end) in app.consumer.progress().items()
        if end is not None
    }


async def _watch(verdict: Callable[[], Verdict]) -> None:
    """Look regularly, so that a stall is seen whether or not anybody asks."""
    while True:
        verdict()
        await asyncio.sleep(WATCH_INTERVAL_S)
