"""The wall clock: the instant and the day that it is. Spans of time go by `time.monotonic` instead."""

import time
from datetime import UTC, date, datetime


def wall_clock_ms() -> int:
    """Return the instant that it is by the clock of this machine, epoch milliseconds UTC."""
    return time.time_ns() // 1_000_000


def utc_today() -> date:
    """Return the day that it is by the clock of this machine, in UTC."""
    return datetime.now(UTC).date()
