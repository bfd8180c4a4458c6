"""The whole corpus, poured beside good calls from a process of its own: of what how much, and how often."""

import asyncio
import contextlib
import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path

import redis
from confluent_kafka import Producer

from benchmarks.collisions.callers import chosen
from streams.kafka.topics import CALL_EVENTS
from tests.faults.hostile.batches import RawProducer, bombs, dear, empty_records, huge_keys, lies
from tests.faults.hostile.transactions import Transactions
from tests.integration.odd_batches_case import MIB, call
from tests.streams.redis.junk import ODD_SCORES, ODD_TEXTS, OUR_KEYS, put
from tests.streams.wire.malformed import corpus
from tests.waiting import HANG_S

COLLIDING = 1_000
ODD_NUMBERS = (
    "anonymous", "\x1b[2J\x1b[31m+12025550100", "=cmd|'/c calc'!A1", "+1" + "9" * 200, "\u0661\u0662\u0663",
    "tel:+1-202-555-0101;verstat=TN-Validation-Passed", "sip:+12025550101@example.net;user=phone", "911", "988", "",
    "+18888888888", "+1 (202) 555-0101", "\u202e+12025550101", "0" * 16, "+999", "-1", "NaN",
)  # fmt: skip
OPEN_S = 2.0
DAMAGED_SHARE = 0.2
HALF = 0.5

Act = Callable[[], Awaitable[None]]
Strand = tuple[str, float, Act]
"""What it is, seconds between two of it, and what sends it."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is attacked.

    Attributes:
        bootstrap: of the broker.
        data: its folder, for batches that are damaged on its disk.
        redis_url: of the store.
        partitions: of `call-events`.
        held: the partition of all transactions: whoever reads committed records of it waits for their ends.
        seed: of everything that is drawn.
        topic: where the records go.
    """

    bootstrap: str
    data: Path
    redis_url: str
    partitions: int
    held: int
    seed: int
    topic: str = CALL_EVENTS


class Hostile:
    """Pours while it runs.

    Args:
        target: what is attacked.
    """

    def __init__(self, target: Target) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_pour, args=(theirs, target), daemon=True)
        self._process.start()

    def start(self) -> None:
        """Begin; returns once everything is made and the first of it is sent."""
        self._said()

    def stop(self) -> dict[str, int]:
        """End it; how much of each kind there was."""
        with contextlib.suppress(BrokenPipeError):  # it has ended, and said why
            self._pipe.send(None)
        found = self._said()
        self._process.join()
        return dict(found)

    def _said(self) -> dict[str, int]:
        assert self._pipe.poll(HANG_S), "the hostile process says nothing"
        said: dict[str, int] | str = self._pipe.recv()
        assert isinstance(said, dict), said
        return said


def _pour(pipe: Connection, target: Target) -> None:
    try:
        asyncio.run(_Flow(target).run(pipe))
    except Exception as failure:  # noqa: BLE001 - whoever waits is told
        pipe.send(repr(failure))


class _Flow:
    """In the process that pours."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._chance = random.Random(target.seed)
        self._raw = RawProducer(target.bootstrap, target.topic)
        self._plain = Producer(
            {
                "bootstrap.servers": target.bootstrap,
                "partitioner": "murmur2_random",
                "message.max.bytes": 4 * MIB,
                "log_level": 0,
            }
        )
        self._redis = redis.Redis.from_url(target.redis_url)
        self._brief = Transactions(target.bootstrap, target.data, target.topic, 1_000_000 * target.seed)
        self._held = Transactions(target.bootstrap, target.data, target.topic, 1_000_000 * target.seed + 500_000)
        self._sent: Counter[str] = Counter()
        self._stopped = asyncio.Event()

    async def run(self, pipe: Connection) -> None:
        await self._raw.start()
        tasks = [asyncio.create_task(self._strand(*one)) for one in (*self._batches(), *self._others())]
        pipe.send({})
        while not await asyncio.to_thread(pipe.poll, 0.1):
            for failed in (task for task in tasks if task.done()):
                failed.result()
        self._stopped.set()
        await asyncio.gather(*tasks)
        self._plain.flush(HANG_S)
        await self._raw.stop()
        damaged = self._brief.damaged
        pipe.send(dict(self._sent) | {"batches damaged on disk": damaged, "refused by the broker": self._raw.refused})

    def _batches(self) -> Iterator[Strand]:
        """What is sent as it is, into any partition."""
        kinds = {
            "bombs": (4.0, bombs()),
            "huge keys": (2.0, huge_keys()),
            "batches of empty records": (10.0, empty_records()),
            "batches that lie": (0.5, lies(call(1_000))),
        }
        for kind, (every_s, made) in kinds.items():
            yield kind, every_s, partial(self._send_raw, cycle(made))
        yield "batches of calls that are dear to read", 5.0, partial(self._send_raw, dear())

    def _others(self) -> Iterator[Strand]:
        junk, colliding = corpus(1_000_000, self._target.seed), cycle(chosen(COLLIDING))
        yield "junk records", 0.1, self._each(4, lambda: self._produce(next(junk)[1], None))
        yield "calls of colliding numbers", 0.1, self._each(4, lambda: self._call(next(colliding)))
        yield "calls of odd numbers", 0.1, self._each(1, lambda: self._call(self._chance.choice(ODD_NUMBERS)))
        yield "junk in Redis", 0.1, partial(asyncio.to_thread, self._soil_redis)
        yield "transactions, brief", 1.0, partial(asyncio.to_thread, self._transact)
        yield "transactions, open for 2 s", 5.0, partial(asyncio.to_thread, self._hold)

    async def _strand(self, kind: str, every_s: float, act: Act) -> None:
        while not self._stopped.is_set():
            await act()
            self._sent[kind] += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), every_s)

    def _each(self, times: int, act: Callable[[], None]) -> Act:
        async def several() -> None:
            for _ in range(times):
                act()
            self._plain.poll(0)

        return several

    async def _send_raw(self, made: Iterator[bytes]) -> None:
        await self._raw.send(next(made), self._chance.randrange(self._target.partitions))

    def _produce(self, value: bytes, key: bytes | None) -> None:
        self._plain.produce(self._target.topic, value, key)

    def _call(self, calling_number: str) -> None:
        event = json.loads(call(0)) | {"call_id": f"hostile-{time.time_ns()}", "calling_number": calling_number}
        self._produce(json.dumps(event).encode(), calling_number.encode())

    def _soil_redis(self) -> None:
        """Put a value of any type into one of our keys, for a moment."""
        key, texts = self._chance.choice(OUR_KEYS), self._chance.sample(ODD_TEXTS, 3)
        scores = ({text: self._chance.choice(ODD_SCORES) for text in texts},)
        value = self._chance.choice([texts[0], texts, set(texts), dict.fromkeys(texts, texts[0]), scores])
        with contextlib.suppress(redis.ResponseError):  # a worker has put something of another type there meanwhile
            self._redis.delete(key)
            put(self._redis, key, value)

    def _transact(self) -> None:
        """Abort one, commit one, and sometimes damage one."""
        self._brief.send(self._target.held)
        self._brief.send(self._target.held, is_kept=True)
        if self._chance.random() < DAMAGED_SHARE:
            self._brief.send_damaged(self._target.held, self._chance)

    def _hold(self) -> None:
        self._held.send(self._target.held, open_s=OPEN_S, is_kept=self._chance.random() < HALF)
