"""Runs that are compared take turns, A B A B, until the interval of their ratio is narrow.

A machine has slow hours and quick ones: a run by itself says little, two runs side by side say more. Each turn gives
the ratio of two runs that followed each other, and the ratio that counts is the median over the turns. Its interval
holds the true median with 95 %, however runs are spread (order statistics). This module does not know what is run or
measured.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TypeVar

from scipy.stats import quantile_test

CONFIDENCE = 0.95
FEWEST = 6
"""With fewer turns no two of their ratios enclose the median with 95 %."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ratio:
    """How often one cost is the other.

    Attributes:
        ratio: median over the turns.
        low: lower end of its interval; with fewer than `FEWEST` turns the smallest ratio seen.
        high: upper end, or the greatest.
        turns: how many there were.
    """

    ratio: float
    low: float
    high: float
    turns: int

    @property
    def spread(self) -> float:
        """Half of the interval, as a share of the ratio."""
        return (self.high - self.low) / 2 / self.ratio

    def is_within(self, spread: float) -> bool:
        """Whether the interval is known and as narrow as that."""
        return self.turns >= FEWEST and self.spread <= spread

    def as_json(self) -> dict[str, float]:
        """For a result: `ratio`, `low`, `high`, `turns`."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop.

    Attributes:
        within: half of the interval, as a share of the ratio, at which it is narrow.
        most: turns after which it stays as wide as it is.
    """

    within: float
    most: int


def add_limits(parser: argparse.ArgumentParser, *, within: float = 0.02, most: int = 30) -> None:
    """Add `--within` and `--turns` to a command; `limits_of` reads them."""
    parser.add_argument(
        "--within", type=float, default=within, help="interval at which a ratio is known, as a share [%(default)s]"
    )
    parser.add_argument("--turns", type=int, default=most, help="at most so many, however wide it is [%(default)s]")


def limits_of(options: argparse.Namespace) -> Limits:
    """What `add_limits` asked for."""
    return Limits(options.within, options.turns)


def ratio_of(costs: Sequence[float], base: Sequence[float]) -> Ratio:
    """Compare costs pair by pair, in the order of the turns.

    Args:
        costs: one a turn, of what is judged.
        base: one a turn, of what it is compared with; above nought.
    """
    ratios = [cost / other for cost, other in zip(costs, base, strict=True)]
    low, high = min(ratios), max(ratios)
    if len(ratios) >= FEWEST:
        low, high = quantile_test(ratios, p=0.5).confidence_interval(CONFIDENCE)
    return Ratio(median(ratios), float(low), float(high), len(ratios))


def take_turns(
    runs: Mapping[str, Callable[[], T]], *, base: str, cost: Callable[[T], float], limits: Limits
) -> dict[str, list[T]]:
    """Run all by turns until the ratio of each to the base is narrow, or the turns are used up.

    Args:
        runs: by name, in the order in which they follow each other; each call is one run.
        base: what the others are compared with.
        cost: of a run's figures, above nought.
        limits: when to stop.

    Returns:
        The figures of each, one a turn. What a run raises ends everything.
    """
    found: dict[str, list[T]] = {name: [] for name in runs}
    for turn in range(1, limits.most + 1):
        for name, run in runs.items():
            found[name].append(run())
        costs = {name: [cost(figures) for figures in figures_of] for name, figures_of in found.items()}
        ratios = {name: ratio_of(costs[name], costs[base]) for name in runs if name != base}
        for name, ratio in ratios.items():
            print(f"turn {turn}: {name} to {base} {in_words(ratio)}", file=sys.stderr, flush=True)
        if all(ratio.is_within(limits.within) for ratio in ratios.values()):
            break
    return found


def in_words(ratio: Ratio) -> str:
    """As people read it: `1.020 (0.991 to 1.042, 12 turns)`."""
    if ratio.turns == 1:
        return f"{_figure(ratio.ratio)} (one turn)"
    return f"{_figure(ratio.ratio)} ({_figure(ratio.low)} to {_figure(ratio.high)}, {ratio.turns} turns)"


def _figure(value: float) -> str:
    """Three decimals below two, where a hundredth matters; three digits above."""
    decimals = 3 if value < 2 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{decimals}f}"
