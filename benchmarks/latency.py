"""Open-loop latency on Apache Kafka: intended send instant to the decision read by another process.

Generator, broker, worker and reader share the machine. Beside the worker, in the same run and at the same rates, a
bare librdkafka loop answers each event with as many bytes. The send instant is the schedule's, not the moment at
which the generator got to it, so that a stall is not hidden (coordinated omission). Where
ROBOCALL_KAFKA_BOOTSTRAP_SERVERS or ROBOCALL_REDIS_URL is set, that service is measured (a plaintext Kafka only),
with a consumer group of its own.

    python -m benchmarks.latency --rates 100 1000 2000 --seconds 20
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from hdrh.histogram import HdrHistogram
from kafka import KafkaAdminClient

from benchmarks.machine import describe
from benchmarks.workload import latency_event
from streams.files import private_folder
from streams.guest_group import guest_group, partitions_of
from streams.local import local_services
from streams.settings import load_settings
from streams.topics import CALL_EVENTS, admin_client, create

LOOP_IN, LOOP_OUT = "bench-loop-in", "bench-loop-out"
WARM_UP_S = 3.0
HIGHEST_US = 60_000_000


def main() -> None:
    """Run every rate against both paths and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=int, nargs="+", default=[100, 1_000, 2_000])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--out", type=Path, help="also write the result here")
    options = parser.parse_args()
    result: dict[str, Any] = describe() | {"rows": []}
    with local_services(heap_mb=1024, fast_start=False, configured=True) as services:
        servers = str(services.bootstrap_servers)
        settings = load_settings(kafka_bootstrap_servers=servers, kafka_security_protocol="PLAINTEXT")
        with admin_client(settings) as admin, ExitStack() as at_exit:
            partitions = prepare(admin, options.partitions)
            group = at_exit.enter_context(guest_group(admin, "robocall-benchmark"))
            own = {
                "ROBOCALL_CONSUMER_GROUP": group,
                "ROBOCALL_PARTITIONS": str(partitions),
                "ROBOCALL_SNAPSHOT_URL": str(private_folder()),
            }
            at_exit.enter_context(running_worker(services.environment() | own))
            at_exit.enter_context(running_loop(servers))
            time.sleep(5)
            for rate in options.rates:
                for path, source, sink in (
                    ("bare librdkafka loop", LOOP_IN, LOOP_OUT),
                    ("worker", "call-events", "call-decisions"),
                ):
                    row = {"rate": rate, "path": path} | one_run(
                        servers, source, sink, rate, options.seconds, partitions
                    )
                    print(json.dumps(row), file=sys.stderr, flush=True)
                    result["rows"].append(row)
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text)


def prepare(admin: KafkaAdminClient, partitions: int) -> int:
    """Create the topics that are missing, the loop's like those of the contract; return their real partition count."""
    create(admin, partitions=partitions)
    found = partitions_of(admin, CALL_EVENTS)
    loop_topic = {"num_partitions": found, "replication_factor": -1}
    missing = {LOOP_IN, LOOP_OUT} - set(admin.list_topics())
    if missing:
        admin.create_topics(dict.fromkeys(sorted(missing), loop_topic))
    return found


def one_run(servers: str, source: str, sink: str, rate: int, seconds: float, partitions: int) -> dict[str, Any]:
    """Send at the rate for the time; read every answer in another process; all must come back once."""
    context = multiprocessing.get_context("spawn")
    ready: Queue[int] = context.Queue()
    answers: Queue[dict[str, Any]] = context.Queue()
    tag = f"{rate}-{time.time_ns()}"
    expected = int(rate * seconds)
    warm = int(rate * WARM_UP_S)
    reader = context.Process(target=read_answers, args=(servers, sink, tag, warm, expected, partitions, ready, answers))
    reader.start()
    ready.get(timeout=60)
    sender = context.Process(target=send_events, args=(servers, source, tag, rate, warm + expected))
    sender.start()
    sender.join()
    row = answers.get(timeout=90)
    reader.join()
    if row["missing"] or row["repeated"]:
        raise SystemExit(f"wrong run at {rate}/s from {source}: {row}")
    return row


def send_events(servers: str, topic: str, tag: str, rate: int, number: int) -> None:
    """Send on a fixed schedule; each call_id carries its intended instant in nanoseconds."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 0, "acks": 1, "partitioner": "murmur2_random"})
    start = time.time_ns() + 200_000_000
    for index in range(number):
        due = start + index * 1_000_000_000 // rate
        while (wait := due - time.time_ns()) > 0:
            time.sleep(min(wait, 500_000) / 1e9)
        key, value = latency_event(index, f"{tag}.{index}.{due}", due // 1_000_000)
        producer.produce(topic, value, key)
        producer.poll(0)
    producer.flush(30)


def read_answers(
    servers: str, topic: str, tag: str, warm: int, expected: int, partitions: int, ready: Any, answers: Any
) -> None:
    """Read the sink from its end; histogram of microseconds since the instant in each call_id."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": f"reader-{tag}",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 100,
        }
    )
    places = [TopicPartition(topic, partition) for partition in range(partitions)]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=10)[1]
    consumer.assign(places)
    consumer.poll(0.5)
    ready.put(1)
    histogram = HdrHistogram(1, HIGHEST_US, 3)
    seen = bytearray(warm + expected)
    repeated, found, marker = 0, 0, f'"call_id":"{tag}.'.encode()
    deadline = time.monotonic() + 120
    while found < warm + expected and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is None or message.error():
            continue
        now = time.time_ns()
        _, mark, rest = (message.value() or b"").partition(marker)
        if not mark:
            continue
        index, _, due = rest.partition(b'"')[0].decode().partition(".")
        repeated += seen[int(index)]
        found += not seen[int(index)]
        seen[int(index)] = 1
        if int(index) >= warm:
            histogram.record_value(max(1, (now - int(due)) // 1_000))
    answers.put(
        {"events": expected, "missing": warm + expected - found, "repeated": repeated}
        | {f"p{p}_ms": histogram.get_value_at_percentile(p) / 1e3 for p in (50, 99, 99.9, 100)}
    )
    consumer.close()


@contextmanager
def running_worker(services: dict[str, str]) -> Iterator[None]:
    """One worker process of the product, stopped by SIGTERM."""
    environment = os.environ | services | {"ROBOCALL_WEB_PORT": "0", "ROBOCALL_LOG_LEVEL": "warning"}
    with _stopped(subprocess.Popen([sys.executable, "-m", "streams.cli", "worker"], env=environment)):
        yield


@contextmanager
def running_loop(servers: str) -> Iterator[None]:
    """The floor: consume and produce the same bytes with librdkafka, nothing else."""
    with _stopped(subprocess.Popen([sys.executable, "-m", "benchmarks.bare_loop", servers, LOOP_IN, LOOP_OUT, "0"])):
        yield


@contextmanager
def _stopped(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    main()
