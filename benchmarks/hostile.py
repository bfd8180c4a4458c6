"""Everything hostile at once beside good calls: how much longer do these wait, and is each of them decided?

    python -m benchmarks.hostile --rate 500 --seconds 100 --turns 2

A real Kafka and Valkey, one worker at default settings that lives through all of it. In each turn good calls come for
some seconds by themselves, and then for as long beside the corpus of `tests.faults.hostile`: bombs in each codec, huge
keys, empty records, calls that are dear to read, batches that lie, batches damaged on the broker's disk, transactions,
junk, colliding and odd numbers, junk in Redis. Between the two the same corpus goes to a topic that no worker reads:
broker and machine are as busy then, which here they share with the worker. A call's answer time is from the instant at
which it was due to the broker's stamp on the decision; so the decisions' topic has `LogAppendTime` here. Calls in the
one partition that has transactions, open for up to two seconds, have a row of their own: whoever reads committed
records waits for their ends.

At the end of each turn a second worker takes half of the partitions, is killed, and starts again from its snapshots:
once as they are, and once with a byte changed in every row, under a right checksum.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from confluent_kafka import Consumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from benchmarks.harness.machine import describe, give
from benchmarks.harness.open_loop import Generator, Run, make_run
from benchmarks.harness.worker import Worker, wait_until
from streams.kafka.partitioner import partitions_of
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, admin_client, create, create_secret
from streams.metrics import Metric
from streams.settings import Settings, load_settings
from streams.state.snapshot_store import SUFFIX
from tests.broker_process import BrokerProcess
from tests.faults.hostile.flow import Hostile, Target
from tests.faults.hostile.snapshots import damage_rows
from tests.valkey_process import ValkeyProcess

HEAP_MB = 1024
WARM_UP_S = 5.0
HELD = 0
REFUSED = (Metric.DEAD_LETTERS, Metric.UNREADABLE)
ALONE, ELSEWHERE, BESIDE = "alone", "the corpus in a topic that nobody reads", "beside the corpus"
UNREAD = "unread-events"
MOST_UNANSWERED_S = 60.0


class Answers:
    """Reads the decisions on good calls: when the broker stamped each.

    It does not read the calls: other clients than ours end at a batch that is damaged.

    Args:
        bootstrap: of the broker.
        partitions: of the topics.
    """

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "judge", "enable.auto.commit": False})
        self._consumer.assign([TopicPartition(CALL_DECISIONS, one, 0) for one in range(partitions)])
        self._partitions = partitions
        self._found: dict[int, list[tuple[int, float]]] = {}
        """Of each call, partition and milliseconds that each answer took."""

    def read(self, run: Run) -> dict[str, Any]:
        """Read on until each call of a run has its decision, or nothing more of them comes; what was found."""
        marker, since_s = f'"call_id":"{run.tag}.'.encode(), time.monotonic()
        self._found = {}
        while len(self._found) < run.number and time.monotonic() - since_s < MOST_UNANSWERED_S:
            for message in self._consumer.consume(5_000, 0.2):
                if marker in (value := message.value() or b""):
                    since_s = time.monotonic()
                    self._take(json.loads(value), message.timestamp()[1])
        waits: dict[bool, list[float]] = {False: [], True: []}
        for index, ((partition, wait_ms), *_) in self._found.items():
            if index >= run.warm:
                waits[partition == HELD].append(wait_ms)
        return {
            "calls": run.number,
            "undecided": run.number - len(self._found),
            "repeated": sum(len(answers) - 1 for answers in self._found.values()),
            **_percentiles(waits[False]),
            "beside transactions": _percentiles(waits[True]),
        }

    def _take(self, decision: dict[str, Any], stamp_ms: int) -> None:
        _, index, due_ns = decision["call_id"].split(".")
        (partition,) = partitions_of([decision["calling_number"].encode()], self._partitions)
        self._found.setdefault(int(index), []).append((partition, stamp_ms - int(due_ns) / 1e6))


def _percentiles(waits: list[float]) -> dict[str, float]:
    return {f"p{p:g}_ms": round(float(np.percentile(waits, p)), 1) for p in (50, 99, 99.9, 100)} if waits else {}


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


def told(what: str, figures: dict[str, Any]) -> None:
    """Say how far it is."""
    print(f"{what}: {figures}", file=sys.stderr, flush=True)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All turns."""
    arms: dict[str, list[dict[str, Any]]] = {ALONE: [], ELSEWHERE: [], BESIDE: []}
    taken: dict[str, list[dict[str, Any]]] = {ALONE: [], BESIDE: []}
    with TemporaryDirectory(prefix="hostile-") as name, running(Path(name)) as place:
        place.calls(options.rate, 10.0)
        for _ in range(options.turns):
            for arm, found in arms.items():
                with place.hostile(arm):
                    found.append(place.calls(options.rate, options.seconds) | {"load": os.getloadavg()[0]})
                    told(arm, found[-1])
                    if arm in taken:
                        taken[arm].append(place.take_over(arm, options.rate))
                        told(f"take-over {arm}", taken[arm][-1])
        worker = place.workers[0]
        ended, metrics = worker.process.poll() is not None, worker.metrics()
        poured = place.poured
    ratios = {
        f"{BESIDE}, to {than}": {
            name: [round(beside[name] / other[name], 2) for other, beside in zip(arms[than], arms[BESIDE], strict=True)]
            for name in ("p50_ms", "p99_ms")
        }
        for than in (ALONE, ELSEWHERE)
    }
    return {
        "undecided": sum(one["undecided"] for found in (arms, taken) for of in found.values() for one in of),
        "restarts": int(ended),
        "ratios": ratios,
        "arms": arms,
        "take_overs": taken,
        "poured": poured,
        "refused": {name: value for name, value in metrics.items() if name.startswith(REFUSED)},
    }


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=500, help="good calls a second [%(default)s]")
    parser.add_argument("--seconds", type=float, default=100.0, help="of each arm [%(default)s]")
    parser.add_argument("--turns", type=int, default=2, help="each with both arms [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    give(describe() | measure(options), options.out)


if __name__ == "__main__":
    main()
