"""Seeded batches of calls for an engine of windows."""

import random
from collections.abc import Iterator

from detector.columns.call_columns import CallBatch, build_batch
from detector.contract.events import CallSetup

START_MS = 1_700_000_000_000
PARTITIONS = 4
BATCH = 256


class Traffic:
    """Seeded set-ups: every number once, `hot` of them often."""

    def __init__(self, numbers: int, hot: int, seed: int) -> None:
        """Draw the numbers."""
        self._random = random.Random(seed)
        self._numbers = [f"+1{place}" for place in self._random.sample(range(2_010_000_000, 9_899_999_999), numbers)]
        self._hot = self._numbers[:hot]
        self._now_ms = START_MS

    def past(self) -> Iterator[CallBatch]:
        """One call of every number, five of the busy ones, mixed."""
        callers = self._numbers + 4 * self._hot
        self._random.shuffle(callers)
        for start in range(0, len(callers), 2_048):
            yield self._batch(callers[start : start + 2_048])

    def batch(self) -> CallBatch:
        """The next 256 calls: two of three from busy numbers, the others from any."""
        chosen = [self._random.choice(self._hot if place % 3 else self._numbers) for place in range(BATCH)]
        return self._batch(chosen)

    def _batch(self, callers: list[str]) -> CallBatch:
        self._now_ms += len(callers) // 20
        calls = [
            CallSetup(
                call_id="c",
                setup_time_ms=self._now_ms,
                calling_number=caller,
                called_number=f"+1{self._random.randrange(2_010_000_000, 9_899_999_999)}",
                trunk_group_id=f"trunk-{self._random.randrange(200)}",
                signer_spc=str(self._random.randrange(500)),
            )
            for caller in callers
        ]
        homes = [int(caller) % PARTITIONS for caller in callers]
        return build_batch(calls, [True] * len(calls), homes, seed=1)
