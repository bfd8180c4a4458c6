"""The one place where the parts of a worker are joined. Building connects to nothing; it reads policy and model."""

import os
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from detector.campaigns.names import CampaignNames
from detector.columns.clocks import ClockTolerance
from detector.columns.code_plan import codes_id
from detector.policy.screening import Screener
from detector.windows import WindowEngine
from models.serve.artifact import SHIPPED
from models.store.registry import Registry
from streams.campaigns.follower import CampaignFollower, follow_names
from streams.files import private_folder
from streams.kafka.agents.agent import add_agent
from streams.kafka.agents.progress import lags
from streams.kafka.agents.watching import watching
from streams.kafka.client import client_settings
from streams.kafka.faust_app import make_faust_app
from streams.kafka.log_reader import LogReader
from streams.kafka.plugs import Plugs
from streams.kafka.publishing.publisher import Publisher, partition_of
from streams.kafka.publishing.side_topics import SideTopics
from streams.kafka.static_member import ends_when_replaced
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, SIDE_TOPICS
from streams.log import NumberDigest
from streams.numbers.assigned import read_unassigned
from streams.numbers.dno_files import DnoFiles
from streams.numbers.dno_follower import DnoFollower
from streams.numbers.metrics import DnoMetrics
from streams.redis.connection import Guard, connect
from streams.redis.decisions import DecisionIndex
from streams.redis.kept_lists import KeptLists, ListKeeper, identity_of
from streams.redis.lists import ListFollower
from streams.redis.trunk_exchange import TrunkExchange
from streams.running.failures import Failures
from streams.running.services import Background, Ending, Part
from streams.screening.build import make_screener
from streams.screening.pipeline import Pipeline
from streams.settings import NO_SNAPSHOTS, Settings
from streams.state.durability import Durability
from streams.state.recovery import Recovery, RecoveryLimits
from streams.state.snapshot_store import SnapshotStore
from streams.state.snapshots import SnapshotLimits, Snapshots
from streams.state.worker_state import WorkerState
from streams.tracing.making import make_tracer
from streams.upstreams.follower import UpstreamsFollower
from streams.upstreams.settings import UpstreamsSettings
from streams.worker import pages
from streams.worker.feedback import FeedbackCounts, FeedbackReader
from streams.worker.health import Enforcement, Health, Verdict
from streams.worker.measures import MeasureFollower
from streams.worker.metrics import Metrics, ScrapeTime, Sources
from streams.worker.model_metrics import ModelMetrics
from streams.worker.model_switch import ModelSwitch
from streams.worker.ownership import Ownership
from streams.worker.redis_metrics import RedisMetrics
from streams.worker.refused_feedback import RefusedFeedback
from streams.worker.screen_calls import CallScreening, now_ms
from streams.worker.telling.own_report import completed
from streams.worker.telling.reporting import Reporting
from streams.worker.traces import CallTraces, TimedPipeline
from streams.worker.unreadable import UnreadableBatches

if TYPE_CHECKING:  # nothing of OpenTelemetry is imported where no calls are traced
    from streams.tracing.tracer import CallTracer

TOPICS = (CALL_EVENTS, CALL_DECISIONS)
"""What must exist before a worker starts."""

log = structlog.get_logger(__name__)


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
    screener: Screener[WindowEngine]


def build_app(settings: Settings, ending: Ending, seed: int) -> Assembly:
    """Join the parts of a worker; call it with the event loop in place that will run them.

    Args:
        settings: of this worker.
        ending: told about the failure that must stop it; its `fail` is called on the event loop.
        seed: of all hashes, `streams.state.fleet_seed`.

    Returns:
        The Faust application and the services around it, to be run by `streams.running.services.run`: nothing is
        started yet.
    """
    screener = make_screener(settings, shared_trunks=False, seed=seed)
    screener.engine.unassigned = read_unassigned(settings.assigned_codes_file)
    app, source = make_faust_app(settings, poll_topic=CALL_EVENTS)
    health = Health(settings.health_stall_s, settings.clock_bound_s)

    redis, guard = connect(settings), Guard()
    models_url = settings.own_models or SHIPPED.absolute().parent
    switch = ModelSwitch(screener, models_url, settings.signing, codes_id(screener.engine.unassigned))
    measures = _make_measures(settings, screener, switch, models_url)
    lists = _make_lists(settings, screener, redis, guard, switch)
    dno = _make_dno(settings, screener)
    upstreams = UpstreamsFollower(UpstreamsSettings.load())
    feedback = FeedbackCounts(now_ms)
    keeper = DecisionIndex(redis, guard)

    metrics = Metrics()
    tracer = make_tracer(settings, "robocall-worker")
    pipeline, traces = _make_pipeline(settings, screener, seed, metrics, tracer)
    publisher = _make_publisher(settings, ending)
    side = SideTopics(settings, SIDE_TOPICS, metrics.side_dropped)
    unreadable = UnreadableBatches(metrics, side)
    durability = _make_durability(settings, app, pipeline, lists, switch, unreadable)
    exchange = TrunkExchange(screener.engine, redis, guard, lambda: durability.ready)
    Ownership(CALL_EVENTS, durability.hand_over, durability.take_over, health).follow(app)

    def partitions() -> int:
        return int(app.consumer.partition_count(CALL_EVENTS))

    screening = _make_screening(settings, pipeline, durability, publisher, side, keeper, metrics, partitions, traces)
    add_agent(app, source, "screen_calls", screening.screen, ending.fail)
    app.transport.plugs = Plugs(
        is_ready=durability.is_ready,
        on_located=durability.begin,
        on_unreadable=unreadable.tell,
        before_commit=side.settled,
        on_leaving=durability.hand_over,
        on_full=publisher.set_aside,
        on_replaced=ends_when_replaced(settings, ending.fail),
    )

    verdict = partial(_judge, health, app, screener, durability, exchange, lists, publisher, dno)
    metrics.registry.register(ScrapeTime(_make_sources(app, screener, exchange, durability, publisher, side)))
    of_models = ModelMetrics(
        lambda: switch.watched,
        lambda: switch.thresholds,
        feedback,
        lambda: switch.refused,
        lambda: Enforcement.of(screener.in_force, now_ms()),
    )
    metrics.registry.register(of_models)
    metrics.registry.register(RedisMetrics(lists, exchange, screener.standing))
    metrics.registry.register(DnoMetrics(dno))
    metrics.registry.register(upstreams)
    pages.add(app, metrics, verdict)
    reader = FeedbackReader(settings, redis, guard, feedback, RefusedFeedback(feedback, side).tell, unreadable.tell)
    said = partial(completed, verdict, partial(lags, app), of_models.found)
    report = Reporting(redis, guard, lambda: switch.told(_instance(settings), lists.told), said)
    campaigns = _make_campaigns(settings, screener)
    runs = (exchange, lists, dno, upstreams, campaigns, keeper, switch, measures, report, reader, durability)
    jobs: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        (type(part).__name__, part.run) for part in runs if part is not None
    ]
    jobs.append(("watch", watching(app, lambda: verdict().status != "joining", ending.fail)))
    services = (tracer, publisher, side, Background(jobs))
    return Assembly(app, [part for part in services if part is not None], screener)


def _make_pipeline(
    settings: Settings, screener: Screener[WindowEngine], seed: int, metrics: Metrics, tracer: "CallTracer | None"
) -> tuple[Pipeline, CallTraces | None]:
    """What decides, and what traces it where calls are traced."""
    clock = ClockTolerance(settings.clock_ahead_ms, settings.clock_behind_ms)
    failures = Failures(metrics.internal_error)
    if tracer is None:
        return Pipeline(screener, seed=seed, on_failure=failures, clock=clock), None
    timed = TimedPipeline(screener, seed=seed, on_failure=failures, clock=clock)
    return timed, CallTraces(tracer, timed)


def _judge(
    health: Health,
    app: Any,
    screener: Screener[WindowEngine],
    durability: Durability,
    exchange: TrunkExchange,
    lists: ListFollower,
    publisher: Publisher,
    dno: DnoFollower | None,
) -> Verdict:
    """What `/health` answers now."""
    consumer = app.consumer
    leaderless = consumer.leaderless()
    numbers = {tp.partition for tp in leaderless}
    unready = [doing for partition, doing in durability.unready.items() if partition not in numbers]
    found = health.observe(
        consumer.progress(), time.monotonic(), unready, leaderless, consumer.clock.ahead_s, exchange.view
    )
    found = found.with_unwritable(publisher.stuck()).with_lists(lists.view())
    found = found if dno is None else found.with_dno(dno.view())
    return found.with_enforcement(screener.in_force, now_ms())


def _make_measures(
    settings: Settings, screener: Screener[WindowEngine], switch: ModelSwitch, models_url: str | Path
) -> MeasureFollower:
    """What follows the measure beside the model in place, wherever that is."""
    registry = Registry(models_url, settings.signing)
    if settings.own_models and (complaint := registry.complaint()):
        log.warning(complaint)
    return MeasureFollower(screener, switch, registry, (settings.model_dir or SHIPPED).absolute(), settings.partitions)


def _make_lists(
    settings: Settings, screener: Screener[WindowEngine], redis: Any, guard: Guard, switch: ModelSwitch
) -> ListFollower:
    """What follows Redis. Where lists are awaited the screener has none to begin with, and every call passes."""
    if settings.awaits_lists:
        screener.lists = None
    keeper = None
    if settings.keeps_lists:
        identity = identity_of(settings.redis_address, settings.consumer_group)
        keeper = ListKeeper(KeptLists(settings.snapshot_url, identity, settings.signing))
    return ListFollower(redis, guard, screener, keeper=keeper, on_model=switch, on_shadow=switch.shadow)


def _make_dno(settings: Settings, screener: Screener[WindowEngine]) -> DnoFollower | None:
    """What follows the do-not-originate lists of others, where a place of them is named."""
    if settings.numbers_url is None:
        return None
    return DnoFollower(DnoFiles(settings.numbers_url, settings.signing), screener)


def _make_campaigns(settings: Settings, screener: Screener[WindowEngine]) -> CampaignFollower | None:
    """What follows the names of campaigns, where decisions are to name them."""
    if not settings.name_campaigns:
        return None
    screener.campaigns = CampaignNames()
    return follow_names(settings, screener.campaigns)


def _make_sources(
    app: Any,
    screener: Screener[WindowEngine],
    exchange: TrunkExchange,
    durability: Durability,
    publisher: Publisher,
    side: SideTopics,
) -> Sources:
    """Where a scrape reads what nobody counts."""
    engine = screener.engine
    return Sources(
        lag=lambda: lags(app),
        held_back=lambda: {tp.partition: held for tp, held in app.consumer.held_back().items()},
        tracked=engine.tracked,
        evictions=engine.evictions,
        trunk_view=lambda: exchange.view,
        versions=lambda: screener.versions,
        durability=durability.figures,
        leaderless=lambda: len(app.consumer.leaderless()),
        unwritable=lambda: len(publisher.stuck()),
        clock_ahead_s=lambda: app.consumer.clock.ahead_s,
        log_changes=lambda: app.consumer.locator.changes,
        lost=lambda: app.consumer.locator.lost,
        outage_s=publisher.outage_s,
        unpublished=publisher.waiting,
        side_waiting=side.waiting_bytes,
    )


def _make_durability(
    settings: Settings,
    app: Any,
    pipeline: Pipeline,
    lists: ListFollower,
    switch: ModelSwitch,
    unreadable: UnreadableBatches,
) -> Durability:
    """What keeps windows over restarts and moves."""

    def home(calling_number: str) -> int:
        return partition_of(calling_number.encode("utf-8", "surrogatepass"), app.consumer.partition_count(CALL_EVENTS))

    state = WorkerState(pipeline, home)
    store = (
        None
        if settings.snapshot_url == NO_SNAPSHOTS
        else SnapshotStore(settings.snapshot_url, signing=settings.signing)
    )
    if store is not None and (complaint := store.complaint()):
        log.warning(complaint)
    spool = private_folder()
    recovery = Recovery(
        state,
        store,
        CALL_EVENTS,
        spool,
        lambda: LogReader(settings, CALL_EVENTS, unreadable.note),
        RecoveryLimits(warm_up_s=settings.warm_up_s, warm_up_events=settings.warm_up_events),
        model_begun=switch.begun,
        on_restored=lists.look_at_restored,
    )
    snapshots = None
    if store is not None:
        snapshots = Snapshots(
            state,
            store,
            identity=lambda: recovery.identity,
            instance=_instance(settings),
            spool=spool,
            ready=lambda: tuple(recovery.ready),
            committed=lambda partition: app.consumer.committed_in(CALL_EVENTS, partition),
            generation=lambda: app.consumer_generation_id,
            partition_of=home,
            partitions=lambda: app.consumer.partition_count(CALL_EVENTS),
            limits=SnapshotLimits(interval_s=settings.snapshot_interval_s),
        )
    return Durability(state, recovery, snapshots)


def _make_publisher(settings: Settings, ending: Ending) -> Publisher:
    return Publisher({**client_settings(settings), "acks": settings.kafka_acks}, (CALL_DECISIONS,), ending.fail)


def _instance(settings: Settings) -> str:
    """Name of this worker: the one that it was given, else its machine and process."""
    return settings.instance_id or f"{socket.gethostname()}-{os.getpid()}"


def _make_screening(
    settings: Settings,
    pipeline: Pipeline,
    durability: Durability,
    publisher: Publisher,
    side: SideTopics,
    keeper: DecisionIndex,
    metrics: Metrics,
    partitions: Callable[[], int],
    traces: CallTraces | None,
) -> CallScreening:
    """What answers a poll: the pipeline, with everything that its answers go to."""
    return CallScreening(
        pipeline,
        publisher,
        side,
        keeper,
        metrics,
        NumberDigest(None if settings.log_key is None else settings.log_key.get_secret_value()),
        max_batch_events=settings.max_batch_events,
        scored_sample_ratio=settings.scored_sample_ratio,
        deadline_ms=settings.decision_deadline_ms,
        shed_after_ms=settings.sheds_after_ms,
        processed=durability.processed,
        partitions=partitions,
        traces=traces,
    )
