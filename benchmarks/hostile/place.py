"""Broker, store, worker and generator, and the corpus that is poured beside good calls."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType

from benchmarks.harness.open_loop import Generator, make_run
from benchmarks.harness.worker import Worker, wait_until
from benchmarks.hostile.answers import HELD, Answers
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, admin_client, create, create_secret
from streams.settings import Settings, load_settings
from streams.state.snapshot_store import SUFFIX
from tests.broker_process import BrokerProcess
from tests.faults.hostile.flow import Hostile, Target
from tests.faults.hostile.snapshots import damage_rows
from tests.valkey_process import ValkeyProcess

HEAP_MB = 1024
WARM_UP_S = 5.0
ALONE, ELSEWHERE, BESIDE = "alone", "the corpus in a topic that nobody reads", "beside the corpus"
UNREAD = "unread-events"


@dataclass
class Place:
    """Everything that runs."""

    broker: BrokerProcess
    folder: Path
    settings: Settings
    redis_url: str
    environment: dict[str, str]
    workers: list[Worker]
    generator: Generator
    answers: Answers
    seed: int = 0
    poured: list[dict[str, int]] = field(default_factory=list)

    @contextmanager
    def hostile(self, arm: str) -> Iterator[None]:
        """Pour the corpus as long as the block lasts, in the arm that has one."""
        if arm == ALONE:
            yield
            return
        self.seed += 1
        partitions = self.settings.partitions
        topic = UNREAD if arm == ELSEWHERE else CALL_EVENTS
        target = Target(self.broker.bootstrap, self.folder, self.redis_url, partitions, HELD, self.seed, topic)
        flow = Hostile(target)
        flow.start()
        try:
            yield
        finally:
            self.poured.append(flow.stop())

    def calls(self, rate: int, seconds: float) -> dict[str, Any]:
        """Send good calls, and wait for their decisions."""
        run = make_run(CALL_EVENTS, rate, seconds, WARM_UP_S)
        self.generator.start(run)
        late = self.generator.finished()
        return self.answers.read(run) | {"generator_late": late}

    def start(self, environment: dict[str, str]) -> Worker:
        """Start a worker, which ends with everything else unless it is ended before."""
        self.workers.append(Worker(environment))
        return self.workers[-1]

    def take_over(self, arm: str, rate: int) -> dict[str, Any]:
        """Kill a second worker and start it again under calls; from damaged snapshots beside the corpus."""
        other = self.environment | {"ROBOCALL_INSTANCE_ID": "benchmark-2"}
        second = self.start(other)
        second.wait_until_ready()
        wait_until(self._newest, "snapshots")
        run, damaged = make_run(CALL_EVENTS, rate, 20.0, 0.0), 0
        self.generator.start(run)
        second.kill()
        if arm == BESIDE:
            damaged = sum(damage_rows(path) for path in self._newest())
        third = self.start(other)
        green_s = third.wait_until_ready()
        self.generator.finished()
        found = self.answers.read(run)
        third.process.terminate()
        third.process.wait(30)
        return found | {"rows_damaged": damaged, "start_to_green_s": round(green_s, 1)}

    def _newest(self) -> list[Path]:
        """Newest snapshot of each partition; nothing while one is missing."""
        found: dict[str, Path] = {}
        for path in sorted(Path(self.settings.snapshot_url).glob(f"*{SUFFIX}")):
            found[path.name.rsplit("-", 4)[0]] = path
        return list(found.values()) if len(found) == self.settings.partitions else []


@contextmanager
def running(folder: Path) -> Iterator[Place]:
    """Broker, store, worker, generator; nothing is left running."""
    (folder / "kafka").mkdir()
    broker, valkey = BrokerProcess(folder / "kafka", heap_mb=HEAP_MB), ValkeyProcess(folder)
    workers: list[Worker] = []
    try:
        broker.start()
        valkey.start()
        snapshots = str(folder / "snapshots")
        settings = load_settings(kafka_bootstrap_servers=broker.bootstrap, snapshot_url=snapshots)
        with admin_client(settings) as admin:
            create(admin, partitions=settings.partitions)
            admin.create_topics({UNREAD: {"num_partitions": settings.partitions, "replication_factor": 1}})
            create_secret(admin, settings)
            stamped = {"message.timestamp.type": "LogAppendTime"}
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, CALL_DECISIONS, stamped)])
        environment = {
            "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "ROBOCALL_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
            "ROBOCALL_REDIS_URL": valkey.url,
            "ROBOCALL_SNAPSHOT_URL": snapshots,
        }
        workers.append(Worker(environment | {"ROBOCALL_INSTANCE_ID": "benchmark-1"}))
        workers[0].wait_until_ready()
        answers = Answers(broker.bootstrap, settings.partitions)
        generator = Generator(broker.bootstrap)
        yield Place(broker, folder / "kafka", settings, valkey.url, environment, workers, generator, answers)
        generator.close()
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                worker.kill()
        valkey.kill()
        broker.kill()
