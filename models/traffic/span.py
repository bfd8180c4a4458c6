"""When generated traffic is: the first instant that all authors share, and how hours of it are counted."""

HOUR_MS = 3_600_000
"""Not that of the features: who writes traffic knows nothing of what is measured in it."""
DEFAULT_START_MS = 1_773_147_600_000  # Tuesday 2026-03-10T13:00:00Z, nine in the morning in New York


def after_hours(start_ms: int, hours: float) -> int:
    """The instant so many hours after another, both in epoch milliseconds UTC, rounded to a millisecond."""
    return start_ms + round(hours * HOUR_MS)
