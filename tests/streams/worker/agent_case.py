"""The agent `screen_calls` with a real pipeline; what it talks to is in memory, and the clock stands."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from faust.types import TP

from detector.columns.clocks import ClockTolerance
from detector.columns.hashing import PUBLIC_SEED
from streams.kafka.fetched import Poll, rows_of
from streams.kafka.topics import CALL_EVENTS
from streams.log import NumberDigest
from streams.screening.build import make_screener
from streams.screening.pipeline import Pipeline
from streams.settings import load_settings
from streams.worker.metrics import Metrics
from streams.worker.screen_calls import CallScreening
from tests.streams.worker.fakes import Keeper, Side, Topics

NOW_MS = 1_700_000_000_000


class World:
    """An agent with its surroundings."""

    def __init__(self, model: Path, *, sample: float = 0.0, clock: ClockTolerance | None = None) -> None:
        settings = load_settings(model_dir=model, mode="enforce", web_port=0)
        self.screener = make_screener(settings, shared_trunks=False)
        self.failures: list[Exception] = []
        self.pipeline = Pipeline(self.screener, seed=PUBLIC_SEED, on_failure=self.failures.append, clock=clock)
        self.topics = Topics()
        self.side = Side()
        self.keeper = Keeper()
        self.metrics = Metrics()
        self.screening = CallScreening(
            self.pipeline,
            self.topics,
            self.side,
            self.keeper,
            self.metrics,
            NumberDigest("key of the test"),
            max_batch_events=64,
            scored_sample_ratio=sample,
            deadline_ms=2_000,
            shed_after_ms=500,
            processed=self._note_position,
            partitions=lambda: self.partitions,
            clock_ms=lambda: self.now_ms,
        )
        self.now_ms = NOW_MS
        self.partitions = 1
        self.acknowledged = 0
        self.positions: list[tuple[int, int]] = []
        self.published_at: list[int] = []

    def screen(self, values: Sequence[bytes | None], waited_ms: Callable[[int], int] = lambda _: 2) -> None:
        records: dict[TP, list[tuple[int, int, bytes | None, bytes | None]]] = {}
        for index, value in enumerate(values):
            record = (index, NOW_MS - waited_ms(index), _key(value), value)
            records.setdefault(TP(CALL_EVENTS, index % 3), []).append(record)
        parts = [(tp, rows_of(some)) for tp, some in sorted(records.items())]
        asyncio.run(self.screening.screen(Poll(1, parts), self._acknowledge))

    def figure(self, name: str) -> float:
        """A metric by its name and labels."""
        lines = self.metrics.exposition().decode().splitlines()
        return float(next(line for line in lines if line.startswith(name + " ")).split()[-1])

    def _note_position(self, partition: int, next_offset: int) -> None:
        self.positions.append((partition, next_offset))
        self.published_at.append(len(self.topics.decisions()))

    def _acknowledge(self) -> None:
        self.acknowledged += 1


def _key(value: bytes | None) -> bytes | None:
    try:
        return str(json.loads(value or b"")["calling_number"]).encode()
    except (ValueError, KeyError, TypeError):
        return b"original"
