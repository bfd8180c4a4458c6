"""Cases that wait for an answer, and those whose answer is overdue, as figures for Prometheus.

The topic is read once, and then what came since. What waits is kept, and nothing else of a case.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import structlog
from aiokafka.errors import KafkaError
from prometheus_client import core as prometheus
from prometheus_client.registry import Collector

from streams.kafka.log_reader import LogReader
from streams.kafka.topics import CASE_RECORDS
from streams.metrics import Metric
from streams.running.clock import wall_clock_ms
from streams.settings import Settings
from streams.wire.cases import Case, CaseKind, read_case

LOOK_S = 60.0
MOST_WAITING = 100_000
"""Cases that are kept, some 200 bytes each; what comes beyond is not counted."""
Due = Callable[[Case], int | None]
"""By when a case wants an answer, epoch milliseconds; None of one that waits for none."""

log = structlog.get_logger(__name__)


class WaitingCases(Collector):
    """Follows the topic of cases on an event loop, and gives its figures to a scrape from any thread.

    Args:
        settings: How the brokers are spoken to.
        due_of: By when cases of a kind want an answer; other kinds are not looked at.
        interval_s: Between two looks.
        clock: Epoch milliseconds.
    """

    def __init__(
        self,
        settings: Settings,
        due_of: Mapping[CaseKind, Due],
        *,
        interval_s: float = LOOK_S,
        clock: Callable[[], int] = wall_clock_ms,
    ) -> None:
        # A record that was not committed must never count.
        self._settings = settings.model_copy(update={"kafka_isolation_level": "read_committed"})
        self._due_of = due_of
        self._interval_s = interval_s
        self._clock = clock
        self._reached: dict[int, int] = {}
        self._waiting: dict[bytes, tuple[CaseKind, int]] = {}
        self._is_known = False
        self._complaint = ""

    async def run(self) -> None:
        """Look, wait, and look again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._interval_s)

    async def look(self) -> None:
        """Read what came since the last look. Where Kafka does not answer, what is known stays, and it is said once."""
        try:
            async with LogReader(self._settings, CASE_RECORDS, lambda *_: None) as reader:
                for partition in range(await reader.partitions()):
                    await self._read(reader, partition)
        except (KafkaError, OSError) as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                log.warning("cases that wait cannot be read", cause=self._complaint)
            return
        self._is_known, self._complaint = True, ""

    async def _read(self, reader: LogReader, partition: int) -> None:
        if await reader.end(partition) < self._reached.get(partition, 0):  # the topic was made again
            self._reached.clear()
            self._waiting.clear()
        async for rows in reader.read(partition, self._reached.get(partition, 0), sys.maxsize):
            for key, value in zip(rows.keys(), rows.values(), strict=True):
                self._take(key or b"", value)
            self._reached[partition] = rows.end
            await asyncio.sleep(0)

    def _take(self, key: bytes, value: bytes | None) -> None:
        case = read_case(value)
        due_of = None if case is None else self._due_of.get(case.kind)
        due_ms = None if case is None or due_of is None else due_of(case)
        if case is None or due_ms is None:
            self._waiting.pop(key, None)
        elif key in self._waiting or len(self._waiting) < MOST_WAITING:
            self._waiting[key] = (case.kind, due_ms)

    def collect(self) -> Iterator[prometheus.Metric]:
        """Give all families for a scrape; without figures until the topic was read once."""
        now, known = self._clock(), list(self._waiting.values())
        kinds = self._due_of if self._is_known else {}
        for metric, counts in (
            (Metric.CASES_WAITING, Counter(kind for kind, _ in known)),
            (Metric.CASES_OVERDUE, Counter(kind for kind, due_ms in known if due_ms < now)),
        ):
            yield metric.many({(kind.value,): float(counts[kind]) for kind in kinds})
