"""By when a traceback must be answered: 24 hours, which neither start outside business hours nor run on days off.

47 CFR 64.1200(n)(1), 88 FR 43446 (July 10, 2023). Business hours are 8:00 to 17:30 from Monday to Friday without legal
federal holidays (5 U.S.C. 6103; one on a Saturday is observed on Friday, one on a Sunday on Monday), by the local time
of the office that has to answer. A request outside of them counts as received at 8:00 of the next business day; one
before 8:00 of a business day, at 8:00 of that day, which is the stricter way to read it. The clock does not run on
weekends and holidays: what comes on Friday at 15:00 is due on Monday at 15:00.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

OPENS, CLOSES = time(8), time(17, 30)
ALLOWED = timedelta(hours=24)
SATURDAY, SUNDAY = 5, 6
MONDAY, THURSDAY = 0, 3
JUNETEENTH_SINCE = 2021
_FIXED = ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))
_NTH = ((1, MONDAY, 3), (2, MONDAY, 3), (9, MONDAY, 1), (10, MONDAY, 2), (11, THURSDAY, 4))
_MAY = 5


@lru_cache(maxsize=256)
def federal_holidays(year: int) -> frozenset[date]:
    """Days of a year on which federal holidays are observed, the first of January of the year after included.

    Args:
        year: 1971 or later, when Mondays became the rule. Inauguration Day, a holiday about Washington only, is not
            among them.
    """
    fixed = [date(year, *one) for one in _FIXED if one != (6, 19) or year >= JUNETEENTH_SINCE]
    nth = [_nth(year, *one) for one in _NTH]
    observed = map(_observed, [*fixed, *nth, _last_monday_of_may(year), date(year + 1, 1, 1)])
    return frozenset(day for day in observed if day.year == year)


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, _MAY, 31)
    return last - timedelta(days=last.weekday())


def _observed(day: date) -> date:
    return day + timedelta(days={SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0))


def is_business_day(day: date) -> bool:
    """Tell whether a day is from Monday to Friday, and no federal holiday is observed on it."""
    return day.weekday() < SATURDAY and day not in federal_holidays(day.year)


def counts_from_ms(received_ms: int, zone: ZoneInfo) -> int:
    """When a request counts as received.

    Args:
        received_ms: When it came, epoch milliseconds.
        zone: Of the office that has to answer.
    """
    received = datetime.fromtimestamp(received_ms / 1_000, zone)
    day = received.date()
    if is_business_day(day) and OPENS <= received.time() <= CLOSES:
        return received_ms
    if not is_business_day(day) or received.time() > CLOSES:
        day = _next_business_day(day)
    return _ms(datetime.combine(day, OPENS, zone))


def due_ms(received_ms: int, zone: ZoneInfo) -> int:
    """The last instant at which a request is answered in time.

    Args:
        received_ms: When it came, epoch milliseconds.
        zone: Of the office that has to answer.
    """
    at_ms = counts_from_ms(received_ms, zone)
    left_ms = ALLOWED // timedelta(milliseconds=1)
    while True:
        day = datetime.fromtimestamp(at_ms / 1_000, zone).date()
        midnight_ms = _ms(datetime.combine(day + timedelta(days=1), time(), zone))
        if at_ms + left_ms <= midnight_ms:
            return at_ms + left_ms
        left_ms -= midnight_ms - at_ms
        at_ms = _ms(datetime.combine(_next_business_day(day), time(), zone))


def _next_business_day(day: date) -> date:
    day += timedelta(days=1)
    while not is_business_day(day):
        day += timedelta(days=1)
    return day


def _ms(instant: datetime) -> int:
    return round(instant.astimezone(UTC).timestamp() * 1_000)
