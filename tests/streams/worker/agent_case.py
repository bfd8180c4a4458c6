"""The agent `screen_calls` with a real pipeline; what it talks to is in memory, and the clock stands."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from faust.types import TP

from detector.columns.clocks import ClockTolerance
from detector.columns.hashing import PUBLIC_SEED
from streams.kafka.fetched import Poll, rows_of
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.log import NumberDigest
from streams.screening.build import make_screener
from streams.screening.pipeline import Pipeline
from streams.settings import load_settings
from streams.tracing.tracer import CallTracer
from streams.worker.metrics import Metrics
from streams.worker.screen_calls import CallScreening
from streams.worker.traces import CallTraces, TimedPipeline
from tests.streams.worker.fakes import Keeper, Side, Topics

NOW_MS = 1_700_000_000_000


class World:
    """An agent with its surroundings."""

    def __init__(
        self,
        model: Path,
        *,
        sample: float = 0.0,
        clock: ClockTolerance | None = None,
        max_batch_events: int = 64,
        tracer: CallTracer | None = None,
    ) -> None:
        settings = load_settings(
            model_dir=model, mode="enforce", enforce_unmeasured="a test: nothing is measured", web_port=0
        )
        self.screener = make_screener(settings, shared_trunks=False)
        self.failures: list[Exception] = []
        kind = Pipeline if tracer is None else TimedPipeline
        self.pipeline = kind(self.screener, seed=PUBLIC_SEED, on_failure=self.failures.append, clock=clock)
        traces = CallTraces(tracer, self.pipeline) if tracer and isinstance(self.pipeline, TimedPipeline) else None
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
            max_batch_events=max_batch_events,
            scored_sample_ratio=sample,
            deadline_ms=2_000,
            shed_after_ms=500,
            processed=self._note_position,
            partitions=lambda: self.partitions,
            traces=traces,
            clock_ms=lambda: self.now_ms,
        )
        self.now_ms = NOW_MS
        self.partitions = 1
        self.acknowledged = 0
        self.longest_hold_s = 0.0
        self.positions: list[tuple[int, int]] = []
        self.published_at: list[int] = []

    def screen(self, values: Sequence[bytes | None], waited_ms: Callable[[int], int] = lambda _: 2) -> None:
        records: dict[TP, list[tuple[int, int, bytes | None, bytes | None]]] = {}
        for index, value in enumerate(values):
            record = (index, NOW_MS - waited_ms(index), _key(value), value)
            records.setdefault(TP(CALL_EVENTS, index % 3), []).append(record)
        parts = [(tp, rows_of(some)) for tp, some in sorted(records.items())]
        asyncio.run(self._screen(Poll(1, parts)))

    async def _screen(self, poll: Poll) -> None:
        """Screen a poll, and look how much CPU passes between two turns of the event loop."""
        screening = asyncio.create_task(self.screening.screen(poll, self._acknowledge))
        while not screening.done():
            begun_s = time.thread_time()
            await asyncio.sleep(0)
            self.longest_hold_s = max(self.longest_hold_s, time.thread_time() - begun_s)
        screening.result()

    def figure(self, name: str) -> float:
        """A metric by its name and labels."""
        lines = self.metrics.exposition().decode().splitlines()
        return float(next(line for line in lines if line.startswith(name + " ")).split()[-1])

    def _note_position(self, partition: int, next_offset: int) -> None:
        self.positions.append((partition, next_offset))
        self.published_at.append(len(self.topics.records.get(CALL_DECISIONS, [])))

    def _acknowledge(self) -> None:
        self.acknowledged += 1


class _Keyed(msgspec.Struct):
    calling_number: str


def _key(value: bytes | None) -> bytes:
    try:
        return msgspec.json.decode(value or b"", type=_Keyed).calling_number.encode()
    except (msgspec.MsgspecError, ValueError):
        return b"original"
