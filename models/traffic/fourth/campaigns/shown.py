"""Which numbers campaigns show: each way is a function of the campaign, the hour and whom it calls."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.traffic.fourth.arrays import Ints, draws, hashed
from models.traffic.fourth.campaigns.campaign import Campaign
from models.traffic.fourth.network.numbers import impossible
from models.traffic.fourth.network.world import World
from models.traffic.fourth.rhythm import LocalHour

_INBOUND_ONLY = 40
"""How many numbers of banks and offices never call."""
_EACH = 7
"""A rotating pool shows a number for so many calls or fewer, and then the next."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a way to choose has before it.

    Attributes:
        campaign: that calls.
        hour: in which it calls.
        called: whom, in the order of the calls.
        world: the carrier.
        brands: numbers of organisations that people know.
        random: for what is not kept.
    """

    campaign: Campaign
    hour: LocalHour
    called: Ints
    world: World
    brands: Ints
    random: np.random.Generator

    def identities(self) -> Ints:
        """Integers of the numbers of its pool, one for each call: the pool is walked through in turn."""
        place = np.arange(len(self.called)) // _EACH + self.hour.hour * 977
        if self.campaign.pool <= 8:
            place = self.random.integers(0, self.campaign.pool, len(self.called))
        words = place % self.campaign.pool + self.campaign.turn(self.hour) * 1_000_003
        return hashed(words, self.campaign.salt + 21)


def shown(choice: Choice) -> Ints:
    """The calling numbers of a campaign in an hour, in the order of its calls."""
    return WAYS[choice.campaign.kind.shown](choice)


def _pool(choice: Choice) -> Ints:
    """Numbers of anywhere in the US, or for every second campaign of the carrier's own areas."""
    numbering = choice.world.numbering
    return (numbering.local if choice.campaign.salt % 2 else numbering.outside)(choice.identities())


def _local_pool(choice: Choice) -> Ints:
    return choice.world.numbering.local(choice.identities())


def _each(choice: Choice) -> Ints:
    """Another number for each call."""
    return choice.world.numbering.outside(choice.random.integers(0, 1 << 62, len(choice.called)))


def _neighbour(choice: Choice) -> Ints:
    """A number near each called one; of those without an area, some number."""
    is_near = choice.random.random(len(choice.called)) < 0.45
    return choice.world.numbering.beside(choice.called, is_near, choice.random)


def _victim(choice: Choice) -> Ints:
    """The number of one subscriber, who knows of nothing."""
    numbering = choice.world.numbering
    one = numbering.subscriber(hashed(choice.campaign.number, choice.campaign.salt + 22))
    return np.broadcast_to(one, len(choice.called))


def _lure(choice: Choice) -> Ints:
    return choice.world.numbering.lure(choice.identities())


def _impossible(choice: Choice) -> Ints:
    """A few numbers that nobody can have, others after each renewal."""
    random = draws(choice.world.seed, "impossible", choice.campaign.number, choice.campaign.turn(choice.hour))
    pool = impossible(random, choice.campaign.pool)
    return pool[choice.random.integers(0, len(pool), len(choice.called))]


def _inbound_only(choice: Choice) -> Ints:
    """Hotlines that never call, the same ones for all campaigns."""
    return choice.world.numbering.toll_free(choice.identities() % _INBOUND_ONLY)


def _brand(choice: Choice) -> Ints:
    """Numbers of organisations that do call, and whose calls people expect."""
    return choice.brands[choice.identities() % len(choice.brands)]


WAYS: dict[str, Callable[[Choice], Ints]] = {
    "pool": _pool,
    "local_pool": _local_pool,
    "each": _each,
    "neighbour": _neighbour,
    "victim": _victim,
    "lure": _lure,
    "impossible": _impossible,
    "inbound_only": _inbound_only,
    "brand": _brand,
}
"""Ways to choose what is shown, by the name that kinds have for them."""
