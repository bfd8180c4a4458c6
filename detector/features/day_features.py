"""Features of days: what the windows' memory of days tells of a call's keys, as rows of the feature table f3."""

from collections.abc import Iterator

from detector.features import days
from detector.features.days import DAYS, FEWEST_CALLS, N_FIGURES
from detector.features.kinds import FAMILY_WORDS, UNBOUNDED, Feature
from detector.features.operations import Instruction
from detector.features.window_constants import BLOCK, FAMILIES, NUMBER, ORIGIN, TRUNK

OF_DAYS = -1
"""Operation of these features: the program of the windows has none of it, the memory of days fills their columns."""

_EARLIER = f"of the {DAYS - 1} days before today"
_KINDS = {
    days.EARLIER: ("days", 0.0, DAYS - 1.0, 0, f"number {_EARLIER} with calls {{0}}"),
    days.FIRST: ("days", 0.0, DAYS - 1.0, 0, f"days since the first {_EARLIER} with calls {{0}}, 0 without one"),
    days.LAST: ("days", 1.0, DAYS - 1.0, 0, f"days since the last {_EARLIER} with calls {{0}}"),
    days.REGULARITY: ("share", 0.0, 1.0, 0, f"share of days with calls {{0}} since the first {_EARLIER} with any"),
    days.WEEKDAY: ("share", 0.0, 1.0, 0, "share of the same weekdays of up to three weeks with calls {0}"),
    days.USUAL: ("calls", 0.0, UNBOUNDED, 0, "number of calls {0} on one of its usual earlier days"),
    days.TODAY: ("ratio", 0.0, 1.0, 0, "calls {0} today against one of its usual earlier days (0.5 = alike)"),
    days.ASR: ("share", 0.0, 1.0, FEWEST_CALLS, "share of answered calls (ASR) among calls {0} of the last days"),
    days.SDR: ("share", 0.0, 1.0, FEWEST_CALLS, "share of talks of at most 6 s (SDR) among calls {0} of the last days"),
    days.LONG_SHARE: ("share", 0.0, 1.0, FEWEST_CALLS, "share of talks above 120 s among calls {0} of the last days"),
}
"""Unit, lowest and highest value, minimum sample and words of each figure; `{0}` says whose calls."""


def _of(family: int, *figures: int) -> Iterator[Feature]:
    for figure in figures:
        unit, low, high, minimum, words = _KINDS[figure]
        name = f"{FAMILIES[family]}_{days.FIGURES[figure]}_{DAYS}d"
        instruction = Instruction(OF_DAYS, family, figure, 0, 0, minimum)
        yield Feature(name, unit, low, high, FAMILIES[family], minimum, words.format(FAMILY_WORDS[family]), instruction)


DAY_FEATURES: tuple[Feature, ...] = (
    *_of(NUMBER, *range(N_FIGURES)),
    *_of(TRUNK, days.TODAY, days.ASR),
    *_of(ORIGIN, days.EARLIER, days.REGULARITY, days.TODAY, days.ASR, days.SDR),
    *_of(BLOCK, days.EARLIER, days.FIRST, days.REGULARITY, days.TODAY, days.ASR, days.SDR),
)
"""How often an origin or a block called is left out: a partition sees its part of that alone."""
