"""Hours are local, and the shares of a day's hours sum to one."""

import pytest

from models.traffic.fourth.rhythm import HOURS, WEEKS, local_hour, week_factor


@pytest.mark.parametrize("name", list(HOURS))
def test_shares_of_hours_sum_to_a_day(name: str) -> None:
    assert HOURS[name].sum() == pytest.approx(1.0)
    assert len(HOURS[name]) == 24


def test_the_first_instant_of_generated_traffic_is_a_tuesday_morning_in_new_york() -> None:
    """2026-03-10T13:00Z, nine o'clock in daylight saving time; two in the morning of that day is 06:00Z."""
    start = 1_773_147_600_000 // 3_600_000

    found = local_hour(start, -4)
    assert (found.of_day, found.weekday) == (9, 1)
    assert local_hour(start - 7, -4).day == found.day
    assert local_hour(start - 10, -4).day == found.day - 1


@pytest.mark.parametrize(("weekday", "place"), [(0, 0), (4, 0), (5, 1), (6, 2)])
def test_days_of_the_week_are_working_days_saturday_and_sunday(weekday: int, place: int) -> None:
    assert week_factor("office", weekday) == WEEKS["office"][place]
