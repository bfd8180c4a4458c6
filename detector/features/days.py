"""What is told of a key's last days: the figures, what each means, and the bounds that they are computed with.

A day begins at 09:00 UTC: then it is night from one coast of North America to the other. A key's *earlier days* are
the 27 before today. `detector.windows.days` computes the figures.
"""

from detector.features.window_constants import HOUR_MS

DAYS = 28
"""Today and the 27 days before it."""
WEEK_DAYS = 7
DAY_BEGINS_MS = 9 * HOUR_MS
"""So long after midnight UTC."""
FEWEST_CALLS = 3
"""Fewest ended or answered calls that a share is computed from; of older weeks they count less."""

FIGURES = (
    "days",
    "first_day",
    "last_day",
    "regularity",
    "weekday",
    "usual_calls",
    "today",
    "asr",
    "sdr",
    "long_share",
)
N_FIGURES = len(FIGURES)
EARLIER, FIRST, LAST, REGULARITY, WEEKDAY, USUAL, TODAY, ASR, SDR, LONG_SHARE = range(N_FIGURES)
"""Earlier days with calls; days since the first and the last of them; share of the days since the first one; share of
the same weekdays since then; calls on one of them; today's calls against those; how its calls ended."""
FAMILIES_WITH_DAYS = 4
"""Number, trunk, origin and block: the first ones of `window_constants.FAMILIES`."""
