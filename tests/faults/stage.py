"""Everything that a fault happens to: broker, store, workers, traffic; and what is found in the end."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from streams.kafka import topics
from streams.kafka.topics import CALL_EVENTS
from streams.settings import PREFIX, Settings, load_settings
from streams.state.snapshot_store import SUFFIX
from tests.broker_process import BrokerProcess, broker_cluster, broker_process
from tests.faults.answers import Answers
from tests.faults.counts import Undo, wrong_counts
from tests.faults.findings import Findings, Injected, contradicting, longest_gap_s, missing, recovered_s
from tests.faults.fleet import Fleet
from tests.faults.proxy import Proxy
from tests.faults.traffic import Change, Traffic
from tests.processes import WORKER
from tests.valkey_process import ValkeyProcess
from tests.waiting import wait_until

log = logging.getLogger(__name__)

SESSION_TIMEOUT_S = 6
DEADLINE_MS, SHED_AFTER_MS = 5_000, 2_000
"""Longer than any switch waits: an answer that is late is compared with none, so few may be."""
WRONG_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a stage is set.

    Attributes:
        workers: how many.
        brokers: one, or three of which two must have a record.
        partitions: of every topic.
        rate: events a second.
        seed: of the traffic.
        change: what becomes of an event before it is published.
        environment: settings of the workers besides the usual ones.
        program: what Python runs as a worker.
        log: where the workers log; files of their own when None.
        snapshot_url: where snapshots go; a folder of their own when None.
    """

    workers: int = 3
    brokers: int = 1
    partitions: int = 6
    rate: float = 240.0
    seed: int = 1
    change: Change | None = None
    environment: dict[str, str] = field(default_factory=dict)
    program: Sequence[str] = WORKER
    log: Path | None = None
    snapshot_url: str | None = None


@dataclass
class Stage:
    """A running system under load."""

    plan: Plan
    brokers: list[BrokerProcess]
    valkey: ValkeyProcess
    redis: Proxy
    folder: Path
    settings: Settings
    fleet: Fleet
    answers: Answers
    traffic: Traffic
    partitions: int
    injected: list[Injected] = field(default_factory=list)
    _begun_s: float = 0.0
    _ended_s: float = 0.0

    @property
    def broker(self) -> BrokerProcess:
        """The first of them, or the only one."""
        return self.brokers[0]

    def begin(self) -> None:
        """Return once the workers have their partitions and calls are decided in each of them."""
        wait_until(lambda: self.fleet.share(self.partitions), "every worker has partitions")
        self.traffic.start()
        self.wait_until_fresh(time.time(), "the first calls are decided in every partition")
        self._begun_s = time.time()

    @contextlib.contextmanager
    def burst(self, rate: float) -> Iterator[None]:
        """Publish so many events a second more while the block runs; they count like the others."""
        more = Traffic(self.settings.kafka_bootstrap_servers, rate=rate, seed=self.plan.seed + 1)
        more.start()
        wait_until(lambda: bool(more.sent), "the burst begins")
        yield
        more.stop()
        self.traffic.sent.extend(more.sent)

    @contextlib.contextmanager
    def fault(self) -> Iterator[None]:
        """Note that a fault lasts as long as the block, and wait for recovery after it."""
        begun_s, in_flight = time.time(), len(self.undecided())
        yield
        ended_s = time.time()
        recovery_s = self.wait_until_fresh(ended_s, "fresh calls are decided in every partition after the fault")
        self.injected.append(Injected(begun_s, ended_s, in_flight, recovery_s))

    def undecided(self) -> set[str]:
        """Calls that lie at the broker and have no decision yet."""
        return missing(self.traffic.setups(), list(self.answers.decisions))

    def wait_until_fresh(self, since_s: float, what: str) -> float:
        """Return once a call sent after an instant was decided quickly in every partition: how long that took."""
        found: list[float] = []

        def is_fresh() -> bool:
            took_s = recovered_s(self.traffic.setups(), list(self.answers.decisions), since_s, self.partitions)
            found.extend([] if took_s is None else [took_s])
            return bool(found)

        wait_until(is_fresh, what)
        return found[0]

    def wait_until_whole(self) -> None:
        """Return once every worker runs and has its partitions again."""
        wait_until(lambda: self.fleet.share(self.partitions), "every worker has partitions")

    def wait_until_in_step(self) -> None:
        """Return once every broker has every record of `call-events`, and of what follows from it."""

        def are_in_step() -> bool:
            with topics.admin_client(self.settings) as admin:
                described = admin.describe_topics(list(admin.list_topics()))
            return all(
                len(one["isr_nodes"]) == len(one["replica_nodes"]) for of in described for one in of["partitions"]
            )

        wait_until(are_in_step, "all copies are in step")

    def newest_snapshots(self) -> list[Path]:
        """The newest published snapshot of each partition, where snapshots are files."""
        newest: dict[str, Path] = {}
        for path in sorted(Path(self.settings.snapshot_url).glob(f"*{SUFFIX}")):
            newest[path.name.removeprefix(CALL_EVENTS).rsplit("-", 4)[0]] = path
        return list(newest.values())

    def wait_for_snapshots(self) -> None:
        """Return once every partition has a snapshot that was published after this was called."""
        since_s = time.time()

        def are_there() -> bool:
            found = self.newest_snapshots()
            return len(found) == self.partitions and all(path.stat().st_mtime >= since_s for path in found)

        wait_until(are_there, "every partition has a new snapshot")

    def end(self, undo: Undo | None = None) -> Findings:
        """End the traffic, let everything be decided, stop the workers, and compare their counts; what was found."""
        self._ended_s = time.time()
        self.traffic.stop()
        with contextlib.suppress(AssertionError):  # what is missing is a finding, not a failure of the harness
            wait_until(lambda: not self.undecided(), "every call is decided")
        self.wait_until_acknowledged()
        statuses = self.fleet.stop()
        assert statuses == [0] * len(statuses), f"the workers ended with {statuses} when they were told to stop"
        self.answers.stop()
        wrong = wrong_counts(self.settings, self.partitions, self.folder, undo)
        found = self._findings(len(wrong))
        log.info("%s", found)
        for line in wrong[:WRONG_SHOWN]:
            log.error("wrong counts: %s", line)
        for answers in contradicting(self.answers.decisions)[:WRONG_SHOWN]:
            log.error("contradicting: %s", answers)
        return found

    def wait_until_acknowledged(self) -> None:
        """Return once no worker has anything left to read."""

        def no_lag(health: Callable[[], dict[str, object]]) -> bool:
            return health().get("lag") == 0

        wait_until(
            lambda: all(no_lag(member.worker.health) for member in self.fleet.members),
            "every event is acknowledged",
        )  # fmt: skip

    def _findings(self, counts_wrong: int) -> Findings:
        setups, decisions = self.traffic.setups(), self.answers.decisions
        return Findings(
            injected=len(self.injected),
            events=len(self.traffic.sent),
            in_flight=sum(one.in_flight for one in self.injected),
            missing=len(missing(setups, decisions)),
            contradicting=len(contradicting(decisions)),
            repeated=len(decisions) - len({one.decision_id for one in decisions}),
            counts_wrong=counts_wrong,
            late=sum(one.is_late for one in decisions),
            dead_letters=len(self.answers.dead_letters),
            longest_gap_s=longest_gap_s(setups, decisions, self._begun_s, self._ended_s),
            recovery_s=max((one.recovery_s for one in self.injected), default=0.0),
        )


@contextlib.contextmanager
def _brokers(folder: Path, plan: Plan) -> Iterator[list[BrokerProcess]]:
    if plan.brokers > 1:
        with broker_cluster(folder, size=plan.brokers, in_step=plan.brokers - 1) as brokers:
            yield brokers
    else:
        with broker_process(folder) as broker:
            yield [broker]


@contextlib.contextmanager
def stage(folder: Path, plan: Plan) -> Iterator[Stage]:
    """Set a stage in `folder`, on brokers and a store of its own, and begin; nothing is left running."""
    with contextlib.ExitStack() as cleanup:
        brokers = cleanup.enter_context(_brokers(folder / "kafka", plan))
        bootstrap = ",".join(broker.bootstrap for broker in brokers)
        with topics.admin_client(load_settings(kafka_bootstrap_servers=bootstrap)) as admin:
            wait_until(lambda: len(admin.describe_cluster()["brokers"]) == plan.brokers, "all brokers are members")
            topics.create(admin, partitions=plan.partitions, replication_factor=plan.brokers)
        valkey = ValkeyProcess(folder)
        valkey.start()
        cleanup.callback(valkey.kill)
        redis = Proxy(valkey.port)
        cleanup.callback(redis.close)
        snapshots = plan.snapshot_url or str(folder / "snapshots")
        environment = {
            "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "ROBOCALL_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
            "ROBOCALL_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
            "ROBOCALL_SNAPSHOT_URL": snapshots,
            "ROBOCALL_SNAPSHOT_INTERVAL_S": "2",
            "ROBOCALL_SESSION_TIMEOUT_S": str(SESSION_TIMEOUT_S),
            "ROBOCALL_PARTITIONS": str(plan.partitions),
            "ROBOCALL_DECISION_DEADLINE_MS": str(DEADLINE_MS),
            "ROBOCALL_SHED_AFTER_MS": str(SHED_AFTER_MS),
            "ROBOCALL_MODE": "enforce",
            "ROBOCALL_ENFORCE_UNMEASURED": "the tests: no traffic is measured",
            "ROBOCALL_REDRESS_URL": "https://redress.carrier.example/",
        }
        chosen = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items()}
        fleet = Fleet(plan.workers, environment | plan.environment, folder, program=plan.program, log=plan.log)
        cleanup.callback(fleet.kill)
        answers = Answers(bootstrap, plan.partitions)
        traffic = Traffic(bootstrap, rate=plan.rate, seed=plan.seed, change=plan.change)
        running = Stage(
            plan, brokers, valkey, redis, folder, load_settings(**chosen), fleet, answers, traffic, plan.partitions
        )
        try:
            running.begin()
            yield running
        except BaseException:
            fleet.show_logs()
            raise
