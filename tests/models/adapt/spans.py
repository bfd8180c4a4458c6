"""Spans of made-up calls, and what is said of them: complaints, an analyst's answers, what is learnt from.

Features tell campaigns and lawful callers apart a little, or not at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.adapt.adapting import is_learnt_from
from models.adapt.calls import Calls, Mask, lawful_in
from models.adapt.labels import labels_of
from models.adapt.rounds import Material
from models.adapt.rows import Rows
from models.traffic.truth import UNKNOWN_KIND, Truth

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


def complaints(span: Made, share: float, wrong: float = 0.0, *, where: Mask | None = None) -> dict[int, Truth]:
    """Labels on a share of the robocalls, and on that share of as many lawful calls times `wrong`."""
    random = np.random.default_rng(4)
    may = np.ones(len(span.calls), np.bool_) if where is None else where
    right = may & span.is_robocall & (random.random(len(may)) < share)
    false = may & ~span.is_robocall & (random.random(len(may)) < share * wrong * 0.06)
    return {
        int(key): Truth(True, "", UNKNOWN_KIND, "subscriber_report", 0.4)
        for key in span.calls.call[right | false].tolist()
    }


def looked_at(span: Made, where: Mask, robocallers: int, lawful: int = 0) -> dict[int, Truth]:
    """An analyst's answers about so many callers of either kind, those of the lowest origins: a block is one caller."""
    found: dict[int, Truth] = {}
    for is_robocall, most in ((True, robocallers), (False, lawful)):
        its = np.flatnonzero(where & (span.is_robocall == is_robocall))
        its = its[np.argsort(span.calls.origin[its], kind="stable")]
        blocks = list(dict.fromkeys(span.calls.block[its].tolist()))[:most]
        calls = span.calls.call[its[np.isin(span.calls.block[its], blocks)]].tolist()
        found |= dict.fromkeys(calls, Truth(is_robocall, "", UNKNOWN_KIND, "analyst", 0.9))
    return found


def early(span: Made) -> Mask:
    """Calls that trees are fitted to."""
    return material_of(span, {}).is_early


def few(span: Made) -> Mask:
    """Of what trees are fitted to the calls of one number in ten, and all others: too few are accused to presume."""
    found: Mask = ~early(span) | (span.calls.number % 10 == 0)
    return found


def taught(span: Made, said: dict[int, Truth]) -> dict[int, Truth]:
    """The same with an analyst's answers about twenty callers, in what trees are fitted to."""
    return said | looked_at(span, early(span), 20)


def material_of(span: Made, said: dict[int, Truth], registered: Iterable[int] = ()) -> Material:
    lawful = lawful_in(span.calls, np.array([*registered], np.int64))
    labels = labels_of(span.calls, lawful, said)
    return Material(span.calls, labels, lawful, is_learnt_from(span.calls), NAMES, 1)
