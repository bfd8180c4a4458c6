"""With what the workers of a history count: the real windows, model and policy, or a list of what was counted.

A rig also knows what the rows of a partition have to be after so many records: those of a run without an interruption.
"""

from functools import cache
from typing import Any, Protocol
from zlib import crc32

from detector.policy.standing import StandingDecisions
from detector.testing import FixedScore
from detector.windows import row_copies
from detector.windows.sweep import SweptRows
from streams.screening.pipeline import Pipeline
from streams.wire.record_columns import records_of
from streams.worker.screen_calls import CallScreening
from tests.detector.windows.rows_of_engine import Rows, differences, rows_in
from tests.histories.calls import Record, short_log
from tests.histories.counting import MEMORY, CountingPipeline
from tests.histories.parts import fail, make_pipeline

PARTITIONS = 2
EVENTS = 16
STEP_BYTES = 1 << 20
SEEDS = (22, 23, 27, 31)


class Rig(Protocol):
    """What differs."""

    @property
    def screening(self) -> type[CallScreening]:
        """What answers polls."""

    def pipeline(self) -> Any:
        """One that has counted nothing."""

    def done_with(self, pipeline: Any) -> None:
        """Nobody uses it any more."""

    def wrong(self, parts: list[SweptRows], log: int, partition: int, offset: int) -> list[str]:
        """What is not as it should be in the rows of a partition after so many records of a log."""


@cache
def log_of(number: int) -> list[Record]:
    """The records of a log; there are as many logs as `SEEDS`."""
    return short_log(EVENTS, partitions=PARTITIONS, seed=SEEDS[number], numbers=6)


def swept(engine: Any) -> list[SweptRows]:
    """All rows of an engine."""
    sweep = engine.sweep()
    parts: list[SweptRows] = []
    while not sweep.is_done:
        parts += sweep.step(STEP_BYTES)
    return parts


class Uncounted(CallScreening):
    """Without metrics, of which the counting pipeline knows nothing."""

    def _count(self, *_: object) -> None:
        """Nobody looks."""


class Counting:
    """A list of what was counted, in its order."""

    screening = Uncounted

    def pipeline(self) -> Any:
        return CountingPipeline()

    def done_with(self, pipeline: Any) -> None:
        """It was cheap."""

    def wrong(self, parts: list[SweptRows], log: int, partition: int, offset: int) -> list[str]:
        expected = [crc32(one.value) for one in log_of(log) if one.partition == partition][:offset]
        found: list[int] = []
        for part in parts:
            mine = part.arrays["state"][:, row_copies.PARTITION_COLUMN] == partition
            found += part.arrays["row"][mine, 0].tolist()
        return [] if found == expected else [f"{len(found)} counted, {len(expected)} expected: {found} {expected}"]


class Windows:
    """The real ones. Pipelines are used again: making one takes longer than a history."""

    screening = CallScreening

    def __init__(self) -> None:
        self._free: list[Pipeline] = []

    def pipeline(self) -> Any:
        return self._free.pop() if self._free else make_pipeline(PARTITIONS, FixedScore(0.12), fail)

    def done_with(self, pipeline: Any) -> None:
        for partition in range(PARTITIONS):
            pipeline.screener.engine.forget_partition(partition)
        pipeline.screener.standing = StandingDecisions(MEMORY)
        self._free.append(Pipeline(pipeline.screener, seed=pipeline._seed, on_failure=fail))

    def wrong(self, parts: list[SweptRows], log: int, partition: int, offset: int) -> list[str]:
        return differences(_rows_after(log, partition, offset), rows_in(parts, partition))


@cache
def _rows_after(log: int, partition: int, offset: int) -> Rows:
    pipeline = make_pipeline(PARTITIONS, FixedScore(0.12), fail)
    records = [one for one in log_of(log) if one.partition == partition][:offset]
    if records:
        pipeline.process(
            records_of(
                [one.value for one in records], [one.partition for one in records], [one.at_ms for one in records]
            ),
            decided_time_ms=0,
        )
    return rows_in(swept(pipeline.screener.engine), partition)
