"""What the model should reach in held-out worlds, and whether it does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from models.judge.report.worlds import JUDGED

SPREAD = ("snowshoe", "one_number_per_call", "low_and_slow")
Figures = dict[str, dict[str, Any]]
"""Figures of `models.judge.report.report.judge` by family of worlds."""


def figure(value: float | None) -> str:
    """Write a figure of any unit in three digits; a dash for none."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"  # noqa: PLR2004 - from there on all digits are whole


@dataclass(frozen=True, slots=True)
class Aim:
    """What the model should reach in the held-out worlds. Nothing found (a campaign that is never stopped) is a miss.

    Attributes:
        what: It, for people; the unit follows from it.
        wanted: The least that is enough, or the most if `is_most`.
        find: Gives what was found in one family's figures, None for nothing, and a word on where.
        is_most: Whether less is better.
    """

    what: str
    wanted: float
    find: Callable[[dict[str, Any]], tuple[float | None, str]]
    is_most: bool = False

    def is_met(self, found: Figures) -> bool:
        """Whether it is reached. `found` has `JUDGED`, the held-out worlds, among its families."""
        value, _ = self.find(found[JUDGED])
        return value is not None and (value <= self.wanted if self.is_most else value >= self.wanted)

    def row(self, found: Figures) -> tuple[str, ...]:
        """Aim, wanted, found and by how much it is missed; see `is_met`."""
        value, _ = self.find(found[JUDGED])
        sign = "at most" if self.is_most else "at least"
        missed = "met" if self.is_met(found) else "missed"
        if missed == "missed" and value is not None:
            missed += f" by {abs(value - self.wanted):.3g}"
        return self.what, f"{sign} {self.wanted:g}", self.cell(found[JUDGED]), missed

    def cell(self, figures: dict[str, Any]) -> str:
        """What was found in a family of worlds, and where."""
        value, where = self.find(figures)
        return f"{figure(value)} {where}".strip()


def _recall(rate: int) -> Callable[[dict[str, Any]], tuple[float | None, str]]:
    return lambda figures: (figures["at_false_block_rates"][rate]["recall"]["share"], "")


def _of_all(group: str, worst: Callable[..., str]) -> Callable[[dict[str, Any]], tuple[float | None, str]]:
    """The kind of a group that is hit least or most, as `worst` is `min` or `max`."""

    def find(figures: dict[str, Any]) -> tuple[float | None, str]:
        shares = {kind: one["at_rates"][0]["share"] for kind, one in figures["kinds"][group].items()}
        found = worst(shares, key=lambda kind: shares[kind])
        return shares[found], f"({found})"

    return find


def _ratio(figures: dict[str, Any]) -> tuple[float | None, str]:
    """The worst of the rates; where the rules catch nothing, as if they had caught one robocall: at least so many."""
    ratios, least = {}, {}
    for one, best in zip(figures["at_false_block_rates"], figures["against_best_rule"], strict=True):
        least[one["rate"]] = best["ratio"] is None
        ratios[one["rate"]] = one["recall"]["share"] * one["recall"]["calls"] if least[one["rate"]] else best["ratio"]
    worst = min(ratios, key=lambda rate: ratios[rate])
    return ratios[worst], f"(at {worst:g}{', at least: the rules catch none' if least[worst] else ''})"


def _median(kinds: Sequence[str]) -> Callable[[dict[str, Any]], tuple[float | None, str]]:
    """The slowest of some kinds of campaign; a kind that is mostly never stopped has no median.

    One of which no campaign is seen from its first call tells nothing.
    """

    def find(figures: dict[str, Any]) -> tuple[float | None, str]:
        medians = {
            kind: one["stopped_at_rates"][0]["median"]
            for kind, one in figures["kinds"]["campaigns"].items()
            if kind in kinds and one["stopped_at_rates"][0]["campaigns"]
        }
        slowest = max(medians, key=lambda kind: float("inf") if medians[kind] is None else medians[kind], default=None)
        return (None, "(none seen from its first call)") if slowest is None else (medians[slowest], f"({slowest})")

    return find


AIMS = (
    Aim("robocalls caught, 1 lawful call in 1,000 hit", 0.85, _recall(1)),
    Aim("the same, of every kind", 0.5, _of_all("campaigns", min)),
    Aim("robocalls caught, 1 lawful call in 10,000 hit", 0.7, _recall(2)),
    Aim("times the best rate rule, at every rate", 2.0, _ratio),
    Aim("calls until a flood is stopped, median", 5, _median(("flood",)), is_most=True),
    Aim("calls until a spread campaign is stopped, median", 15, _median(SPREAD), is_most=True),
    Aim("share of a lawful class hit, 1 lawful call in 1,000 hit", 0.002, _of_all("lawful", max), is_most=True),
    Aim(
        "expected calibration error",
        0.02,
        lambda figures: (figures["expected_calibration_error"], ""),
        is_most=True,
    ),
)
