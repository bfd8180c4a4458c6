"""Open-loop latency on Apache Kafka: from the intended send instant to the decision in another process.

    python -m benchmarks.latency --rates 0 100 500 1000 2000 5000 --seconds 10

The worker, a bare librdkafka copy loop and a bare aiokafka copy loop take turns at each rate, several times. All of
them use acks=all. Rate 0 is an idle system: one call every 50 to 100 ms. Generator, broker, worker and reader share the
machine. Each row therefore says how much of the processors they used, how late the generator was, and whether the run
fits the machine.

ROBOCALL_KAFKA_BOOTSTRAP_SERVERS and ROBOCALL_REDIS_URL, where set, name the services that are measured. Kafka must be
plaintext; the benchmark uses a consumer group of its own.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient

from benchmarks.harness import plots
from benchmarks.harness.machine import describe, give
from benchmarks.harness.open_loop import IDLE, Generator, Reader, make_run, percentiles
from benchmarks.harness.processors import cpu_s, machine_busy_s
from benchmarks.harness.turns import add_limits, limits_of, ratio_of, take_turns
from benchmarks.harness.worker import PATIENT, Worker
from streams.files import private_folder
from streams.kafka.temporary_group import partitions_of, temporary_group
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, admin_client, create
from streams.local.services import LocalServices, local_services
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


def main() -> None:
    """Run every rate against all paths and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rates",
        type=int,
        nargs="+",
        default=[IDLE, 100, 500, 1_000, 2_000, 5_000],
        help="calls a second, 0 = idle; default: %(default)s",
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each turn [%(default)s]")
    parser.add_argument("--partitions", type=int, default=12, help="of the topic [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    parser.add_argument("--plots", type=Path, help="draw the plot into this folder")
    add_limits(parser, within=0.05, most=12)
    options = parser.parse_args()
    result = describe() | measure(options)
    give(result, options.out)
    if options.plots:
        plots.latency(result, options.plots)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All paths at all rates, by turns."""
    rows: list[dict[str, Any]] = []
    runs: list[dict[str, Any]] = []
    with (
        local_services(heap_mb=1024, fast_start=False, configured=True) as services,
        running_paths(services, options.partitions) as paths,
    ):
        for rate in options.rates:
            turns = {path: partial(paths.run, path, rate, options.seconds) for path in (*LOOPS, WORKER)}
            found = take_turns(turns, base=next(iter(LOOPS)), cost=p50_ms, limits=limits_of(options))
            rows.append({"rate": rate} | summary(found))
            runs += [run for of_turn in zip(*found.values(), strict=True) for run in of_turn]
    return {"rows": rows, "runs": runs}


def p50_ms(run: dict[str, Any]) -> float:
    """What decides whether a ratio is known: the tail of a run of seconds never is."""
    return float(run["p50_ms"])


def summary(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """One rate: ratios of the worker's percentiles, turn by turn; percentiles of all runs of a path together."""
    row: dict[str, Any] = {}
    for loop in LOOPS:
        ratios = {p: ratio_of([run[p] for run in found[WORKER]], [run[p] for run in found[loop]]) for p in COMPARED}
        row[f"worker to {loop}"] = {p: ratio.as_json() for p, ratio in ratios.items()}
    row["fits"] = all(run["fits"] for runs in found.values() for run in runs)
    return row | {path: percentiles([run["histogram_us"] for run in runs]) for path, runs in found.items()}


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


if __name__ == "__main__":
    main()
