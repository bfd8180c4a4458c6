"""Campaigns dial whom their way says."""

from dataclasses import replace

import numpy as np

from models.traffic.fourth.arrays import Ints
from models.traffic.fourth.campaigns.campaign import born
from models.traffic.fourth.campaigns.dialled import WAYS, dialled
from models.traffic.fourth.campaigns.kinds import KINDS
from models.traffic.fourth.network.world import World
from models.traffic.fourth.rhythm import local_hour
from models.traffic.span import HOUR_MS

SIZE = 1_000


def _dialled(name: str, world: World, noon: int) -> Ints:
    kind = next(kind for kind in KINDS if kind.name == name)
    campaign = replace(born(kind, 8, noon * HOUR_MS, world), dead=kind.dead[1])
    return dialled(campaign, local_hour(noon, -5), SIZE, world, np.random.default_rng(3))


def test_every_way_is_of_some_kind() -> None:
    assert set(WAYS) == {kind.dialled for kind in KINDS}


def test_a_list_holds_subscribers_and_few_dead_numbers(world: World, noon: int) -> None:
    found = _dialled("flood", world, noon)

    assert np.all(world.numbering.is_ours(found))
    assert np.mean(world.numbering.is_in_service(found)) > 0.9


def test_of_a_poor_list_many_are_dead(world: World, noon: int) -> None:
    assert 0.15 < np.mean(~world.numbering.is_in_service(_dialled("poor_list", world, noon))) < 0.7


def test_lines_are_dialled_one_after_the_other(world: World, noon: int) -> None:
    assert np.mean(np.diff(_dialled("sequential_dialling", world, noon)) == 1) > 0.8


def test_a_victim_has_three_lines_at_most(world: World, noon: int) -> None:
    found = _dialled("telephony_dos", world, noon)

    assert len(np.unique(found)) <= 3
    assert np.all(world.numbering.is_in_service(found))


def test_who_mimics_reminders_calls_the_same_persons_again(world: World, noon: int) -> None:
    assert len(np.unique(_dialled("reminder_mimic", world, noon))) < 0.95 * SIZE


def test_pumped_lines_are_toll_free(world: World, noon: int) -> None:
    assert set((_dialled("toll_free_pumping", world, noon) // 10_000_000).tolist()) <= {
        800,
        833,
        844,
        855,
        866,
        877,
        888,
    }
