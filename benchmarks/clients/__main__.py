"""Two Kafka clients on the same bytes: aiokafka as our transport uses it, and librdkafka.

    python -m benchmarks.clients --records 300000 --rates 0 100 1000 5000 --seconds 8

Both programs (`benchmarks.clients.loops`) publish each record again unchanged. First they take turns on a backlog, more
than once. Then both run and take turns at each rate in an open loop. A run with a missing or repeated record fails. A
local Kafka is started unless ROBOCALL_KAFKA_BOOTSTRAP_SERVERS names one that runs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from benchmarks.harness.backlog import ends
from benchmarks.harness.machine import describe, give
from benchmarks.harness.open_loop import IDLE, Generator, Reader
from benchmarks.harness.turns import add_limits, limits_of, ratio_of, take_turns
from benchmarks.harness.workload import latency_event
from benchmarks.latency.paths import COMPARED, Paths, p50_ms
from streams.kafka.topics import admin_client
from streams.local.services import local_services
from streams.settings import load_settings

JUDGED, BASE = KINDS = ("transport", "confluent")
PARTITIONS = 12
SETTLE_S = 3.0


def main() -> None:
    """Measure both and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=300_000, help="records of the backlog [%(default)s]")
    parser.add_argument(
        "--rates",
        type=int,
        nargs="+",
        default=[IDLE, 100, 1_000, 5_000],
        help="calls a second, 0 = idle; default: %(default)s",
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="at each rate [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    add_limits(parser, within=0.05, most=12)
    options = parser.parse_args()
    with local_services(heap_mb=1024, fast_start=False, configured=True) as services:
        result = describe() | measure(str(services.bootstrap_servers), options)
    give(result, options.out)


def measure(servers: str, options: argparse.Namespace) -> dict[str, Any]:
    """Cost, then latency."""
    run = uuid.uuid4().hex[:8]
    topics = {kind: (f"clients-{run}-{kind}-in", f"clients-{run}-{kind}-out") for kind in KINDS}
    settings = load_settings(kafka_bootstrap_servers=servers, kafka_security_protocol="PLAINTEXT")
    with admin_client(settings) as admin, ExitStack() as stack:
        admin.create_topics(
            {
                name: {"num_partitions": PARTITIONS, "replication_factor": -1}
                for both in topics.values()
                for name in both
            }
        )
        for source, _ in topics.values():
            publish(servers, source, options.records)
        costing = {kind: partial(cost_us, kind, servers, topics[kind], options.records) for kind in KINDS}
        costs = take_turns(costing, base=BASE, cost=float, limits=limits_of(options))
        pids = {}
        for kind in KINDS:
            pids[kind], _ = stack.enter_context(copying(kind, servers, *topics[kind], options.records))
        generator, reader = Generator(servers), Reader(servers, [sink for _, sink in topics.values()], PARTITIONS)
        stack.callback(generator.close)
        stack.callback(reader.close)
        paths = Paths(topics, pids, generator, reader)
        runs = {rate: _runs(paths, rate, options) for rate in options.rates}
    return {
        "cpu, transport to confluent": ratio_of(costs[JUDGED], costs[BASE]).as_json(),
        "cpu_us_per_record": {kind: {"best": min(found), "all": found} for kind, found in costs.items()},
        "latency": [{"rate": rate} | summary(found) for rate, found in runs.items()],
        "runs": [run for found in runs.values() for of_kind in found.values() for run in of_kind],
    }


def _runs(paths: Paths, rate: int, options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    turns = {kind: partial(paths.run, kind, rate, options.seconds) for kind in KINDS}
    return take_turns(turns, base=BASE, cost=p50_ms, limits=limits_of(options))


def cost_us(kind: str, servers: str, topics: tuple[str, str], records: int) -> float:
    """CPU microseconds a record of one program that works off the backlog."""
    with copying(kind, servers, *topics, records) as (_, cpu_s):
        return cpu_s / records * 1e6


def summary(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """One rate: ratios turn by turn, then medians over the runs."""
    ratios = {p: ratio_of([run[p] for run in found[JUDGED]], [run[p] for run in found[BASE]]) for p in COMPARED}
    row: dict[str, Any] = {f"{JUDGED} to {BASE}": {p: ratio.as_json() for p, ratio in ratios.items()}}
    row["fits"] = all(run["fits"] for runs in found.values() for run in runs)
    for kind, runs in found.items():
        row[kind] = {name: statistics.median(run[name] for run in runs) for name in COMPARED}
        row[kind]["processors"] = statistics.median(run["processors"][kind] for run in runs)
    return row


def publish(servers: str, topic: str, records: int) -> None:
    """Put a backlog there."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 50, "acks": "all", "partitioner": "murmur2_random"})
    for index in range(records):
        key, value = latency_event(index, f"backlog.{index}", 1_700_000_000_000 + index)
        producer.produce(topic, value, key)
        if not index % 1_000:
            producer.poll(0)
        if not index % 50_000:
            producer.flush(60)
    if producer.flush(60):
        raise SystemExit("wrong run: the backlog did not reach the broker")


@contextmanager
def copying(kind: str, servers: str, source: str, sink: str, records: int) -> Iterator[tuple[int, float]]:
    """One of the programs, once it has copied the backlog: its process id and the processor time that it took."""
    before = sum(ends(servers, sink, PARTITIONS))
    environment = {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": servers,
        "ROBOCALL_CONSUMER_GROUP": f"clients-{uuid.uuid4()}",
        "ROBOCALL_WEB_PORT": "0",
    }
    command = [sys.executable, "-m", "benchmarks.clients.loops", kind, servers, source, sink, str(records)]
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE)
    try:
        line = process.stdout.readline() if process.stdout else b""
        time.sleep(SETTLE_S)  # a record more would be there by now
        copied = sum(ends(servers, sink, PARTITIONS)) - before
        backlog = sum(ends(servers, source, PARTITIONS))
        if not line or copied != backlog:
            raise SystemExit(f"wrong run: {kind} copied {copied} of {backlog} records")
        yield process.pid, float(json.loads(line)["cpu_s"])
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    main()
