"""The wall clock."""

import time
from datetime import date

import pytest

from streams.running.clock import utc_today, wall_clock_ms


def test_an_instant_is_in_whole_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_790_000_000_123_999_999)
    assert wall_clock_ms() == 1_790_000_000_123


def test_the_day_is_that_of_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """East and west of UTC by half a day each: at any hour one of them has another day."""
    days: set[date] = set()
    for zone in ("UTC", "AHEAD-13", "BEHIND+11"):
        with monkeypatch.context() as patch:
            patch.setenv("TZ", zone)
            time.tzset()
            days.add(utc_today())
    time.tzset()
    assert len(days) == 1
