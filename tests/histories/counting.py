"""A pipeline that counts records and says of a call what was counted before it: windows as cheap as they can be.

For histories by the million, where the real ones take most of the time. It loses nothing that durability could get
wrong: what was counted is the very list of offsets, and a decision says which they were.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import numpy as np

from detector.policy.standing import StandingDecisions
from detector.windows.memories import Kept
from detector.windows.row_copies import LATEST_MS_COLUMN, PARTITION_COLUMN, STATE_COLUMNS
from detector.windows.sweep import SweptRows
from streams.screening.bulk_allows import Slices
from streams.screening.repeats import Remembered
from streams.wire.record_columns import Records

MEMORY = 100
"""Entries of the policy's memory; room for more takes longer to make."""


class CountingSweep:
    """A copy of what was counted, handed out partition by partition."""

    names: dict[int, str] = {}  # noqa: RUF012 - nobody changes it

    def __init__(self, counted: dict[int, list[int]]) -> None:
        self._left = [(p, list(marks)) for p, marks in counted.items() if marks]

    @property
    def is_done(self) -> bool:
        return not self._left

    def step(self, size: int) -> list[SweptRows]:
        del size
        if not self._left:
            return []
        partition, marks = self._left.pop()
        state = np.zeros((len(marks), STATE_COLUMNS), np.int64)
        state[:, PARTITION_COLUMN] = partition
        state[:, LATEST_MS_COLUMN] = np.arange(len(marks))
        return [SweptRows("counted", {"state": state, "row": np.array(marks, np.int64).reshape(-1, 1)})]

    def abandon(self) -> None:
        self._left.clear()


class CountingEngine:
    """What was counted of each partition, in order: a mark of each record."""

    layout = "counting"
    settings = SimpleNamespace(seed=1)
    kept = Kept()

    def __init__(self) -> None:
        self.counted: dict[int, list[int]] = defaultdict(list)

    def sweep(self) -> CountingSweep:
        return CountingSweep(self.counted)

    def load(self, partition: int, parts: Iterable[SweptRows], names: object, of: Kept) -> Iterator[int]:
        del names, of
        for part in parts:
            self.counted[partition] += part.arrays["row"][:, 0].tolist()
            yield 0

    def forget_slowly(self, partition: int) -> Iterator[None]:
        kept = self.counted[partition]
        while kept:
            del kept[-2:]
            yield


class NoRepeats:
    """Remembers no answers: no record of a history comes twice."""

    def forget(self, partition: int) -> None:
        """There is nothing."""

    def restore(self, partition: int, remembered: Remembered) -> None:
        """There was nothing."""

    def copy(self, partition: int) -> Remembered:
        del partition
        return Remembered.nothing()


class CountingPipeline:
    """Stands for `streams.screening.pipeline.Pipeline`."""

    def __init__(self) -> None:
        self.engine = CountingEngine()
        self.repeats = NoRepeats()
        self.screener = SimpleNamespace(engine=self.engine, standing=StandingDecisions(MEMORY))

    def catch_up(self, records: Records) -> None:
        self._count(records)

    warm_up = catch_up

    def process(self, records: Records, **_: object) -> Any:
        """Answer set-ups with what was counted before and with them."""
        keys, decisions = [], []
        for value, seen in self._count(records):
            if not value.startswith(b'{"type": "call_setup"'):
                continue
            call_id = json.loads(value)["call_id"]
            said = {
                "call_id": call_id,
                "decision_id": f"d-{call_id}",
                "action": "allow",
                "score": seen,
                "decided_by": "model",
            }
            keys.append(call_id.encode())
            decisions.append(json.dumps(said).encode())
        answers = SimpleNamespace(keys=_slices(keys), decisions=_slices(decisions), late={})
        screening = SimpleNamespace(entity_changes=(), decided={}, features=(), calls=())
        return SimpleNamespace(answers=answers, screening=screening, unusable=list)

    def _count(self, records: Records) -> Iterator[tuple[bytes, int]]:
        found = []
        for position, partition in enumerate(records.partitions.tolist()):
            value, marks = records.value(position) or b"", self.engine.counted[partition]
            marks.append(crc32(value))
            found.append((value, crc32(repr(marks).encode())))
        return iter(found)


def _slices(parts: list[bytes]) -> Slices:
    return Slices(b"", np.zeros((len(parts), 2), np.int64), dict(enumerate(parts)))
