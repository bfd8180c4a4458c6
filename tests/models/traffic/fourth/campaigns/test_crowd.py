"""Campaigns are born, change their numbers and end; kinds that are held back come in time and not before."""

from collections import Counter

import numpy as np
import pytest

from models.traffic.fourth.attempts import Attempts
from models.traffic.fourth.campaigns.campaign import MOST_LIFE_H, born
from models.traffic.fourth.campaigns.crowd import Crowd
from models.traffic.fourth.campaigns.kinds import KINDS
from models.traffic.fourth.carrier import Carrier
from models.traffic.fourth.network.world import World
from models.traffic.fourth.rhythm import local_hour
from models.traffic.span import HOUR_MS

EARLY, LATER = KINDS[:-5], KINDS[-5:]
CALLS = 24_000.0


@pytest.fixture(scope="module")
def hours(carrier: Carrier, world: World, noon: int) -> list[Attempts]:
    """Two days; the second begins with the kinds that were held back."""
    crowd = Crowd(EARLY, LATER, (noon + 24) * HOUR_MS, CALLS, world.numbering.toll_free(np.arange(9)), world)
    return [crowd.attempts(carrier.world.local(hour), 1.0) for hour in range(noon, noon + 48)]


def _kinds(hours: list[Attempts], world: World) -> set[str]:
    return {world.kinds[kind] for hour in hours for kind in hour.kind[hour.campaign > 0].tolist()}


def test_kinds_held_back_are_not_there_before_and_all_there_after(hours: list[Attempts], world: World) -> None:
    later = {kind.name for kind in LATER}

    assert not later & _kinds(hours[:24], world)
    assert later <= _kinds(hours[24:], world)
    assert len(_kinds(hours[:24], world)) >= 15


def test_as_many_robocalls_come_as_were_asked_for(hours: list[Attempts]) -> None:
    days = [sum(int((hour.campaign > 0).sum()) for hour in part) for part in (hours[:24], hours[24:])]

    assert all(0.6 * CALLS < day < 1.5 * CALLS for day in days)


def test_some_of_the_called_call_back_lawfully(hours: list[Attempts], world: World) -> None:
    """And they call numbers that campaigns showed."""
    shown = {number for hour in hours for number in hour.calling[hour.campaign > 0].tolist()}
    called = {number for hour in hours for number in hour.called[hour.campaign == 0].tolist()}
    kinds = {world.kinds[kind] for hour in hours for kind in hour.kind[hour.campaign == 0].tolist()}

    assert kinds == {"spoofed_callback"}
    assert called
    assert called <= shown


def test_campaigns_live_within_their_time_and_end(carrier: Carrier, world: World, noon: int) -> None:
    for number, kind in enumerate(KINDS, start=1):
        campaign = born(kind, number, noon * HOUR_MS + 1, world)
        alive = [
            hour for hour in range(noon - 2, noon + MOST_LIFE_H + 2) if campaign.activity(carrier.world.local(hour)) > 0
        ]

        assert all(noon <= hour < noon + MOST_LIFE_H for hour in alive)
        assert campaign.ends_ms > campaign.begins_ms
        assert len(campaign.customers) in range(kind.ways[0], kind.ways[1] + 1)


def test_campaigns_of_one_day_are_mostly_not_those_of_the_third(carrier: Carrier, world: World, noon: int) -> None:
    crowd = Crowd(KINDS, (), 0, CALLS, world.numbering.toll_free(np.arange(9)), world)
    days = [
        Counter(crowd.attempts(carrier.world.local(noon + day * 24), 1.0).campaign.tolist()) for day in (0, 3)
    ]  # fmt: skip

    common = days[0].keys() & days[1].keys() - {0}
    assert len(common) < 0.5 * len(days[1])


def test_local_hours_and_lives_agree(world: World, noon: int) -> None:
    """A campaign that begins in the middle of an hour makes fewer calls in it."""
    kind = next(kind for kind in KINDS if kind.name == "flood")
    campaign = born(kind, 77, noon * HOUR_MS + HOUR_MS // 2, world)
    hour = local_hour(noon, -5)

    first, second = campaign.activity(hour), campaign.activity(local_hour(noon + 1, -5))
    assert 0 < first < second or campaign.ends_ms < (noon + 2) * HOUR_MS
