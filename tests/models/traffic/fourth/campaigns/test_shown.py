"""Campaigns show the numbers that are their way."""

import re
from dataclasses import replace

import numpy as np
import pytest

from models.traffic.fourth.arrays import Ints
from models.traffic.fourth.campaigns.campaign import Campaign, born
from models.traffic.fourth.campaigns.kinds import KINDS
from models.traffic.fourth.campaigns.shown import WAYS, Choice, shown
from models.traffic.fourth.network.numbers import text
from models.traffic.fourth.network.world import World
from models.traffic.fourth.rhythm import local_hour
from models.traffic.span import HOUR_MS

SIZE = 2_000


def _campaign(name: str, world: World, noon: int) -> Campaign:
    return born(next(kind for kind in KINDS if kind.name == name), 5, noon * HOUR_MS, world)


def _shown(campaign: Campaign, world: World, hour: int) -> tuple[Ints, Ints]:
    random = np.random.default_rng(hour)
    called = world.numbering.subscriber(random.integers(0, world.numbering.subscribers, SIZE))
    brands = world.numbering.toll_free(np.arange(1_000, 1_030))
    return shown(Choice(campaign, local_hour(hour, -5), called, world, brands, random)), called


def test_every_way_is_of_some_kind() -> None:
    assert set(WAYS) == {kind.shown for kind in KINDS}


def test_a_flood_has_few_numbers_and_keeps_them(world: World, noon: int) -> None:
    campaign = _campaign("flood", world, noon)
    first, second = (set(_shown(campaign, world, noon + hour)[0].tolist()) for hour in (0, 1))

    assert 1 <= len(first) <= 4
    assert first == second


def test_a_rotation_shows_each_number_little_and_has_others_the_next_day(world: World, noon: int) -> None:
    campaign = replace(_campaign("a_attested_rotation", world, noon), pool=300)
    first, _ = _shown(campaign, world, noon)
    counts = np.unique(first, return_counts=True)[1]

    assert len(counts) >= SIZE // 10
    assert counts.max() <= 14
    assert not set(first.tolist()) & set(_shown(campaign, world, noon + 24)[0].tolist())


def test_each_call_has_a_number_of_its_own(world: World, noon: int) -> None:
    found, _ = _shown(_campaign("one_number_per_call", world, noon), world, noon)

    assert len(np.unique(found)) > 0.99 * SIZE


def test_neighbours_are_of_the_area_and_half_of_the_exchange(world: World, noon: int) -> None:
    found, called = _shown(_campaign("neighbour_spoofing", world, noon), world, noon)

    assert np.array_equal(found // 10_000_000, called // 10_000_000)
    assert 0.3 < np.mean(found // 10_000 == called // 10_000) < 0.6


def test_a_hijacked_number_is_one_subscribers(world: World, noon: int) -> None:
    found, _ = _shown(_campaign("hijacked_number", world, noon), world, noon)

    assert len(np.unique(found)) == 1
    assert world.numbering.is_in_service(found[:1])[0]
    assert world.numbering.is_ours(found[:1])[0]


def test_brands_are_those_of_organisations(world: World, noon: int) -> None:
    found, _ = _shown(_campaign("brand_spoofing", world, noon), world, noon)

    assert set(found.tolist()) <= set(world.numbering.toll_free(np.arange(1_000, 1_030)).tolist())


@pytest.mark.parametrize("name", ["invalid_numbers", "wangiri"])
def test_nobody_in_the_us_has_these(name: str, world: World, noon: int) -> None:
    found, _ = _shown(_campaign(name, world, noon), world, noon)

    for number in np.unique(found).tolist():
        match = re.fullmatch(r"\+1([2-9]\d\d)([2-9]\d\d)\d{4}", text(number))
        assert not match or match[1] in {"473", "876", "284"} or any(code.endswith("11") for code in match.groups())
