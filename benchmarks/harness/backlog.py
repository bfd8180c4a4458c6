"""A backlog of generated calls on `call-events`, and the check that each of them was answered once.

The events of a seed and a number are generated once and kept in the user's cache folder. When they are published, their
times are moved so that the last event happens now. A worker then counts them as traffic of the last hours.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from benchmarks.harness.workload import event_lines
from models import traffic
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.local.jars import cache_folder

SETUP = b'"type":"call_setup"'
_CALL_ID = re.compile(rb'"call_id":"([^"]*)"')
_CALLER = re.compile(rb'"calling_number":"([^"]*)"')
_TIME = re.compile(rb'(_time_ms":)(\d{13})')
_UNSCORED = re.compile(rb'"decided_by":"fail_open"')
POLL_EVERY = 1_000
ANSWER_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """What was published.

    Attributes:
        events: all of them.
        setups: `call_id` of each call setup.
        value_bytes: of all events together.
    """

    events: int
    setups: frozenset[bytes]
    value_bytes: int


def event_file(events: int, seed: int) -> Path:
    """The first `events` events of the generator, one a line; generated unless they have been before."""
    return cached_events("events", events, seed, lambda: event_lines(events, seed=seed))


def cached_events(kind: str, events: int, seed: int, make: Callable[[], Iterable[bytes]]) -> Path:
    """A file of lines in the user's cache folder; made unless it is there, by this version of the generator."""
    sources = sorted(Path(traffic.__file__).parent.rglob("*.py"))
    version = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:8]
    path = cache_folder() / "benchmarks" / f"{kind}-{events}-{seed}-{version}.jsonl"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".new")
        unfinished.write_bytes(b"\n".join(make()))
        unfinished.replace(path)
    return path


def moved_to_now(lines: Iterator[bytes], last: bytes) -> Iterator[bytes]:
    """Move the times of all events by as much as brings the last one to now."""
    shift = time.time_ns() // 1_000_000 - max(int(found) for _, found in _TIME.findall(last))
    for line in lines:
        yield _TIME.sub(lambda found: found[1] + b"%d" % (int(found[2]) + shift), line)


def publish(servers: str, events: int, seed: int) -> Backlog:
    """Publish the backlog as switches would: by calling number, Kafka's own partitioner, uncompressed."""
    path = event_file(events, seed)
    with path.open("rb") as file:
        *_, last = file
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "linger.ms": 50,
            "acks": "all",
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 200_000,
        }
    )
    setups, size = [], 0
    with path.open("rb") as file:
        for made, line in enumerate(moved_to_now((line.rstrip(b"\n") for line in file), last)):
            size += len(line)
            if SETUP in line:
                setups.append(_found(_CALL_ID, line))
            send(producer, line)
            if made % POLL_EVERY == 0:
                producer.poll(0)
    if producer.flush(120):
        raise SystemExit("wrong run: the backlog did not reach the broker")
    return Backlog(events, frozenset(setups), size)


def send(producer: Producer, line: bytes) -> None:
    """Publish an event by its calling number; waits while the producer's queue is full."""
    caller = _found(_CALLER, line)
    while True:
        try:
            producer.produce(CALL_EVENTS, line, caller)
        except BufferError:
            producer.poll(0.1)
        else:
            return


def _found(pattern: re.Pattern[bytes], line: bytes) -> bytes:
    match = pattern.search(line)
    if match is None:
        raise SystemExit(f"wrong run: an event without {pattern.pattern.decode()}")
    return match[1]


def ends(servers: str, topic: str, partitions: int) -> list[int]:
    """Next offset of each partition."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "ends"})
    try:
        return [_end(consumer, TopicPartition(topic, one)) for one in range(partitions)]
    finally:
        consumer.close()


def _end(consumer: Consumer, place: TopicPartition) -> int:
    """Next offset; a topic that was just made may have no leader for a moment."""
    deadline_s = time.monotonic() + ANSWER_TIMEOUT_S
    while True:
        try:
            return int(consumer.get_watermark_offsets(place, timeout=10)[1])
        except KafkaException as error:
            if time.monotonic() > deadline_s:
                raise SystemExit(f"wrong run: nobody knows where {place.topic} ends, {error}") from error
            time.sleep(0.1)


def check_decisions(servers: str, backlog: Backlog, since: list[int], until: list[int]) -> int:
    """Read the decisions between two sets of offsets: one for each call setup, each of a call that was judged.

    Returns:
        Bytes of their values.
    """
    size, unscored, decided = 0, 0, set[bytes]()
    for value in decisions_between(servers, since, until):
        decided.add(_found(_CALL_ID, value))
        unscored += bool(_UNSCORED.search(value))
        size += len(value)
    decisions = sum(until) - sum(since)
    if decided != backlog.setups or decisions != len(backlog.setups) or unscored:
        raise SystemExit(
            f"wrong run: {len(backlog.setups)} setups, {decisions} decisions of {len(decided)} calls, "
            f"{unscored} unscored"
        )
    return size


def decisions_between(servers: str, since: list[int], until: list[int]) -> Iterator[bytes]:
    """The values of all decisions between two sets of offsets.

    Raises:
        SystemExit: they cannot be read in two minutes.
    """
    places = [TopicPartition(CALL_DECISIONS, one, offset) for one, offset in enumerate(since) if until[one] > offset]
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "check", "enable.auto.commit": False})
    consumer.assign(places)
    left, deadline_s = sum(until) - sum(since), time.monotonic() + 120
    try:
        while left:
            if time.monotonic() > deadline_s:
                raise SystemExit(f"wrong run: {left} decisions were not read")
            for message in consumer.consume(10_000, 0.5):
                left -= 1
                yield message.value() or b""
    finally:
        consumer.close()
