"""Calls at a steady rate while models are named one after the other, and the decision on each."""

import json
import multiprocessing
import sys
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from redis import Redis

from benchmarks.harness.open_loop import Generator, Run
from benchmarks.promotion.judging import Answer
from streams.kafka.topics import CALL_DECISIONS
from streams.redis.connection import ACTIVE_MODEL

WARM_UP_S = 5.0


def load(
    servers: str, partitions: int, run: Run, pause_s: float, redis: "Redis", named: Sequence[str]
) -> tuple[list[Answer], list[int], dict[str, float]]:
    """Send calls and meanwhile name the models, one after each pause.

    Returns answers, the instants at which models were named, and how late the generator was.

    Ends the run unless every call has one decision.
    """
    generator = Generator(servers)
    context = multiprocessing.get_context("spawn")
    ready, found = context.Queue(), context.Queue()
    reader = context.Process(target=read_answers, args=(servers, run, partitions, ready, found))
    reader.start()
    ready.get(timeout=60)
    generator.start(run)
    time.sleep(WARM_UP_S)
    named_ns = []
    for number, model in enumerate(named, 1):
        time.sleep(pause_s)
        named_ns.append(time.time_ns())
        redis.set(ACTIVE_MODEL, model)
        print(f"{number} of {len(named)}: {model} is named", file=sys.stderr, flush=True)
    late = generator.finished()
    rows: list[tuple[int, int, float, int, str]] = found.get(timeout=120)
    reader.join()
    generator.close()
    if sorted(index for index, *_ in rows) != list(range(run.number)):
        calls = len({index for index, *_ in rows})
        raise SystemExit(f"wrong run: {run.number} calls, {len(rows)} decisions of {calls} calls")
    return (
        [Answer(due, waited, at, model) for index, due, waited, at, model in rows if index >= run.warm],
        named_ns,
        late,
    )


def read_answers(servers: str, run: Run, partitions: int, ready: Any, found: Any) -> None:
    """Read decisions from the end of the topic on; give index, intended instant, latency and model of each."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": f"reader-{run.tag}", "enable.auto.commit": False})
    places = [TopicPartition(CALL_DECISIONS, partition) for partition in range(partitions)]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=10)[1]
    consumer.assign(places)
    consumer.poll(0.5)
    ready.put(1)
    rows: list[tuple[int, int, float, int, str]] = []
    deadline_s = time.monotonic() + 600
    while len(rows) < run.number and time.monotonic() < deadline_s:
        message = consumer.poll(0.2)
        if message is None or message.error():
            continue
        now = time.time_ns()
        decision = json.loads(message.value() or b"{}")
        tag, _, rest = decision["call_id"].partition(".")
        if tag == run.tag:
            index, _, due = rest.partition(".")
            waited_ms = (now - int(due)) / 1e6
            rows.append((int(index), int(due), waited_ms, decision["decided_time_ms"], decision["model_version"]))
    found.put(rows)
    consumer.close()
