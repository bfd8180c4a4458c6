"""The rule's clock: 24 hours that start in business hours only and stand still on weekends and holidays."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.traceback.rule_clock import counts_from_ms, due_ms, federal_holidays, is_business_day

NEW_YORK = ZoneInfo("America/New_York")
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
ZONES = st.sampled_from(
    [NEW_YORK, LOS_ANGELES, ZoneInfo("America/Phoenix"), ZoneInfo("Pacific/Honolulu"), ZoneInfo("Pacific/Guam")]
)
INSTANTS = st.datetimes(datetime(2022, 1, 1), datetime(2031, 12, 31))  # noqa: DTZ001 - the zone is drawn
DAY = timedelta(hours=24)


def ms(text: str, zone: ZoneInfo = NEW_YORK) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1_000)


def local(instant_ms: int, zone: ZoneInfo = NEW_YORK) -> str:
    return datetime.fromtimestamp(instant_ms / 1_000, zone).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-11-24 10:00", "2026-11-25 10:00"),  # Tuesday
        ("2026-11-24 17:30", "2026-11-25 17:30"),  # the last minute of business hours
        ("2026-11-23 17:31", "2026-11-25 08:00"),  # after hours: as on Tuesday at 8
        ("2026-11-24 06:00", "2026-11-25 08:00"),  # before hours
        ("2026-11-20 15:00", "2026-11-23 15:00"),  # Friday: the example of the rule
        ("2026-11-20 18:00", "2026-11-24 08:00"),  # Friday after hours: as on Monday at 8
        ("2026-11-22 12:00", "2026-11-24 08:00"),  # Sunday
        ("2026-11-25 15:00", "2026-11-27 15:00"),  # the day before Thanksgiving
        ("2026-11-25 18:00", "2026-11-30 08:00"),  # counts from Friday at 8, and the weekend is between
        ("2026-07-02 15:00", "2026-07-06 15:00"),  # Independence Day is a Saturday, observed on Friday
        ("2027-07-02 15:00", "2027-07-06 15:00"),  # a Sunday, observed on Monday
        ("2027-12-30 15:00", "2028-01-03 15:00"),  # New Year's Day of 2028 is observed on the last day of 2027
        ("2026-03-06 15:00", "2026-03-09 15:00"),  # clocks go forward on Sunday
        ("2026-10-30 15:00", "2026-11-02 15:00"),  # clocks go back on Sunday
    ],
)  # fmt: skip
def test_a_request_is_due(received: str, due: str) -> None:
    assert local(due_ms(ms(received), NEW_YORK)) == due


def test_the_office_has_its_own_zone() -> None:
    """23:00 UTC on a Tuesday is after hours in New York and not in Los Angeles."""
    received = round(datetime(2026, 11, 24, 23, tzinfo=UTC).timestamp() * 1_000)
    assert local(due_ms(received, NEW_YORK), NEW_YORK) == "2026-11-27 08:00"
    assert local(due_ms(received, LOS_ANGELES), LOS_ANGELES) == "2026-11-25 15:00"


def test_the_holidays_of_a_year() -> None:
    """As the Office of Personnel Management lists them for 2026 and 2022."""
    assert sorted(f"{day:%m-%d}" for day in federal_holidays(2026)) == [
        "01-01", "01-19", "02-16", "05-25", "06-19", "07-03", "09-07", "10-12", "11-11", "11-26", "12-25",
    ]  # fmt: skip
    assert sorted(f"{day:%m-%d}" for day in federal_holidays(2022)) == [
        "01-17", "02-21", "05-30", "06-20", "07-04", "09-05", "10-10", "11-11", "11-24", "12-26",
    ]  # fmt: skip
    assert date(2021, 12, 31) in federal_holidays(2021)
    assert date(2020, 6, 19) not in federal_holidays(2020)


@given(received=INSTANTS, zone=ZONES)
def test_exactly_24_business_day_hours_run_until_it_is_due(received: datetime, zone: ZoneInfo) -> None:
    """A slow twin counts the quarters of an hour that lie on business days."""
    received_ms = round(received.replace(tzinfo=zone).timestamp()) // 900 * 900_000
    begin, due = counts_from_ms(received_ms, zone), due_ms(received_ms, zone)
    assert begin >= received_ms
    at = datetime.fromtimestamp(begin / 1_000, zone)
    assert is_business_day(at.date())
    assert (8, 0) <= (at.hour, at.minute) <= (17, 30)
    quarters = range(begin, due, 900_000)
    days = [datetime.fromtimestamp(quarter / 1_000, zone).date() for quarter in quarters]
    assert sum(map(is_business_day, days)) * timedelta(minutes=15) == DAY


@given(received=INSTANTS, later=st.timedeltas(timedelta(0), timedelta(days=4)), zone=ZONES)
def test_what_comes_later_is_never_due_earlier(received: datetime, later: timedelta, zone: ZoneInfo) -> None:
    first = round(received.replace(tzinfo=zone).timestamp() * 1_000)
    second = first + later // timedelta(milliseconds=1)
    assert due_ms(first, zone) <= due_ms(second, zone)
