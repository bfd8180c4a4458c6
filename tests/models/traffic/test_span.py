"""Instants of generated traffic are whole milliseconds after one that never changes."""

from datetime import UTC, datetime

from models.traffic.span import DEFAULT_START_MS, after_hours


def test_traffic_begins_on_a_tuesday_morning_in_new_york() -> None:
    """Models have learnt from traffic of that instant on."""
    assert datetime.fromtimestamp(DEFAULT_START_MS / 1_000, UTC) == datetime(2026, 3, 10, 13, tzinfo=UTC)


def test_hours_are_rounded_to_a_millisecond() -> None:
    assert after_hours(5, 0.0) == 5
    assert after_hours(0, 1.5) == 5_400_000
    assert after_hours(0, 1 / 3_600_000 * 1.4) == 1
