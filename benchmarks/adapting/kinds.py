"""Tables of what is hit by kind of caller, over all carriers of the ladder.

`python -m benchmarks.adapting.ladder --out` measures it, and `python -m benchmarks.page` writes the tables.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.adapting.judging import RATES
from benchmarks.adapting.ladder import KINDS_OF

LEAST_CAUGHT, MOST_HIT = 0.3, 2e-3
"""The aims: of each kind of robocall, and of each class of lawful calls."""
FEW = 50
"""Calls of a kind at a carrier; of fewer a share says little, so that no carrier is counted by them."""
CAUGHT_HEADINGS = (
    "kind of campaign", "carriers", "new robocalls", "caught: shipped / taken / all labels",
    f"carriers where {LEAST_CAUGHT:g} is caught: shipped / taken / all labels",
)  # fmt: skip
HIT_HEADINGS = (
    "lawful class", "carriers", "calls", "hit of 1,000: shipped / taken / all labels",
    f"carriers where more than {MOST_HIT * 1_000:g} are hit: shipped / taken / all labels",
)  # fmt: skip


@dataclass(slots=True)
class _Kind:
    """Of each model, at each carrier that has the kind: calls hit, and all."""

    hit: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: {name: [] for name in KINDS_OF})

    def share(self, name: str) -> float:
        """Of the calls of all carriers."""
        return sum(hit for hit, _ in self.hit[name]) / max(sum(its for _, its in self.hit[name]), 1)

    def shares(self, name: str) -> list[float]:
        """Of each carrier that has enough of its calls."""
        return [hit / its for hit, its in self.hit[name] if its >= FEW]


def caught(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Cells of each kind of campaign, the least caught by what was taken first.

    Args:
        rows: Of carriers, as the ladder's `--out` has them.
    """
    kinds = sorted(_kinds(rows, "robocalls").items(), key=lambda one: one[1].share("taken"))
    return [_cells(*one, lambda share: f"{share:.3f}", lambda share: share >= LEAST_CAUGHT) for one in kinds]


def hit(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Cells of each lawful class, the most hit by what was taken first; without those that nothing hits much.

    Args:
        rows: Of carriers, as the ladder's `--out` has them.
    """
    kinds = sorted(_kinds(rows, "lawful").items(), key=lambda one: -one[1].share("taken"))
    kinds = [one for one in kinds if max(one[1].share(name) for name in KINDS_OF) > RATES[0]]
    return [_cells(*one, lambda share: f"{share * 1_000:.1f}", lambda share: share > MOST_HIT) for one in kinds]


def _kinds(rows: Sequence[Mapping[str, Any]], side: str) -> dict[str, _Kind]:
    found: dict[str, _Kind] = {}
    for row in rows:
        for name, sides in row["kinds"].items():
            for kind, (its_hit, its) in sides[side].items():
                found.setdefault(kind, _Kind()).hit[name].append((its_hit, its))
    return found


def _cells(kind: str, its: _Kind, shown: Callable[[float], str], counts: Callable[[float], bool]) -> list[str]:
    carriers = its.hit["shipped"]
    shares = [its.shares(name) for name in KINDS_OF]
    return [
        f"`{kind}`",
        str(len(carriers)),
        f"{sum(calls for _, calls in carriers):,}",
        " / ".join(shown(its.share(name)) for name in KINDS_OF),
        " / ".join(f"{sum(map(counts, one))} of {len(one)}" for one in shares),
    ]
