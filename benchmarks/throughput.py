"""A worker works off a backlog on Apache Kafka on one core: sustained rate and CPU microseconds per event.

    python -m benchmarks.throughput --events 2000000

The worker is pinned to one processor; broker, Valkey and this program use the others. The floor is measured in the same
run: a bare librdkafka loop that reads the same topic and answers each call setup with as many bytes. Measuring starts
when a twentieth is answered, so no start-up counts. Every setup must have exactly one decision, and none may fail open.
A last pass over the same backlog, with a sampling profiler, shows what the time goes to.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kafka import KafkaAdminClient

from benchmarks import breakdown
from benchmarks.harness import plots
from benchmarks.harness.backlog import Backlog, check_decisions, ends, publish
from benchmarks.harness.machine import describe, give
from benchmarks.harness.processors import cpu_s, on_processors
from benchmarks.harness.trees import HERE, Tree
from benchmarks.harness.turns import add_limits, limits_of, ratio_of, take_turns
from benchmarks.harness.worker import PATIENT, Worker
from streams.files import private_folder
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, admin_client, create
from streams.local.services import LocalServices, local_services
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


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000_000, help="events of the backlog [%(default)s]")
    parser.add_argument("--partitions", type=int, default=12, help="of the topic [%(default)s]")
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated traffic [%(default)s]")
    parser.add_argument(
        "--no-breakdown", dest="breakdown", action="store_false", help="leave out the pass with the profiler"
    )
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    parser.add_argument("--plots", type=Path, help="draw the break-down into this folder")
    add_limits(parser)
    options = parser.parse_args()
    result = describe() | measure(options)
    give(result, options.out)
    if options.plots and options.breakdown:
        plots.throughput(result, options.plots)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Publish, let loop and worker take turns, look into the worker."""
    with on_processors(range(WORKER_PROCESSOR + 1, 1024)), local_services(heap_mb=1024, fast_start=False) as services:
        bench = Bench(services, options.partitions)
        backlog = publish(bench.servers, options.events, options.seed)
        turns: dict[str, Callable[[], dict[str, Any]]] = {
            "loop": partial(bench.loop, backlog),
            "worker": partial(bench.worker, backlog),
        }
        found = take_turns(turns, base="loop", cost=cost_us, limits=limits_of(options))
        costs = {name: [cost_us(one) for one in runs] for name, runs in found.items()}
        result: dict[str, Any] = {
            "worker_to_loop": ratio_of(costs["worker"], costs["loop"]).as_json(),
            "events": backlog.events,
            "setups": len(backlog.setups),
            "bytes_per_event": round(backlog.value_bytes / backlog.events),
            "partitions": options.partitions,
            "worker_events_per_second": statistics.median(one["events_per_second"] for one in found["worker"]),
            "worker_cpu_us_per_event": statistics.median(costs["worker"]),
            "loop_cpu_us_per_event": statistics.median(costs["loop"]),
            "workers": found["worker"],
            "loops": found["loop"],
        }
        if options.breakdown:
            result |= bench.look_into(backlog, result["worker_cpu_us_per_event"])
    return result


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


if __name__ == "__main__":
    main()
