"""Spans of made-up calls: campaigns and lawful callers whose features tell them apart a little, or not at all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.adapt.calls import Calls
from models.adapt.rows import Rows

HOUR_MS = 3_600_000
NAMES = ("one", "two", "three", "four")


def calls_of(
    number: list[int],
    *,
    margins: list[float] | None = None,
    called: list[int] | None = None,
    talks: list[tuple[int, int]] | None = None,
) -> Calls:
    """A call a second; the other keys are none."""
    n = len(number)
    nothing = np.zeros(n, np.int64)
    return Calls(
        rows=Rows(1),
        margins=np.zeros(n) if margins is None else np.array(margins, np.float64),
        grouped=np.zeros(n),
        at_ms=np.arange(n) * 1_000,
        call=np.arange(n) + 1,
        number=np.array(number, np.int64),
        called=nothing + 99 if called is None else np.array(called, np.int64),
        origin=nothing,
        block=nothing,
        windows_s=np.zeros(n, np.float32),
        is_number=np.array(number) != 0,
        talks=np.array(talks or [], np.int64).reshape(-1, 2),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A span and what its calls were."""

    calls: Calls
    is_robocall: NDArray[np.bool_]

    @property
    def kinds(self) -> NDArray[np.str_]:
        """Kind of caller of each call."""
        return np.where(self.is_robocall, "flood", "person")


def made(seed: int, n: int = 24_000, *, sees: float = 0.8) -> Made:
    """Nine hours of calls, 6 % of campaigns of twenty calls each; the base sees one feature, trees see all four.

    A tenth of the lawful calls are between pairs that call back and talk.

    Args:
        seed: Of everything.
        n: Calls.
        sees: How far the margins of the base tell campaigns from lawful calls.
    """
    random = np.random.default_rng(seed)
    at_ms = np.sort(random.integers(0, 9 * HOUR_MS, n))
    is_robocall = random.random(n) < 0.06
    campaign = (at_ms // (HOUR_MS // 4)) * 10 + random.integers(0, 10, n)
    person = random.integers(0, 6_000, n)
    number = np.where(is_robocall, 1_000_000 + campaign, 10_000 + person)
    called = random.integers(20_000, 30_000, n)
    is_pair = ~is_robocall & (person % 10 == 0)
    called[is_pair] = 10_000 + (person[is_pair] ^ 1)
    pairs = 10_000 + np.arange(0, 6_000, 10)
    rows = random.normal(0.0, 1.0, (n, 4)).astype(np.float32)
    rows[is_robocall] += np.array([sees, 2.0, 2.0, 0.0], np.float32)
    kept = Rows(4)
    kept.add(rows)
    margins = 2.0 * rows[:, 0].astype(np.float64) - 4.0
    calls = Calls(
        rows=kept,
        margins=margins,
        grouped=margins,
        at_ms=at_ms,
        call=np.arange(n) + 1,
        number=number,
        called=called,
        origin=np.where(is_robocall, 7 + campaign % 60, 70 + person % 40),
        block=number // 2 + 1,
        windows_s=np.full(n, 4 * 3_600, np.float32),
        is_number=np.ones(n, np.bool_),
        talks=np.concatenate([np.column_stack([pairs, pairs ^ 1]), np.column_stack([pairs ^ 1, pairs])]),
    )
    return Made(calls, is_robocall)
