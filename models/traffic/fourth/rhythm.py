"""When people and organisations call: hours of the day and days of the week, in the carrier's local time.

Local time has a fixed distance from UTC here: a span is too short for the change of clocks to matter.
"""

from dataclasses import dataclass

import numpy as np

from models.traffic.fourth.arrays import Floats
from models.traffic.span import HOUR_MS

_DAY_H = 24
_THURSDAY = 3  # 1970-01-01, where Monday is 0


@dataclass(frozen=True, slots=True)
class LocalHour:
    """An hour as the carrier's subscribers see it.

    Attributes:
        hour: hours since the epoch, UTC.
        day: local days since the epoch.
        of_day: 0 to 23, local.
        weekday: 0 is Monday.
    """

    hour: int
    day: int
    of_day: int
    weekday: int

    @property
    def start_ms(self) -> int:
        """Its first instant, epoch milliseconds."""
        return self.hour * HOUR_MS


def local_hour(hour: int, utc_offset_h: int) -> LocalHour:
    """An hour since the epoch in local time; `utc_offset_h` is -5 in New York in winter."""
    day, of_day = divmod(hour + utc_offset_h, _DAY_H)
    return LocalHour(hour, day, of_day, (day + _THURSDAY) % 7)


def _day(*parts: tuple[int, int, float]) -> Floats:
    """Shares of 24 hours from (first hour, hour behind the last, weight), on a floor for all others."""
    shares: Floats = np.full(_DAY_H, 1e-3)
    for first, stop, weight in parts:
        shares[first:stop] += weight
    shares /= shares.sum()
    return shares


HOURS: dict[str, Floats] = {
    "life": _day((0, 6, 0.08), (6, 8, 0.5), (8, 12, 1.0), (12, 17, 1.1), (17, 21, 1.35), (21, 23, 0.7), (23, 24, 0.2)),
    "office": _day((7, 8, 0.3), (8, 12, 1.2), (12, 13, 0.8), (13, 17, 1.1), (17, 18, 0.35)),
    "trade": _day((7, 9, 0.6), (9, 18, 1.0), (18, 20, 0.5)),
    "shop": _day((9, 11, 0.7), (11, 19, 1.0), (19, 21, 0.6)),
    "dialler": _day((8, 9, 0.4), (9, 12, 1.1), (12, 17, 0.9), (17, 20, 1.2), (20, 21, 0.5)),
    "evening": _day((12, 16, 0.25), (16, 17, 0.6), (17, 21, 1.3)),
    "morning": _day((5, 7, 1.0), (7, 10, 1.2), (10, 12, 0.4)),
    "school": _day((5, 7, 1.0), (9, 11, 0.6), (15, 20, 0.7)),
    "round": _day((8, 12, 1.0), (12, 17, 1.2), (17, 20, 0.6)),
    "night": _day((0, 5, 1.0), (22, 24, 0.7)),
    "always": _day((0, 24, 1.0)),
    "waking": _day((6, 9, 0.8), (9, 22, 1.0), (22, 24, 0.4)),
    "late": _day((0, 3, 0.8), (11, 14, 0.5), (17, 24, 1.2)),
}
"""Shares of a day's calls by local hour, each summing to 1."""
WEEKS: dict[str, tuple[float, float, float]] = {
    "office": (1.0, 0.06, 0.02),
    "mostly_office": (1.0, 0.4, 0.12),
    "even": (1.0, 1.0, 1.0),
    "shop": (1.0, 1.1, 0.5),
    "life": (1.0, 0.85, 0.8),
    "weekend": (0.8, 1.5, 1.1),
    "school": (1.0, 0.03, 0.35),
}
"""How much of a usual weekday's calls are made on Monday to Friday, on Saturday and on Sunday."""


def week_factor(week: str, weekday: int) -> float:
    """How much of a usual weekday's calls are made on a day of the week (0 is Monday)."""
    return WEEKS[week][max(0, weekday - 4)]
