"""Send calls at instants fixed beforehand, and time each until another process reads its answer.

Generator and reader are processes of their own and live through all runs. The clock starts at the scheduled instant,
not when the generator got to it, so a stall is not hidden (coordinated omission). How late the generator was is
measured too.
"""

import gc
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from hdrh.histogram import HdrHistogram

from benchmarks.harness.workload import latency_event

HIGHEST_US = 60_000_000
IDLE = 0
"""Rate that stands for one call each 50 to 100 ms, at random."""
IDLE_PER_S = 1_000 / 75
BUILD_NS = 40_000
"""Time to build one event, generously: the first instant comes after all are built."""
LONGEST_SLEEP_NS = 500_000
ANSWERS_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Run:
    """What to send in one run.

    Attributes:
        tag: begins each `call_id`, and is unique.
        topic: where events go.
        rate: a second; `IDLE` for single calls.
        warm: calls that are sent first and do not count.
        number: calls in all.
    """

    tag: str
    topic: str
    rate: int
    warm: int
    number: int


def make_run(topic: str, rate: int, seconds: float, warm_s: float) -> Run:
    """Describe a run of a rate over some seconds."""
    per_s = rate or IDLE_PER_S
    warm = int(per_s * warm_s)
    return Run(f"{rate}-{time.time_ns()}", topic, rate, warm, warm + int(per_s * seconds))


def instants_ns(run: Run) -> list[int]:
    """When to send each call, in nanoseconds after the first."""
    if run.rate != IDLE:
        return [index * 1_000_000_000 // run.rate for index in range(run.number)]
    gaps = random.Random(run.number)
    at, found = 0, []
    for _ in range(run.number):
        found.append(at)
        at += gaps.randrange(50_000_000, 100_000_000)
    return found


def _percentiles(histogram: HdrHistogram) -> dict[str, float]:
    """Of microseconds, in milliseconds."""
    return {f"p{p:g}_ms": histogram.get_value_at_percentile(p) / 1e3 for p in (50, 99, 99.9)} | {
        "max_ms": histogram.get_max_value() / 1e3
    }


def percentiles(encoded: Sequence[str]) -> dict[str, float]:
    """p50, p99, p99.9 and the highest in milliseconds of some encoded histograms together."""
    return _percentiles(merged(encoded))


def merged(encoded: Sequence[str]) -> HdrHistogram:
    """One histogram of microseconds from some encoded ones."""
    histogram = HdrHistogram(1, HIGHEST_US, 3)
    for one in encoded:
        histogram.decode_and_add(one)
    return histogram


class Generator:
    """Sends what it is told to, in a process of its own."""

    def __init__(self, servers: str) -> None:
        self._process, self._pipe = _start(_generate, servers)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid or 0

    def start(self, run: Run) -> None:
        """Begin to send; returns at once."""
        self._pipe.send(run)

    def finished(self) -> dict[str, float]:
        """Wait for the end; how late the generator was."""
        return dict(_answer(self._pipe, 600.0))

    def close(self) -> None:
        """End the process."""
        self._pipe.send(None)
        self._process.join()


class Reader:
    """Reads some topics from their ends on, in a process of its own."""

    def __init__(self, servers: str, topics: Sequence[str], partitions: int) -> None:
        self._process, self._pipe = _start(_read, servers, list(topics), partitions)
        _answer(self._pipe, 60.0)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid or 0

    def expect(self, run: Run) -> None:
        """Say what answers to look for; returns when it looks."""
        self._pipe.send(run)
        _answer(self._pipe, 10.0)

    def finished(self) -> dict[str, Any]:
        """Wait for the answers: how many are missing or repeated, percentiles, the histogram in its own encoding."""
        return dict(_answer(self._pipe, 600.0))

    def close(self) -> None:
        """End the process."""
        self._pipe.send(None)
        self._process.join()


def _start(target: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *arguments), daemon=True)
    process.start()
    return process, ours


def _answer(pipe: Connection, timeout_s: float) -> Any:
    if not pipe.poll(timeout_s):
        raise SystemExit(f"wrong run: generator or reader said nothing for {timeout_s:g} s")
    return pipe.recv()


def _generate(pipe: Connection, servers: str) -> None:
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 0, "acks": "all", "partitioner": "murmur2_random"})
    gc.disable()
    while (run := pipe.recv()) is not None:
        offsets = instants_ns(run)
        start = time.time_ns() + 300_000_000 + BUILD_NS * run.number
        dues = [start + offset for offset in offsets]
        events = [latency_event(index, f"{run.tag}.{index}.{due}", due // 1_000_000) for index, due in enumerate(dues)]
        late = HdrHistogram(1, HIGHEST_US, 3)
        for index, (due, (key, value)) in enumerate(zip(dues, events, strict=True)):
            while (wait := due - time.time_ns()) > 0:
                time.sleep(min(wait, LONGEST_SLEEP_NS) / 1e9)
            if index >= run.warm:
                late.record_value(max(1, -wait // 1_000))
            producer.produce(run.topic, value, key)
            producer.poll(0)
        producer.flush(30)
        pipe.send(_percentiles(late))


class Answers:
    """What came back of one run."""

    def __init__(self, run: Run) -> None:
        self.found = 0
        self._run = run
        self._histogram = HdrHistogram(1, HIGHEST_US, 3)
        self._repeated = 0
        self._seen = bytearray(run.number)
        self._marker = f'"call_id":"{run.tag}.'.encode()

    def take(self, value: bytes, now_ns: int) -> None:
        """Note an answer, unless it is of another run."""
        _, mark, rest = value.partition(self._marker)
        if not mark:
            return
        number, _, due = rest.partition(b'"')[0].partition(b".")
        index = int(number)
        self._repeated += self._seen[index]
        self.found += not self._seen[index]
        self._seen[index] = 1
        if index >= self._run.warm:
            self._histogram.record_value(max(1, (now_ns - int(due)) // 1_000))

    def figures(self) -> dict[str, Any]:
        """The row of this run."""
        return {
            "calls": self._run.number - self._run.warm,
            "missing": self._run.number - self.found,
            "repeated": self._repeated,
            **_percentiles(self._histogram),
            "histogram_us": self._histogram.encode().decode(),
        }


def _read(pipe: Connection, servers: str, topics: Sequence[str], partitions: int) -> None:
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": f"reader-{os.getpid()}", "enable.auto.commit": False}
    )
    places = [TopicPartition(topic, partition) for topic in topics for partition in range(partitions)]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=10)[1]
    consumer.assign(places)
    consumer.poll(0.5)
    pipe.send(True)
    gc.disable()
    while (run := pipe.recv()) is not None:
        answers, deadline_s = Answers(run), time.monotonic() + ANSWERS_TIMEOUT_S
        pipe.send(True)
        while answers.found < run.number and time.monotonic() < deadline_s:
            message = consumer.poll(0.2)
            if message is not None and not message.error():
                answers.take(message.value() or b"", time.time_ns())
                deadline_s = time.monotonic() + ANSWERS_TIMEOUT_S
        pipe.send(answers.figures())
    consumer.close()
