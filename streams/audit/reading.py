"""Reads the topics of an audit, slice by slice of time: no more than some minutes of calls are held at a time."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

from streams.audit.ledger import Ledger
from streams.kafka.fetched import Rows
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, DEAD_LETTERS
from streams.settings import Settings

SLICE_MS = 300_000
REMEMBERED_MS = 900_000
"""A repeat that comes later than this after its call is taken for a decision on no call."""


class Slices:
    """Reads one topic on and on, each time up to an instant.

    Args:
        reader: of the topic.
        partitions: that it has.
    """

    def __init__(self, reader: LogReader, partitions: int) -> None:
        self._reader = reader
        self._next = dict.fromkeys(range(partitions), 0)

    async def begin(self, since_ms: int) -> None:
        """Go to the first record at or after an instant, of each partition."""
        for partition in self._next:
            found = await self._reader.offset_at(partition, since_ms)
            self._next[partition] = sys.maxsize if found is None else found

    async def until(self, stop_ms: int | None) -> AsyncIterator[tuple[int, Rows]]:
        """Partition and records, up to an instant; to the end of the topic where there is none."""
        for partition, start in self._next.items():
            at = None if stop_ms is None else await self._reader.offset_at(partition, stop_ms)
            stop = sys.maxsize if at is None else at
            if start >= stop:
                continue
            async for rows in self._reader.read(partition, start, stop):
                yield partition, rows
                self._next[partition] = rows.end


async def audit(
    settings: Settings,
    partitions: dict[str, int],
    ledger: Ledger,
    since_ms: int,
    until_ms: int,
    told: Callable[[int], object],
) -> None:
    """Read everything since an instant and note it; calls that came before `until_ms` must have their decision.

    Args:
        settings: how the brokers are spoken to.
        partitions: how many each of the three topics has.
        ledger: takes it all; judged at the end.
        since_ms: from when on, epoch milliseconds.
        until_ms: what came later may still wait for its decision.
        told: of the instant up to which all is read, again and again.

    Raises:
        aiokafka.errors.KafkaError: a broker refuses, or gives nothing for some seconds.
    """

    def unreadable(tp: Any, _: object) -> None:
        ledger.counts["unreadable"] += tp.topic == CALL_EVENTS

    async with AsyncExitStack() as stack:
        topics = {}
        for topic, number in partitions.items():
            reader = await stack.enter_async_context(LogReader(settings, topic, unreadable))
            topics[topic] = Slices(reader, number)
            await topics[topic].begin(since_ms - (REMEMBERED_MS if topic == CALL_EVENTS else 0))
        for stop_ms in range(since_ms + SLICE_MS, until_ms, SLICE_MS):
            await _note(topics, ledger, stop_ms, since_ms, until_ms)
            ledger.forget(stop_ms - REMEMBERED_MS)
            told(stop_ms)
        await _note(topics, ledger, None, since_ms, until_ms)
        # Calls that came meanwhile: their decisions were read, perhaps.
        await _note_events(topics[CALL_EVENTS], ledger, None, since_ms, until_ms)
    ledger.conclude()


async def _note(topics: dict[str, Slices], ledger: Ledger, stop_ms: int | None, since_ms: int, until_ms: int) -> None:
    """Note what was asked up to an instant, then what was answered."""
    await _note_events(topics[CALL_EVENTS], ledger, stop_ms, since_ms, until_ms)
    for topic, take in ((DEAD_LETTERS, ledger.letter), (CALL_DECISIONS, ledger.decision)):
        async for _, rows in topics[topic].until(stop_ms):
            for value in rows.values():
                take(value)


async def _note_events(events: Slices, ledger: Ledger, stop_ms: int | None, since_ms: int, until_ms: int) -> None:
    async for partition, rows in events.until(stop_ms):
        arrivals_ms = rows.arrivals_ms().tolist()
        for offset, value, came_ms in zip(rows.offsets(), rows.values(), arrivals_ms, strict=True):
            ledger.event(partition, offset, value, came_ms, is_judged=since_ms <= came_ms < until_ms)
