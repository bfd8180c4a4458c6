"""Kill -9 of a worker that tracks a million numbers: how long until its successor decides again?

    python -m benchmarks.recovery --numbers 1000000

A real broker, worker and folder, with one partition. The worker counts one call of every number and several of the busy
ones. It writes a snapshot, counts `--tail` more calls that only the topic holds, and is killed. The successor must
arrive at the same number of tracked keys. The result also has the worker's own metrics of the last snapshot.
"""

import argparse
import json
import random
import re
import signal
import subprocess
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from benchmarks.machine import describe, give
from benchmarks.trees import HERE, Tree
from streams.files import private_folder
from streams.kafka.topics import CALL_EVENTS, admin_client, create
from streams.local.services import free_ports, local_services
from streams.metrics import Metric
from streams.settings import load_settings

PATIENCE_S = 600.0
PATIENT = {"ROBOCALL_DECISION_DEADLINE_MS": "3600000", "ROBOCALL_SHED_AFTER_MS": "3600000"}
"""These have every call scored, whatever it waited: a call that passes unscored is cheap."""
SAMPLE = re.compile(r"^(robocall_\w+)(\{[^}]*\})? (\S+)$", re.MULTILINE)


class Worker:
    """A worker process and what its pages say.

    Args:
        environment: its settings.
        tree: whose code it runs.
    """

    def __init__(self, environment: dict[str, str], tree: Tree = HERE) -> None:
        self._port = free_ports(1)[0]
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            tree.command("worker"),
            cwd=tree.folder,
            env=tree.environment()
            | environment
            | {"ROBOCALL_WEB_PORT": str(self._port), "ROBOCALL_LOG_LEVEL": "warning"},
        )

    def page(self, name: str) -> str:
        """A page, empty while there is none or it is red."""
        return page_of(self._port, name)

    def metrics(self) -> dict[str, float]:
        """Every sample of the product, by name and labels."""
        return metrics_of(self._port)

    def wait_until_read(self) -> None:
        """Return when it has joined, restored, and answered all there is."""
        wait_until(self._has_read, "a worker that has read everything")

    def wait_until_ready(self) -> float:
        """Seconds from the start until it is green."""
        wait_until(lambda: self.page("health") != "" or self._has_ended(), "a green worker", every_s=0.02)
        return time.monotonic() - self.started_s

    def _has_read(self) -> bool:
        page = self.page("health")
        return self._has_ended() or (page != "" and json.loads(page)["lag"] == 0)

    def _has_ended(self) -> bool:
        if self.process.poll() is not None:
            raise SystemExit(f"wrong run: the worker ended with status {self.process.returncode}")
        return False

    def kill(self) -> None:
        """Kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def page_of(port: int, name: str) -> str:
    """A page of a process on this machine, empty while there is none or it is red."""
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=30) as page:
        return str(page.read().decode())
    return ""


def metrics_of(port: int) -> dict[str, float]:
    """Every sample of the product that a process tells of, by name and labels."""
    return {name + (labels or ""): float(value) for name, labels, value in SAMPLE.findall(page_of(port, "metrics"))}


def wait_until(claim: Any, what: str, *, every_s: float = 0.2) -> None:
    """Poll until the claim holds."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not claim():
        if time.monotonic() > deadline_s:
            raise SystemExit(f"wrong run: {what} never came")
        time.sleep(every_s)


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
