"""One process after the other on the same backlog, pinned to one processor, and what each event cost it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from kafka import KafkaAdminClient

from benchmarks.harness.backlog import Backlog, check_decisions, ends
from benchmarks.harness.processors import cpu_s, on_processors
from benchmarks.harness.trees import HERE, Tree
from benchmarks.harness.worker import PATIENT, Worker
from benchmarks.throughput import breakdown
from streams.files import private_folder
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, admin_client, create
from streams.local.services import LocalServices
from streams.settings import load_settings

WORKER_PROCESSOR = 0
LOOP_OUT = "bench-loop-out"
EVERY_S = 0.25
STARTED_SHARE = 0.05
PATIENCE_S = 600.0
OLD_EVENTS = {"ROBOCALL_CLOCK_BEHIND_MS": "86400000"}
"""The backlog's events are up to a day older than their arrival, on purpose: not moved to when they arrived."""
LINGER_MS = "5"
"""Of the loop: larger batches are cheaper, and only cost is measured here."""

Sample = tuple[float, float, int]  # s, s on the processor, answers so far


def cost_us(figures: dict[str, Any]) -> float:
    """CPU microseconds an event of a run of the loop or of a worker."""
    return float(figures["cpu_us_per_event"])


class Bench:
    """Runs one process after the other over the same backlog."""

    def __init__(self, services: LocalServices, partitions: int) -> None:
        self.servers = str(services.bootstrap_servers)
        self._services = services
        self._partitions = partitions
        settings = load_settings(kafka_bootstrap_servers=self.servers, kafka_security_protocol="PLAINTEXT")
        with admin_client(settings) as admin:
            create(admin, partitions=partitions)
            _create_loop_topic(admin, partitions)
        self._runs = 0

    def loop(self, backlog: Backlog) -> dict[str, Any]:
        """Let the bare loop answer all."""
        before = self._ends(LOOP_OUT)
        loop = "benchmarks.harness.loops.bare_loop"
        command = [sys.executable, "-m", loop, self.servers, CALL_EVENTS, LOOP_OUT, LINGER_MS]
        with on_processors({WORKER_PROCESSOR}):
            process = subprocess.Popen(command)
        with _ending(process):
            samples = self._samples(process.pid, LOOP_OUT, sum(before), len(backlog.setups), _alive(process))
        return _figures(samples, backlog)

    def worker(
        self, backlog: Backlog, tree: Tree = HERE, settings: Mapping[str, str] = MappingProxyType({})
    ) -> dict[str, Any]:
        """Let a fresh worker of this tree, with these further settings, answer all; check every decision."""
        before = self._ends(CALL_DECISIONS)
        with self._fresh_worker(tree, settings) as process:
            samples = self._samples(process.pid, CALL_DECISIONS, sum(before), len(backlog.setups), _alive(process))
            figures = _figures(samples, backlog)
        size = check_decisions(self.servers, backlog, before, self._ends(CALL_DECISIONS))
        return figures | {"bytes_per_decision": round(size / len(backlog.setups))}

    def look_into(self, backlog: Backlog, total_us: float) -> dict[str, Any]:
        """The same once more, with the profiler on for half of the time that it should take."""
        before, setups = sum(self._ends(CALL_DECISIONS)), len(backlog.setups)
        with self._fresh_worker(HERE, {}) as process:
            while sum(self._ends(CALL_DECISIONS)) - before < STARTED_SHARE * setups:
                _alive(process)()
                time.sleep(EVERY_S)
            samples = breakdown.record(process.pid, max(1.0, 0.5e-6 * total_us * backlog.events))
            if sum(self._ends(CALL_DECISIONS)) - before >= setups:
                raise SystemExit("wrong run: the backlog ended under the profiler, take more --events")
        stages = breakdown.in_microseconds(samples, total_us)
        around = sum(stages.get(stage, 0.0) for stage in breakdown.AROUND)
        return {
            "breakdown_us_per_event": stages,
            "breakdown_samples": samples.total(),
            "faust_transport_clients_us_per_event": round(around, 2),
        }

    @contextmanager
    def _fresh_worker(self, tree: Tree, further: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
        self._runs += 1
        settings = {
            "ROBOCALL_PARTITIONS": str(self._partitions),
            "ROBOCALL_CONSUMER_GROUP": f"throughput-{self._runs}",
            "ROBOCALL_SNAPSHOT_URL": str(private_folder()),
        }
        with on_processors({WORKER_PROCESSOR}):
            own = self._services.environment() | PATIENT | OLD_EVENTS | settings | dict(further)
            process = Worker(own, tree).process
        with _ending(process):
            yield process

    def _samples(self, pid: int, sink: str, before: int, expected: int, alive: Callable[[], None]) -> list[Sample]:
        """Look until all is answered."""
        samples: list[Sample] = []
        while not samples or samples[-1][2] < expected:
            alive()
            samples.append((time.perf_counter(), cpu_s(pid), sum(self._ends(sink)) - before))
            time.sleep(EVERY_S)
        return samples

    def _ends(self, topic: str) -> list[int]:
        return ends(self.servers, topic, self._partitions)


def _figures(samples: list[Sample], backlog: Backlog) -> dict[str, Any]:
    """Rate and cost between when a twentieth was answered and when all was."""
    setups = len(backlog.setups)
    started = next(one for one in samples if one[2] >= STARTED_SHARE * setups)
    last = samples[-1]
    wall_s, on_processor_s, answers = (b - a for a, b in zip(started, last, strict=True))
    if not answers:
        raise SystemExit("wrong run: it was over before it could be measured, take more --events")
    events = answers * backlog.events / setups
    return {
        "events_per_second": round(events / wall_s),
        "cpu_us_per_event": round(1e6 * on_processor_s / events, 3),
        "processor_share": round(on_processor_s / wall_s, 3),
        "seconds": round(wall_s, 2),
        "samples_s_cpu_answers": [(round(at - samples[0][0], 3), round(cpu, 3), done) for at, cpu, done in samples],
    }


def _create_loop_topic(admin: KafkaAdminClient, partitions: int) -> None:
    if LOOP_OUT not in admin.list_topics():
        admin.create_topics({LOOP_OUT: {"num_partitions": partitions, "replication_factor": -1}})


def _alive(process: "subprocess.Popen[bytes]") -> Callable[[], None]:
    deadline_s = time.monotonic() + PATIENCE_S

    def look() -> None:
        if process.poll() is not None:
            raise SystemExit(f"wrong run: it ended with status {process.returncode}")
        if time.monotonic() > deadline_s:
            raise SystemExit("wrong run: it never answered all")

    return look


@contextmanager
def _ending(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)
