"""Persons talk with those they know, in both directions and again and again."""

from collections import Counter

import numpy as np
import pytest

from models.traffic.fourth.attempts import Attempts
from models.traffic.fourth.carrier import Carrier
from models.traffic.fourth.lawful.people import SHARES, People
from models.traffic.fourth.network.world import World

CALLS = dict.fromkeys(SHARES, 20_000.0)


@pytest.fixture(scope="module")
def calls(carrier: Carrier, world: World, noon: int) -> list[Attempts]:
    """A day of persons' calls, hour by hour."""
    people = People(CALLS, world)
    return [people.attempts(carrier.world.local(hour)) for hour in range(noon - 12, noon + 12)]


def test_pairs_call_each_other_in_both_directions(calls: list[Attempts], world: World) -> None:
    """Of pairs who know each other, a part is seen both ways on one day."""
    pairs: Counter[tuple[int, int]] = Counter()
    for hour in calls:
        known = hour.take(hour.kind == world.kind("person"))
        pairs.update(zip(known.calling.tolist(), known.called.tolist(), strict=True))
    both_ways = sum((called, calling) in pairs for calling, called in pairs)

    assert both_ways > 0.1 * len(pairs)
    assert sum(count > 1 for count in pairs.values()) > 0.02 * len(pairs)


def test_one_of_both_is_a_subscriber_of_the_carrier(calls: list[Attempts], world: World) -> None:
    """Transit between others is not a person's call."""
    for hour in calls:
        known = hour.take(hour.kind == world.kind("person"))
        assert np.all(world.numbering.is_ours(known.calling) | world.numbering.is_ours(known.called))


def test_businesses_are_called_by_many_and_call_none_of_these_back(calls: list[Attempts], world: World) -> None:
    shops = [hour.take(hour.kind == world.kind("person_to_business")) for hour in calls]
    called = Counter(number for hour in shops for number in hour.called.tolist())

    assert called.most_common(1)[0][1] > 20


def test_new_numbers_are_others_after_some_days(carrier: Carrier, world: World, noon: int) -> None:
    """A number that called as a new one does not stay new."""
    people = People(CALLS, world)
    days = []
    for day in (0, 4):
        hour = people.attempts(carrier.world.local(noon + day * 24))
        renewed = hour.take(hour.kind == world.kind("new_number"))
        days.append({*renewed.calling.tolist(), *renewed.called.tolist()})

    assert len(days[0] & days[1]) < 0.4 * len(days[0])
    assert days[0]
