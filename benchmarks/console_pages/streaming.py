"""Decisions that stream at a steady rate, each with an id and times of its own."""

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any

from confluent_kafka import Producer

from streams.kafka.topics import CALL_DECISIONS
from streams.local.services import LocalServices

TICK_S = 0.02
_PARTS = re.compile(rb'("decision_id":")[0-9a-f]+(.*"setup_time_ms":)\d+(.*"decided_time_ms":)\d+', re.DOTALL)


@contextmanager
def streaming(services: LocalServices, decisions: Sequence[bytes], rate: int) -> Iterator[Any]:
    """Publish decisions at a rate until the end; gives a function that says how many a second there were."""
    producer = Producer({"bootstrap.servers": str(services.bootstrap_servers), "linger.ms": 5})
    pieces = [(match.groups(), line[match.end() :]) for line in decisions if (match := _PARTS.search(line))]
    heads = [line[: line.index(b'"decision_id"')] for line in decisions]
    if len(pieces) != len(decisions):
        raise SystemExit("wrong run: decisions have their fields in another order than this benchmark expects")
    ending, count, began_s = threading.Event(), 0, time.monotonic()

    def run() -> None:
        nonlocal count
        each = cycle(zip(heads, pieces, strict=True))
        while not ending.is_set():
            due = int(rate * (time.monotonic() - began_s))
            now = b"%d" % (time.time_ns() // 1_000_000)
            while count < due:
                head, ((to_id, to_setup, to_decided), rest) = next(each)
                value = b"%b%b%032x%b%b%b%b%b" % (head, to_id, count, to_setup, now, to_decided, now, rest)
                producer.produce(CALL_DECISIONS, value, b"sbc-%d" % (count % 12))
                count += 1
            producer.poll(0)
            time.sleep(TICK_S)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield lambda: round(count / (time.monotonic() - began_s))
    finally:
        ending.set()
        thread.join()
        producer.flush(30)
