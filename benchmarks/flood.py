"""A flood of random calling numbers at full speed: does memory stay bounded, do busy numbers keep their windows?

    python -m benchmarks.flood --numbers 20000000

A real broker and a real worker on one partition. Between the calls of the flood, `--busy` numbers call again and again.
The worker's resident memory is sampled during the run. At the end its last snapshot must hold every call of the busy
numbers.
"""

import argparse
import random
import time
from pathlib import Path

import psutil
from confluent_kafka import Producer

from benchmarks.harness.machine import describe, give
from benchmarks.harness.worker import PATIENT, Worker, wait_until
from detector.features.table import FEATURE_SCHEMA_ID
from detector.windows import WindowEngine
from streams.files import private_folder
from streams.kafka.topics import CALL_EVENTS, admin_client, create, identity
from streams.local.services import local_services
from streams.metrics import Metric
from streams.screening.build import make_screener
from streams.settings import Settings, load_settings
from streams.state.snapshot_file import read_snapshot
from streams.state.snapshot_store import SnapshotStore

FLOOD_PER_BUSY = 1_000
"""Calls of the flood between two of the busy numbers."""
BACKLOG = 400_000
"""Unread calls at most: the broker's disk has to hold them all, the worker none of them."""


class Flood:
    """Publishes; counts what the busy numbers did, and looks at the worker's memory.

    Args:
        producer: to the broker.
        worker: under flood.
        busy: how many numbers call again and again.
        seed: of everything drawn.
    """

    def __init__(self, producer: Producer, worker: Worker, busy: int, seed: int) -> None:
        self._producer = producer
        self._process = psutil.Process(worker.process.pid)
        self._worker = worker
        self._random = random.Random(seed)
        self.calls = {f"+1303555{place:04}": 0 for place in range(busy)}
        self._busy = list(self.calls)
        self._made = 0
        self.resident: list[int] = []

    def run(self, numbers: int) -> None:
        """Publish `numbers` distinct numbers, in an order that no cache likes, without running far ahead."""
        step, place = 2_654_435_761, self._random.randrange(1 << 32)
        for made in range(numbers):
            place = (place + step) % (1 << 32)
            caller = f"+1{2_000_000_000 + place}"
            if caller not in self.calls:
                self._publish(caller)
            if made % FLOOD_PER_BUSY == 0:
                number = self._busy[made // FLOOD_PER_BUSY % len(self._busy)]
                self.calls[number] += 1
                self._publish(number)
            if made % 50_000 == 0:
                self._look()

    def _publish(self, caller: str) -> None:
        self._made += 1
        called = self._random.randrange(2_010_000_000, 9_899_999_999)
        now_ms = time.time_ns() // 1_000_000
        call = (
            f'{{"type":"call_setup","call_id":"c{self._made}","setup_time_ms":{now_ms},"calling_number":"{caller}",'
            f'"called_number":"+1{called}","trunk_group_id":"trunk-{called % 200}"}}'
        )
        while True:
            try:
                self._producer.produce(CALL_EVENTS, call, caller)
            except BufferError:
                self._producer.poll(0.1)
            else:
                break

    def _look(self) -> None:
        self.resident.append(self._process.memory_info().rss)
        self._producer.poll(0)
        while self._worker.metrics().get(f'{Metric.LAG}{{partition="0"}}', 0.0) > BACKLOG:
            time.sleep(0.2)

    def finish(self) -> None:
        """Wait until everything is at the broker and counted."""
        self._producer.flush(300)
        self._worker.wait_until_read()
        self.resident.append(self._process.memory_info().rss)


def counted(settings: Settings, numbers: list[str]) -> dict[str, int]:
    """Calls of the last 24 h by number, as the newest snapshot has them."""
    engine = make_screener(settings, shared_trunks=False).engine
    if not isinstance(engine, WindowEngine):
        raise TypeError(engine)
    topic, store = identity(settings, CALL_EVENTS), SnapshotStore(settings.snapshot_url)
    path = store.fetch(store.candidates(topic, 0, 1 << 60)[0], private_folder())
    found = read_snapshot(path, topic=topic, partition=0, layout=engine.layout, feature_schema=FEATURE_SCHEMA_ID)
    for _ in engine.load(0, found.parts, found.names):
        pass
    now_ms = time.time_ns() // 1_000_000
    return {number: round(engine.number_counts(number, now_ms).get("attempts", (0.0,))[-1]) for number in numbers}


def measure(numbers: int, busy: int, seed: int) -> dict[str, object]:
    """Flood, stop, compare."""
    snapshots = str(private_folder())
    with local_services(heap_mb=1024, valkey=False) as services:
        servers = str(services.bootstrap_servers)
        settings = load_settings(kafka_bootstrap_servers=servers, partitions=1, snapshot_url=snapshots)
        with admin_client(settings) as admin:
            create(admin, partitions=1)
        worker = Worker(
            services.environment()
            | PATIENT
            | {
                "ROBOCALL_PARTITIONS": "1",
                "ROBOCALL_SNAPSHOT_URL": snapshots,
                "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
                "ROBOCALL_AWAIT_LISTS": "false",
            }
        )
        worker.wait_until_ready()
        producer = Producer({"bootstrap.servers": servers, "linger.ms": 20, "compression.type": "lz4"})
        flood = Flood(producer, worker, busy, seed)
        started_s = time.monotonic()
        flood.run(numbers)
        flood.finish()
        took_s = time.monotonic() - started_s
        metrics = worker.metrics()
        worker.process.terminate()
        wait_until(lambda: worker.process.poll() is not None, "the end of the worker")
        found = counted(settings, list(flood.calls))
    wrong = sum(found[number] != calls for number, calls in flood.calls.items())
    if wrong:
        raise SystemExit(f"wrong run: the windows of {wrong} of {len(flood.calls)} busy numbers are not whole")
    evictions = {name: value for name, value in metrics.items() if name.startswith(Metric.EVICTIONS)}
    if not evictions.get(f'{Metric.EVICTIONS}{{family="cold_number"}}'):
        raise SystemExit(f"wrong run: nothing was evicted ({evictions})")
    return {
        "numbers": numbers,
        "events_per_s": round(numbers / took_s),
        "resident_mib_at_start": round(flood.resident[0] / 2**20),
        "resident_mib_most": round(max(flood.resident) / 2**20),
        "busy_numbers": len(flood.calls),
        "busy_calls": sum(flood.calls.values()),
        "busy_windows_wrong": wrong,
        "evictions": evictions,
        "passed_unscored": {k: v for k, v in metrics.items() if k.startswith(Metric.PASSED_UNSCORED)},
    }


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, default=20_000_000, help="random numbers that call once [%(default)s]")
    parser.add_argument("--busy", type=int, default=500, help="numbers that call again and again [%(default)s]")
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated traffic [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    result = describe() | measure(options.numbers, options.busy, options.seed)
    give(result, options.out)


if __name__ == "__main__":
    main()
