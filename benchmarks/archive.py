"""What the archive costs: events a second into files and back out, and bytes of file an event.

    python -m benchmarks.archive --events 240000

Generated events go to 12 partitions of a local Kafka. A sink in this process writes all of them to an archive in a
temporary folder, once with plain and once with digested numbers. Then they are read back in order of arrival. Every
event must be in a file exactly once and must come back.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from benchmarks.harness.machine import describe, give
from benchmarks.harness.workload import event_lines
from streams.archive.export import Span, events, parts_of
from streams.archive.files import ArchiveStore
from streams.archive.settings import ArchiveSettings
from streams.archive.sink import Sink, Tally
from streams.kafka.topics import CALL_EVENTS, admin_client, create
from streams.local.services import local_services
from streams.settings import Settings, load_settings

PARTITIONS = 12
KEY = "a secret of the benchmark"
FOR_EVER_MS = 1 << 42


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=240_000, help="events to archive [%(default)s]")
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated traffic [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    lines = event_lines(options.events, seed=options.seed)
    with local_services(heap_mb=1024, valkey=False) as services, tempfile.TemporaryDirectory() as folder:
        settings = load_settings(kafka_bootstrap_servers=str(services.bootstrap_servers))
        with admin_client(settings) as admin:
            create(admin, partitions=PARTITIONS)
        publish(str(services.bootstrap_servers), lines)
        ways = {
            name: measured(settings, ArchiveSettings.load(url=f"{folder}/{name}", number_key=key), len(lines))
            for name, key in (("plain", None), ("digested", KEY))
        }
    event_bytes = sum(map(len, lines)) / len(lines)
    give(describe() | {"events": len(lines), "event_bytes": round(event_bytes)} | ways, options.out)


def publish(servers: str, lines: list[bytes]) -> None:
    """Put all events to Kafka, keyed as switches key them."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 20, "partitioner": "murmur2_random"})
    for index, line in enumerate(lines):
        producer.produce(CALL_EVENTS, line, json.loads(line)["calling_number"])
        if index % 5_000 == 0:
            producer.poll(0.01)
    producer.flush(120)


def measured(settings: Settings, archive: ArchiveSettings, wanted: int) -> dict[str, Any]:
    """Archive everything with one sink, and read it back."""
    clock, cpu = asyncio.run(archived(settings, archive, wanted))
    store = ArchiveStore(archive.url)
    parts = parts_of(store, Span(0, FOR_EVER_MS))
    back, back_cpu = time.perf_counter(), time.process_time()
    found = sum(1 for _ in events(store, parts, Span(0, FOR_EVER_MS)))
    back, back_cpu = time.perf_counter() - back, time.process_time() - back_cpu
    if found != wanted:
        raise SystemExit(f"wrong run: {wanted} events were sent, {found} came back")
    return {
        "archived_per_second": round(wanted / clock),
        "archive_cpu_us_per_event": round(1e6 * cpu / wanted, 2),
        "file_bytes_per_event": round(sum(part.file.size_bytes for part in parts) / wanted, 1),
        "exported_per_second": round(wanted / back),
        "export_cpu_us_per_event": round(1e6 * back_cpu / wanted, 2),
    }


async def archived(settings: Settings, archive: ArchiveSettings, wanted: int) -> tuple[float, float]:
    """Run a sink until it has read everything and written it; clock and CPU seconds since it had its partitions."""
    stop = asyncio.Event()
    began: list[float] = []

    def look(tally: Tally) -> None:
        if tally.partitions and not began:
            began.extend((time.perf_counter(), time.process_time()))
        if tally.records + tally.waiting + tally.refused >= wanted:
            stop.set()

    sink = Sink(settings, archive, look)
    await sink.run(stop)
    if (sink.tally.records, sink.tally.refused) != (wanted, 0):
        raise SystemExit(f"wrong run: {wanted} events, {sink.tally}")
    return time.perf_counter() - began[0], time.process_time() - began[1]


if __name__ == "__main__":
    main()
