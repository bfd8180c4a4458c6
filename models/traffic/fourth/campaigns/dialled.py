"""Whom campaigns dial: each way is a function of the campaign, the hour and how many calls are made in it."""

from collections.abc import Callable

import numpy as np

from models.traffic.fourth.arrays import Ints, hashed
from models.traffic.fourth.campaigns.campaign import Campaign
from models.traffic.fourth.network.world import World
from models.traffic.fourth.rhythm import LocalHour

Dialled = Callable[[Campaign, LocalHour, int, World, np.random.Generator], Ints]


def dialled(campaign: Campaign, hour: LocalHour, size: int, world: World, random: np.random.Generator) -> Ints:
    """The called numbers of a campaign in an hour, in the order of the calls; some are dead ones of a bad list."""
    found = WAYS[campaign.kind.dialled](campaign, hour, size, world, random)
    any_line = world.numbering.line(random.integers(0, 1 << 40, size))
    is_dead = random.random(size) < campaign.dead
    return np.where(is_dead & ~world.numbering.is_in_service(any_line), any_line, found)


def _list(campaign: Campaign, _: LocalHour, size: int, world: World, random: np.random.Generator) -> Ints:
    """Anybody on a bought list."""
    rank = random.integers(0, campaign.list_size, size)
    return world.numbering.subscriber(campaign.list_start + rank * 3)


def _again(campaign: Campaign, _: LocalHour, size: int, world: World, random: np.random.Generator) -> Ints:
    """A short list, of which most are called several times: as those who remind their customers do."""
    rank = (random.random(size) ** 1.5 * max(40, campaign.list_size // 8)).astype(np.int64)
    return world.numbering.subscriber(campaign.list_start + rank * 3)


def _in_sequence(campaign: Campaign, hour: LocalHour, size: int, world: World, random: np.random.Generator) -> Ints:
    """Line after line from another place each hour, in service or not; it misses one now and then."""
    start = int(hashed(hour.hour, campaign.salt + 11)[0])
    steps = np.where(random.random(size) < 0.9, 1, random.integers(1, 6, size))
    return world.numbering.line(start % (1 << 40) + np.cumsum(steps))


def _victims(campaign: Campaign, _: LocalHour, size: int, world: World, random: np.random.Generator) -> Ints:
    """One to three lines of a victim, mostly the first."""
    lines = hashed(np.arange(3), campaign.salt + 12) % world.numbering.subscribers
    return world.numbering.subscriber(lines[(random.random(size) ** 3 * 3).astype(np.int64)])


def _toll_free_lines(campaign: Campaign, _: LocalHour, size: int, world: World, random: np.random.Generator) -> Ints:
    """Toll-free numbers of organisations: whoever is called pays."""
    lines = hashed(np.arange(40), campaign.salt + 13)
    return world.numbering.toll_free(lines[random.integers(0, len(lines), size)])


WAYS: dict[str, Dialled] = {
    "list": _list,
    "again": _again,
    "in_sequence": _in_sequence,
    "victims": _victims,
    "toll_free_lines": _toll_free_lines,
}
"""Ways to choose whom to call, by the name that kinds have for them."""
