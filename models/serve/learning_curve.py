"""The learning curve of a model: what it catches where it had learnt from fewer labels. Knows no way to train."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

RATES = (1e-3, 1e-4)
"""Shares of lawful calls hit that recall is said at."""
FIGURE = "learning_curve"
"""Its name in a report and among the figures of a manifest."""
MOST_POINTS = 20
FEWEST_HITS = 10
"""Lawful calls that must be hit at a rate before its recall says much."""


class Caught(NamedTuple):
    """Share of robocalls caught, with its 95 % interval; each in [0, 1]."""

    share: float
    low: float
    high: float


class Point(NamedTuple):
    """A model that learnt from some of the labels.

    Attributes:
        share: Of the labelled campaigns and callers, in (0, 1].
        groups: Campaigns, and callers of none, whose robocalls it learnt from.
        robocalls: Calls of those.
        caught: Of the calls judged, at each of `RATES`.
    """

    share: float
    groups: int
    robocalls: int
    caught: tuple[Caught, ...]


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Points by rising share; the last one is the model itself.

    Attributes:
        lawful: Lawful calls that all points are judged on.
        points: The points.
    """

    lawful: int
    points: tuple[Point, ...]

    @property
    def scarce(self) -> tuple[float, ...]:
        """Those of `RATES` at which too few lawful calls are hit to say much."""
        return tuple(rate for rate in RATES if rate * self.lawful < FEWEST_HITS)

    def as_json(self) -> dict[str, Any]:
        """Plain values by name."""
        points = [one._asdict() | {"caught": [list(caught) for caught in one.caught]} for one in self.points]
        return {"lawful": self.lawful, "rates": list(RATES), "points": points}


def curve_in(figures: Mapping[str, Any]) -> LearningCurve | None:
    """The curve among the figures of a report or a manifest; None where there is none that can be read.

    Args:
        figures: Plain values by name, of whoever made the model: nothing of them is relied on.
    """
    try:
        content = figures[FIGURE]
        if content["rates"] != list(RATES) or not 0 < len(content["points"]) <= MOST_POINTS:
            return None
        points = tuple(map(_point, content["points"]))
        return LearningCurve(int(content["lawful"]), points)
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError):
        return None


def _point(plain: Mapping[str, Any]) -> Point:
    caught = tuple(Caught(*map(_share, one)) for one in plain["caught"])
    if len(caught) != len(RATES):
        raise ValueError
    return Point(_share(plain["share"]), int(plain["groups"]), int(plain["robocalls"]), caught)


def _share(value: Any) -> float:
    found = float(value)
    if not (math.isfinite(found) and 0 <= found <= 1):
        raise ValueError
    return found
