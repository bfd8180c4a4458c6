"""The calls of the demo: some history, so that windows are as full as a running worker's; then live.

History goes as fast as the worker decides it, for a call that waits too long passes unjudged.
Live calls are generated for the instant at which they are sent, so `setup_time_ms` is the intended instant. It knows no
decision: it is told how many events the worker has before it.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator

import msgspec
from aiokafka import AIOKafkaProducer

from models.traffic.first.generate import generate
from models.traffic.first.slices import TrafficSlice
from models.traffic.first.spec import TrafficSpec
from models.traffic.span import HOUR_MS
from streams.commands.demo.dips import DippedCalls
from streams.commands.demo.pace import Pace
from streams.commands.demo.view import Sent
from streams.kafka.partitioner import partitions_of
from streams.kafka.topics import CALL_EVENTS
from streams.running.clock import wall_clock_ms
from streams.running.progress import Say

BATCH_BYTES = 256 * 1024
SLICE_MS = 500
LEAD_MS = 1_500
SPARE_HOURS = 4.0
"""So long after the live part the span ends: no campaign that calls in it is squeezed into what would be left of the
span. The last that are planned with it begin within an hour, and the longest take three. Nothing of it is drawn before
it is due."""
SETTLE_S = 30.0
"""The worker is waited for as long as it decides something within so long."""
LOOK_S = 0.1
AT_ONCE = 1_000
"""Events of the history; a slice of it may have far more."""
SETUP = b'"type":"call_setup"'


class _Key(msgspec.Struct):
    calling_number: str


_KEYS = msgspec.json.Decoder(_Key)


async def publish(producer: AIOKafkaProducer, line: bytes) -> None:
    """Hand an event to the producer, keyed by its calling number; waits where there is no room.

    Args:
        producer: Started.
        line: JSON, of `call-events`.
    """
    await producer.send(CALL_EVENTS, value=line, key=_KEYS.decode(line).calling_number.encode())


def demo_spec(live_ms: int, *, rate: float, seed: int, history_hours: float, seconds: float) -> TrafficSpec:
    """Describe the demo's calls: those of some hours before an instant, and those that come live after it.

    Args:
        live_ms: That instant, epoch milliseconds UTC.
        rate: Calls per second.
        seed: Of the traffic.
        history_hours: So long before it the first call comes.
        seconds: Of the live part.
    """
    return TrafficSpec(
        start_ms=live_ms - round(history_hours * HOUR_MS),
        hours=history_hours + seconds * 1e3 / HOUR_MS + SPARE_HOURS,
        history_hours=history_hours,
        seed=seed,
        calls_per_second=rate * 0.92,
        rhythm=False,
        warm=True,
        slice_ms=SLICE_MS,
    )


class CallTraffic:
    """Sends one span of generated traffic that began some hours ago. Used on the event loop.

    Args:
        producer: Started; with `max_batch_size` of `BATCH_BYTES`.
        partitions: Number of partitions that `call-events` has.
        dipped: Handles live events; None = they are published as they are.
        rate: Calls per second.
        seed: Of the traffic.
        history_hours: So long ago it began.
        seconds: Of the live part.
        sent: Kept up to date.
        behind: Asks how many events the worker has still to decide.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        partitions: int,
        dipped: DippedCalls | None = None,
        *,
        rate: float,
        seed: int,
        history_hours: float,
        seconds: float,
        sent: Sent,
        behind: Callable[[], Awaitable[int]],
    ) -> None:
        self._producer = producer
        self._partitions = partitions
        self._dipped = dipped
        self._seconds = seconds
        self._spec = demo_spec(wall_clock_ms(), rate=rate, seed=seed, history_hours=history_hours, seconds=seconds)
        self._slices: Iterator[TrafficSlice] | None = None
        self._sent = sent
        self._behind = behind

    async def play_history(self, say: Say) -> None:
        """Send everything up to now, as fast as the worker decides it; return once that is done, as far as it gets on.

        Args:
            say: Told how far it is.
        """
        start_ms, events, pace = self._spec.start_ms, 0, Pace(time.monotonic())
        while (part := await self._next()) is not None:
            lines, until_ms = await asyncio.to_thread(_lines_of, part), start_ms
            if lines:
                until_ms = int(part.times_ms()[-1])
                await self._send_paced(lines, pace)
                self._sent.history += sum(SETUP in line for line in lines)
                events += len(lines)
                say(f"{events:,} events", until_ms - start_ms, wall_clock_ms() - start_ms)
            if until_ms >= wall_clock_ms() - SLICE_MS:
                break

        def is_done(behind: int) -> bool:
            say(f"{behind:,} events to be decided")
            return not behind

        await self._decided(is_done)

    async def _send_paced(self, lines: list[bytes], pace: Pace) -> None:
        def is_enough(behind: int) -> bool:
            pace.looked(behind, time.monotonic())
            return pace.may_send

        for first in range(0, len(lines), AT_ONCE):
            if not pace.may_send and not await self._decided(is_enough):
                pace.give_up()
            part = lines[first : first + AT_ONCE]
            await self._send_at_once(part)
            pace.sent(len(part))

    async def _decided(self, is_enough: Callable[[int], bool]) -> bool:
        """Look how many events are to be decided until it is few enough; False where the worker gets on no more."""
        await self._producer.flush()
        least, since_s = math.inf, time.monotonic()
        while not is_enough(behind := await self._behind()):
            if behind < least:
                least, since_s = behind, time.monotonic()
            elif time.monotonic() > since_s + SETTLE_S:
                return False
            await asyncio.sleep(LOOK_S)
        return True

    async def play_live(self) -> None:
        """Send each event when it is due, for the seconds of the live part; what was due meanwhile goes first."""
        live_ms = wall_clock_ms() + LEAD_MS
        end_ms = live_ms + self._seconds * 1e3
        following = asyncio.create_task(self._next())
        while (part := await following) is not None:
            following = asyncio.create_task(self._next())  # drawn while this one is sent
            if not await self._send_when_due(part, live_ms, end_ms):
                break
        await following
        if self._dipped is not None:
            await self._dipped.settle()

    async def _next(self) -> TrafficSlice | None:
        if self._slices is None:
            self._slices = await asyncio.to_thread(lambda: iter(generate(self._spec)))
        return await asyncio.to_thread(next, self._slices, None)

    async def _send_at_once(self, lines: list[bytes]) -> None:
        """In batches by partition: one by one would take minutes."""
        keys = [_KEYS.decode(line).calling_number.encode() for line in lines]
        by_partition: dict[int, list[tuple[bytes, bytes]]] = {}
        for key, line, partition in zip(keys, lines, partitions_of(keys, self._partitions), strict=True):
            by_partition.setdefault(partition, []).append((key, line))
        for partition, records in by_partition.items():
            batch = self._producer.create_batch()
            for key, line in records:
                if batch.append(key=key, value=line, timestamp=None) is None:  # it is full
                    await self._producer.send_batch(batch, CALL_EVENTS, partition=partition)
                    batch = self._producer.create_batch()
                    batch.append(key=key, value=line, timestamp=None)
            await self._producer.send_batch(batch, CALL_EVENTS, partition=partition)

    async def _send_when_due(self, part: TrafficSlice, live_ms: float, end_ms: float) -> bool:
        """Send a slice; False where the live part ends in it."""
        truths = iter(part.truths())
        for line, due_ms in zip(_lines_of(part), part.times_ms().tolist(), strict=True):
            truth = next(truths) if SETUP in line else None
            if due_ms >= end_ms:
                return False
            if (wait_s := due_ms / 1e3 - time.time()) > 0:
                await asyncio.sleep(wait_s)
            if due_ms >= live_ms:
                self._sent.live.append(line)
                if truth is not None:
                    self._sent.truths[truth.call_id] = truth
                    self._sent.due_ms[truth.call_id] = due_ms
                    self._sent.calls += 1
            if self._dipped is None or due_ms < live_ms:
                await publish(self._producer, line)
            else:
                self._dipped.take(line, is_setup=truth is not None)
                await asyncio.sleep(0)  # answers are read, also where this is behind
        return True


def _lines_of(part: TrafficSlice) -> list[bytes]:
    return [line.encode() for line in part.json_lines()]
