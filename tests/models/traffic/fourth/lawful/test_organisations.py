"""Organisations call again tomorrow from the same numbers, in their hours, in bursts where that is their way."""

import numpy as np
import pytest

from models.traffic.fourth.carrier import Carrier
from models.traffic.fourth.lawful.kinds import ROWS, LawfulKind
from models.traffic.fourth.lawful.organisations import Organisations
from models.traffic.fourth.network.world import World
from models.traffic.span import HOUR_MS

DAY_H = 24


def _row(name: str) -> tuple[int, LawfulKind]:
    return next((place, row) for place, row in enumerate(ROWS) if row.name == name)


def _day(carrier: Carrier, organisations: Organisations, first: int) -> list[int]:
    return [len(organisations.attempts(carrier.world.local(hour))) for hour in range(first, first + DAY_H)]


@pytest.mark.parametrize("place", range(len(ROWS)))
def test_every_row_makes_about_as_many_calls_as_it_is_given(
    place: int, carrier: Carrier, world: World, noon: int
) -> None:
    """Over a fortnight: from a half to twice the calls of ten weekdays and two weekends, tries counted."""
    row = ROWS[place]
    organisations = Organisations(row, place, 1_500.0, world)
    days = [sum(_day(carrier, organisations, noon - 12 + day * DAY_H)) for day in range(14)]

    assert 0.4 < sum(days) / (1_500.0 * row.tries * 10) < 2.6


def test_a_pharmacy_calls_from_the_same_number_the_next_day(carrier: Carrier, world: World, noon: int) -> None:
    place, row = _row("pharmacy")
    organisations = Organisations(row, place, 2_000.0, world)
    days = [set(organisations.attempts(carrier.world.local(noon + day * DAY_H)).calling.tolist()) for day in (0, 1)]

    assert len(days[0] & days[1]) > 0.5 * len(days[1])


def test_customers_of_a_pharmacy_are_replaced_over_weeks(carrier: Carrier, world: World, noon: int) -> None:
    """The next day it calls mostly from its list of today; after two months from another one."""
    place, row = _row("pharmacy")
    organisations = Organisations(row, place, 2_000.0, world)
    lists = []
    for day in (0, 1, 63):
        hours = [carrier.world.local(noon - 4 + hour + day * DAY_H) for hour in range(8)]
        calls = [organisations.attempts(hour) for hour in hours]
        lists.append({pair for part in calls for pair in zip(part.calling.tolist(), part.called.tolist(), strict=True)})

    tomorrow, later = (len(lists[0] & other) / len(other) for other in lists[1:])
    assert later < 0.2 * tomorrow


def test_a_school_calls_everybody_within_minutes_or_nobody(carrier: Carrier, world: World, noon: int) -> None:
    place, row = _row("mass_alert")
    organisations = Organisations(row, place, 5_000.0, world)
    spans: list[float] = []
    for hour in range(noon - 12, noon + 12):
        calls = organisations.attempts(carrier.world.local(hour))
        for number in np.unique(calls.calling):
            own = calls.setup_ms[calls.calling == number]
            spans.append(float(np.ptp(own)) / 60_000)

    assert spans
    assert max(spans) <= row.burst_minutes


def test_an_alarm_panel_reports_at_the_same_minute_every_night(carrier: Carrier, world: World, noon: int) -> None:
    place, row = _row("alarm_panel")
    organisations = Organisations(row, place, 300.0, world)
    nights: list[dict[int, float]] = []
    for night in (0, 1):
        found: dict[int, float] = {}
        for hour in range(noon - 12, noon + 12):
            calls = organisations.attempts(carrier.world.local(hour + night * DAY_H))
            found |= dict(zip(calls.calling.tolist(), (calls.setup_ms / 1_000 % 86_400).tolist(), strict=True))
        nights.append(found)
    both = nights[0].keys() & nights[1].keys()

    assert len(both) > 0.8 * len(nights[0])
    assert np.median([abs(nights[0][number] - nights[1][number]) for number in both]) < 20


def test_a_private_exchange_dials_again_within_the_hour(carrier: Carrier, world: World, noon: int) -> None:
    place, row = _row("pbx_redial")
    calls = Organisations(row, place, 4_000.0, world).attempts(carrier.world.local(noon))
    pairs = np.unique(calls.calling * 7 + calls.called * 11, return_counts=True)[1]

    assert np.mean(pairs > 1) > 0.2
    assert np.all(calls.setup_ms // HOUR_MS == noon)


def test_debt_collectors_show_numbers_of_the_area_of_the_called(carrier: Carrier, world: World, noon: int) -> None:
    place, row = _row("debt_collection")
    calls = Organisations(row, place, 4_000.0, world).attempts(carrier.world.local(noon))

    assert np.array_equal(calls.calling // 10_000_000, calls.called // 10_000_000)
