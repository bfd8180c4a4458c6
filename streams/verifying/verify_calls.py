"""The agent `verify_calls`: from what a poll brought to records on `call-events`, in order, each to its own partition.

A call waits for a certificate for a bounded time and then goes on as `not_checked`; what is no signed set-up goes on as
it came. A poll is acknowledged once all of it is safe at the broker, so what a crash took is verified again: a record
may come twice, and none is lost.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from detector.contract.events import CallSetup
from streams.kafka.fetched import Partition, Poll, Rows
from streams.kafka.publishing.publisher import Delivery
from streams.kafka.publishing.records import Perishable, Record
from streams.kafka.topics import CALL_EVENTS
from streams.running.clock import wall_clock_ms
from streams.running.failures import Failures
from streams.trust.setup_verifier import SetupVerifier
from streams.trust.verifier import MOST_CHARACTERS
from streams.verifying.metrics import OTHER, SIGNED, VerifyMetrics
from streams.verifying.raw_setups import changed, setup_to_change

MOST_RECORDS = 512
LOT_CHARACTERS = MOST_CHARACTERS // 4
"""Records of a lot, and characters of their headers, some 100 signed calls: the event loop has its turn after 10 ms."""


class PublishesTo(Protocol):
    """What verifying needs of `streams.kafka.publishing.publisher.Publisher`."""

    def publish_to(self, topic: str, partition: int, records: list[Record | Perishable], delivery: Delivery) -> None:
        """Queue records of one partition, in order; returns at once, and keeps the list."""
        ...


class Raw(NamedTuple):
    """A record, and what is to be done with it.

    Attributes:
        partition: of the topic that it came from, so of the one that it goes to.
        key: as it came.
        value: as it came.
        arrival_ms: when it came to that topic, epoch milliseconds.
        setup: to be verified, or freed of what only we write; None goes on as it is.
    """

    partition: int
    key: bytes | None
    value: bytes | None
    arrival_ms: int
    setup: CallSetup | None


class CallVerifying:
    """Verifies polls one after the other, on the event loop.

    Args:
        verifier: gives verdicts.
        publisher: takes records.
        metrics: counts.
        failed: takes internal errors.
        wait_ms: longest that a call waits for a certificate, from its arrival.
        clock_ms: epoch milliseconds.
    """

    def __init__(
        self,
        verifier: SetupVerifier,
        publisher: PublishesTo,
        metrics: VerifyMetrics,
        failed: Failures,
        *,
        wait_ms: int,
        clock_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._verifier = verifier
        self._publisher = publisher
        self._metrics = metrics
        self._failed = failed
        self._wait_ms = wait_ms
        self._clock_ms = clock_ms

    async def take(
        self, poll: Poll, acknowledge: Callable[[], object], set_aside: Callable[[], object] | None = None
    ) -> None:
        """Hand on everything in a poll. Called by one task, poll after poll.

        Args:
            poll: what the transport handed over.
            acknowledge: called once, when all records are safe at the broker.
            set_aside: called once at most, before that: what is left waits for partitions that cannot be written to.
        """
        delivery = Delivery(acknowledge, set_aside)
        for lot in lots(poll.parts):
            values = await self._values(lot)
            by_partition = defaultdict[int, list[Record | Perishable]](list)
            for raw, value in zip(lot, values, strict=True):
                by_partition[raw.partition].append((raw.key, value))
            for partition, records in by_partition.items():
                self._publisher.publish_to(CALL_EVENTS, partition, records, delivery)
            signed = sum(raw.setup is not None for raw in lot)
            self._metrics.went_on(SIGNED, signed)
            self._metrics.went_on(OTHER, len(lot) - signed)
            await asyncio.sleep(0)
        poll.screened(None)
        delivery.seal()

    async def _values(self, lot: Sequence[Raw]) -> list[bytes | None]:
        """What goes on in the place of each; all of a lot are verified at a time."""
        now_ms, now_s = self._clock_ms(), asyncio.get_running_loop().time()
        found: list[bytes | None] = [raw.value for raw in lot]
        waiting = [
            self._value(place, raw, now_s + min(max(raw.arrival_ms + self._wait_ms - now_ms, 0), self._wait_ms) / 1e3)
            for place, raw in enumerate(lot)
            if raw.setup is not None
        ]
        for place, value in await asyncio.gather(*waiting):
            found[place] = value
        return found

    async def _value(self, place: int, raw: Raw, until_s: float) -> tuple[int, bytes | None]:
        """What goes on; where we fail it has no verdict, and not what its switch wrote in the place of one."""
        value = raw.value
        if raw.setup is None or value is None:
            return place, value
        try:
            verdict = await self._verifier.verdict(raw.setup, until_s, arrival_ms=raw.arrival_ms)
            return place, changed(value, verdict)
        except Exception as error:  # noqa: BLE001 - whatever it is, the call goes on
            self._failed(error)
        try:
            return place, changed(value, None)
        except Exception as error:  # noqa: BLE001 - as before
            self._failed(error)
            return place, value


def lots(parts: Sequence[tuple[Partition, Rows]]) -> Iterator[list[Raw]]:
    """Cut a poll into lots, each read when it is asked for: so many records, and so much of headers.

    Args:
        parts: each partition with its records, which stay in order.
    """
    lot: list[Raw] = []
    size = 0
    for tp, rows in parts:
        for key, value, arrival_ms in zip(rows.keys(), rows.values(), rows.arrivals_ms().tolist(), strict=True):
            raw = Raw(tp.partition, key, value, arrival_ms, setup_to_change(value))
            more = sum(map(len, (raw.setup and raw.setup.identity) or ()))
            if lot and (len(lot) >= MOST_RECORDS or size + more > LOT_CHARACTERS):
                yield lot
                lot, size = [], 0
            lot.append(raw)
            size += more
    if lot:
        yield lot
