"""A worker and loops that run side by side, of which one has calls to answer."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from kafka import KafkaAdminClient

from benchmarks.harness.open_loop import Generator, Reader, make_run
from benchmarks.harness.processors import cpu_s, machine_busy_s
from benchmarks.harness.worker import PATIENT, Worker
from streams.files import private_folder
from streams.kafka.temporary_group import partitions_of, temporary_group
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, admin_client, create
from streams.local.services import LocalServices
from streams.settings import load_settings

WARM_UP_S = 2.0
FIRST_RATE = 50
LATE_MS, BUSY_SHARE = 1.0, 0.9
"""A row fits the machine when the generator's p99 is below this, and all that takes part uses no more than this."""
WORKER, BROKER = "worker", "broker"
COMPARED = ("p50_ms", "p99_ms")
LOOPS = {
    "librdkafka loop": "benchmarks.harness.loops.bare_loop",
    "aiokafka loop": "benchmarks.harness.loops.aiokafka_loop",
}


def p50_ms(run: dict[str, Any]) -> float:
    """What decides whether a ratio is known: the tail of a run of seconds never is."""
    return float(run["p50_ms"])


class Paths:
    """Worker and loops, running side by side over topics of their own; what is not measured has nothing to do.

    Args:
        topics: source and sink of each path.
        pids: of each path, and of the broker where it is ours.
        generator: sends.
        reader: reads all sinks.
    """

    def __init__(
        self, topics: Mapping[str, tuple[str, str]], pids: Mapping[str, int], generator: Generator, reader: Reader
    ) -> None:
        self._topics = topics
        self._pids = pids
        self._generator = generator
        self._reader = reader

    def run(self, path: str, rate: int, seconds: float) -> dict[str, Any]:
        """Send at the rate for the time; all answers must come back once."""
        source, _ = self._topics[path]
        run = make_run(source, rate, seconds, WARM_UP_S)
        who = {"generator": self._generator.pid, "reader": self._reader.pid}
        who |= {name: pid for name, pid in self._pids.items() if name in {path, BROKER}}
        self._reader.expect(run)
        self._generator.start(run)
        before, since, machine = {name: cpu_s(pid) for name, pid in who.items()}, time.perf_counter(), machine_busy_s()
        late = self._generator.finished()
        answers = self._reader.finished()
        took_s = time.perf_counter() - since
        used = {name: round((cpu_s(pid) - before[name]) / took_s, 3) for name, pid in who.items()}
        busy = (machine_busy_s() - machine) / took_s / (os.cpu_count() or 1)
        if answers["missing"] or answers["repeated"]:
            raise SystemExit(f"wrong run at {rate}/s of the {path}: {answers}")
        return {
            "rate": rate,
            "path": path,
            "fits": late["p99_ms"] < LATE_MS and sum(used.values()) < BUSY_SHARE * (os.cpu_count() or 1),
            "processors": used,
            "machine_busy_share": round(busy, 3),
            "generator_late": late,
            **answers,
        }


@contextmanager
def running_paths(services: LocalServices, partitions: int) -> Iterator[Paths]:
    """Start everything."""
    servers = str(services.bootstrap_servers)
    topics = {WORKER: (CALL_EVENTS, CALL_DECISIONS)}
    topics |= {loop: (f"bench-in-{number}", f"bench-out-{number}") for number, loop in enumerate(LOOPS)}
    settings = load_settings(kafka_bootstrap_servers=servers, kafka_security_protocol="PLAINTEXT")
    with admin_client(settings) as admin, ExitStack() as stack:
        partitions = _prepare(admin, partitions, topics)
        own = {
            "ROBOCALL_CONSUMER_GROUP": stack.enter_context(temporary_group(admin, "robocall-benchmark")),
            "ROBOCALL_PARTITIONS": str(partitions),
            "ROBOCALL_SNAPSHOT_URL": str(private_folder()),
        }
        pids = {BROKER: services.pids["kafka"]} if "kafka" in services.pids else {}
        worker = Worker(services.environment() | PATIENT | own)
        pids[WORKER] = stack.enter_context(_stopped(worker.process))
        for loop, module in LOOPS.items():
            command = [sys.executable, "-m", module, servers, *topics[loop], "0"]
            pids[loop] = stack.enter_context(_stopped(subprocess.Popen(command)))
        worker.wait_until_ready()
        generator, reader = Generator(servers), Reader(servers, [sink for _, sink in topics.values()], partitions)
        stack.callback(generator.close)
        stack.callback(reader.close)
        paths = Paths(topics, pids, generator, reader)
        for path in topics:  # joins its group, compiles, connects
            paths.run(path, FIRST_RATE, 1.0)
        yield paths


def _prepare(admin: KafkaAdminClient, partitions: int, topics: Mapping[str, tuple[str, str]]) -> int:
    """Create the topics that are missing, the loops' like those of the contract; return the real partition count."""
    create(admin, partitions=partitions)
    found = partitions_of(admin, CALL_EVENTS)
    missing = {topic for both in topics.values() for topic in both} - set(admin.list_topics())
    if missing:
        admin.create_topics({topic: {"num_partitions": found, "replication_factor": -1} for topic in missing})
    return found


@contextmanager
def _stopped(process: "subprocess.Popen[bytes]") -> Iterator[int]:
    """End a program by SIGTERM; gives its process id."""
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)
