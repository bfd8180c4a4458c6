"""Kill -9 of a worker that tracks a million numbers: how long until its successor decides again?

    python -m benchmarks.recovery --numbers 1000000

A real broker, worker and folder, with one partition. The worker counts one call of every number and several of the busy
ones. It writes a snapshot, counts `--tail` more calls that only the topic holds, and is killed. The successor must
arrive at the same number of tracked keys. The result also has the worker's own metrics of the last snapshot.
"""

import argparse
import json
import random
import time
from pathlib import Path

from confluent_kafka import Producer

from benchmarks.harness.machine import describe, give
from benchmarks.harness.worker import PATIENT, Worker, wait_until
from streams.files import private_folder
from streams.kafka.topics import CALL_EVENTS, admin_client, create
from streams.local.services import local_services
from streams.metrics import Metric
from streams.settings import load_settings


class Calls:
    """Seeded set-ups: every number once, then the busy ones again and again."""

    def __init__(self, numbers: int, busy: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._numbers = [f"+1{place}" for place in self._random.sample(range(2_010_000_000, 9_899_999_999), numbers)]
        self._busy = self._numbers[:busy]
        self._made = 0

    def publish(self, producer: Producer, callers: list[str]) -> None:
        """Publish one call of each caller, and wait until all are at the broker."""
        for caller in callers:
            self._made += 1
            call = {
                "type": "call_setup",
                "call_id": f"c{self._made}",
                "setup_time_ms": time.time_ns() // 1_000_000,
                "calling_number": caller,
                "called_number": f"+1{self._random.randrange(2_010_000_000, 9_899_999_999)}",
                "trunk_group_id": f"trunk-{self._made % 200}",
            }
            producer.produce(CALL_EVENTS, json.dumps(call), caller)
            if self._made % 10_000 == 0:
                producer.poll(0.01)
        producer.flush(120)

    def past(self) -> list[str]:
        """Every number once and the busy ones four times more, mixed."""
        callers = self._numbers + 4 * self._busy
        self._random.shuffle(callers)
        return callers

    def tail(self, calls: int) -> list[str]:
        """Callers of later calls."""
        return self._random.choices(self._busy, k=calls)


def measure(numbers: int, busy: int, tail: int, seed: int) -> dict[str, object]:
    """Fill, snapshot, tail, kill, restore."""
    with local_services(heap_mb=1024, valkey=False) as services:
        servers = str(services.bootstrap_servers)
        with admin_client(load_settings(kafka_bootstrap_servers=servers)) as admin:
            create(admin, partitions=1)
        environment = (
            services.environment()
            | PATIENT
            | {
                "ROBOCALL_PARTITIONS": "1",
                "ROBOCALL_INSTANCE_ID": "benchmark",
                "ROBOCALL_SNAPSHOT_URL": str(private_folder()),
                "ROBOCALL_SNAPSHOT_INTERVAL_S": "20",
                "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
                "ROBOCALL_AWAIT_LISTS": "false",
            }
        )
        producer = Producer({"bootstrap.servers": servers, "linger.ms": 20, "queue.buffering.max.messages": 2_000_000})
        calls, first = Calls(numbers, busy, seed), Worker(environment)
        first.wait_until_ready()
        calls.publish(producer, calls.past())
        first.wait_until_read()
        count = first.metrics()[Metric.SNAPSHOTS]
        wait_until(lambda: first.metrics()[Metric.SNAPSHOTS] >= count + 1, "a snapshot")
        calls.publish(producer, calls.tail(tail))
        first.wait_until_read()
        before = first.metrics()
        first.kill()
        second = Worker(environment)
        started_s = second.wait_until_ready()
        second.wait_until_read()
        after = second.metrics()
        second.kill()
    tracked = {name: value for name, value in before.items() if name.startswith(Metric.TRACKED_KEYS)}
    found = {name: after[name] for name in tracked}
    if found != tracked:
        raise SystemExit(f"wrong run: {tracked} before the kill, {found} after it")
    return {
        "tracked": tracked,
        "restore_s": after[Metric.RESTORE],
        "process_start_to_green_s": round(started_s, 2),
        "snapshot_bytes": before[Metric.SNAPSHOT_BYTES],
        "snapshot_longest_step_ms": round(1e3 * before[Metric.SNAPSHOT_STEP], 3),
        "resident_bytes_before_kill": before.get("process_resident_memory_bytes"),
    }


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, default=1_000_000, help="numbers that the worker tracks [%(default)s]")
    parser.add_argument(
        "--busy", type=int, default=40_000, help="of these, numbers that call often; at most 131,072 [%(default)s]"
    )
    parser.add_argument(
        "--tail", type=int, default=50_000, help="calls after the snapshot, counted again from the topic [%(default)s]"
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated traffic [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    result = describe() | measure(options.numbers, options.busy, options.tail, options.seed)
    give(result, options.out)


if __name__ == "__main__":
    main()
