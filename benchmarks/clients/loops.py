"""Two programs that publish each record again unchanged: one on our transport, one on librdkafka.

    python -m benchmarks.clients.loops {transport,confluent} BOOTSTRAP_SERVERS SOURCE SINK RECORDS

Both run on one uvloop event loop, take records poll by poll and publish with acks=all under the key of a switch. Every
half second they commit what is safe. They stop at SIGTERM. Once RECORDS records are safe they print the processor time
since the first one, in seconds. The librdkafka program has only as much of a consumer group as timing needs. It does
not wait for records in flight when partitions leave, knows no late forms and retries nothing itself.
"""

import asyncio
import json
import os
import signal
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

import uvloop
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from streams.kafka.client import client_settings
from streams.kafka.faust_app import make_faust_app
from streams.kafka.fetch.turns import take
from streams.kafka.publishing.publisher import Delivery, Publisher
from streams.running.services import SWITCH_INTERVAL_S, Ending, new_event_loop, run
from streams.settings import load_settings

SLICE = 2_048
MOST = 4_096
COMMIT_S = 0.5
WAIT_S = 0.1


SWITCHES = [b"switch-%d" % number for number in range(40)]


def switch_of(key: Any) -> bytes:
    """Key to publish with: as with decisions, few switches send most calls."""
    last: int = key[-1]
    return SWITCHES[last % len(SWITCHES)]


class Meter:
    """Processor time from the first record until all are safe."""

    def __init__(self, records: int) -> None:
        self._left = records
        self._began_s: float | None = None

    def begin(self) -> None:
        """Note that the first records are there."""
        if self._began_s is None:
            self._began_s = time.process_time()

    def safe(self, records: int) -> None:
        """Note that so many more are safe."""
        was_left, self._left = self._left, self._left - records
        if was_left > 0 >= self._left and self._began_s is not None:
            print(json.dumps({"cpu_s": time.process_time() - self._began_s}), flush=True)


def run_transport(source: str, sink: str, meter: Meter) -> int:
    """Faust, our transport over aiokafka, our publisher."""
    settings = load_settings()
    loop, ending = new_event_loop(), Ending()
    publisher = Publisher({**client_settings(settings), "acks": "all"}, [sink], ending.fail)
    app, topic = make_faust_app(settings, poll_topic=source)

    async def copy(stream: Any) -> None:
        async for event in stream.noack().events():
            meter.begin()
            poll = event.value
            delivery = Delivery(_both(event.ack, meter, sum(len(rows) for _, rows in poll.parts)))
            parts, rest = take(poll.parts, SLICE, share=False)
            while parts:
                both = [pair for _, rows in parts for pair in zip(rows.keys(), rows.values(), strict=True)]
                records: Any = [(switch_of(key), value) for key, value in both]
                publisher.publish(sink, records, delivery)
                await asyncio.sleep(0)
                parts, rest = take(rest, SLICE, share=False)
            poll.screened(None)
            delivery.seal()

    app.agent(topic, name="copy")(copy)
    return run(app, [publisher], ending, loop)


def _both(acknowledge: Callable[[], object], meter: Meter, records: int) -> Callable[[], None]:
    def done() -> None:
        acknowledge()
        meter.safe(records)

    return done


class ConfluentLoop:
    """A consumer in a thread of its own, a producer whose reports come in another, and the event loop between them."""

    def __init__(self, servers: str, source: str, sink: str, meter: Meter) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": f"clients-{uuid.uuid4()}",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "linger.ms": 0,
                "acks": "all",
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        self._source, self._sink, self._meter = source, sink, meter
        self._polls: deque[list[Message]] = deque()
        self._there = asyncio.Event()
        self._ended = threading.Event()
        self._room = threading.Semaphore(4)
        self._safe: dict[int, int] = {}
        self._committed_s = time.monotonic()
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Copy until SIGTERM."""
        self._loop.add_signal_handler(signal.SIGTERM, self._end)
        self._consumer.subscribe([self._source])
        threads = [threading.Thread(target=target) for target in (self._consume, self._report)]
        for thread in threads:
            thread.start()
        while not self._ended.is_set():
            await self._there.wait()
            self._there.clear()
            while self._polls:
                self._meter.begin()
                await self._copy(self._polls.popleft())
        for thread in threads:
            thread.join()
        self._producer.flush(10)
        self._consumer.close()

    def _end(self) -> None:
        self._ended.set()
        self._there.set()

    def _consume(self) -> None:
        while not self._ended.is_set():
            self._commit()
            first = self._consumer.poll(WAIT_S)
            if first is None:
                continue
            # `consume(n, timeout)` would wait for n records.
            found = [one for one in (first, *self._consumer.consume(MOST - 1, 0)) if not one.error()]
            if found:
                while not self._room.acquire(timeout=WAIT_S) and not self._ended.is_set():
                    continue
                self._loop.call_soon_threadsafe(self._arrived, found)

    def _arrived(self, found: list[Message]) -> None:
        self._polls.append(found)
        self._there.set()

    def _report(self) -> None:
        while not self._ended.is_set():
            self._producer.poll(WAIT_S)

    async def _copy(self, found: list[Message]) -> None:
        left = [len(found)]
        ends = {message.partition() or 0: (message.offset() or 0) + 1 for message in found}

        def delivered(error: object, _: Message) -> None:  # in the thread of `_report`
            if error is not None:
                os._exit(1)
            left[0] -= 1
            if not left[0]:
                self._loop.call_soon_threadsafe(self._all_safe, ends, len(found))

        produce, sink = self._producer.produce, self._sink
        for start in range(0, len(found), SLICE):
            for message in found[start : start + SLICE]:
                produce(sink, message.value(), switch_of(message.key()), on_delivery=delivered)
            await asyncio.sleep(0)

    def _all_safe(self, ends: dict[int, int], records: int) -> None:
        self._room.release()
        self._safe |= ends
        self._meter.safe(records)

    def _commit(self) -> None:
        """In the consumer's own thread: beside a poll of another it blocks the event loop."""
        if time.monotonic() - self._committed_s < COMMIT_S:
            return
        self._committed_s = time.monotonic()
        ends, self._safe = self._safe, {}
        if ends:
            places = [TopicPartition(self._source, partition, offset) for partition, offset in ends.items()]
            self._consumer.commit(offsets=places, asynchronous=True)


async def _run_confluent(servers: str, source: str, sink: str, meter: Meter) -> None:
    await ConfluentLoop(servers, source, sink, meter).run()


def main() -> None:
    """Run one of the two."""
    kind, servers, source, sink, records = sys.argv[1:6]
    meter = Meter(int(records))
    if kind == "transport":
        sys.exit(run_transport(source, sink, meter))
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    uvloop.run(_run_confluent(servers, source, sink, meter))


if __name__ == "__main__":
    main()
