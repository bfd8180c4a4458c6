"""One campaign: drawn when it is born, on air in some hours of its life, with numbers that it may change."""

from dataclasses import dataclass

import numpy as np

from models.traffic.fourth.arrays import Ints, draws, fractions, salt_of
from models.traffic.fourth.campaigns.kinds import CampaignKind
from models.traffic.fourth.network.world import World
from models.traffic.fourth.rhythm import HOURS, LocalHour
from models.traffic.span import HOUR_MS

MOST_LIFE_H = 96
_LIST_REACH = (0.004, 0.3)
"""A list holds from so few to so many of the subscribers."""
_QUIET = 0.35  # of the mean hour: below it no campaign calls


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign, as it was drawn.

    Attributes:
        number: counts campaigns of the carrier, from 1.
        kind: what it is.
        salt: of its hashes: numbers and lists are its own.
        begins_ms: its first instant, epoch milliseconds.
        ends_ms: the instant behind its last.
        weight: how many calls it makes on air, relative to others.
        pool: how many numbers it has at a time.
        customers: through whom its calls come.
        list_start: first of its list among the subscribers.
        list_size: how many its list holds.
        dead: share of dialled numbers that are nobody's.
        answer_shift: added to the log-odds that it is answered.
        talk_factor: by which its talks are longer.
    """

    number: int
    kind: CampaignKind
    salt: int
    begins_ms: int
    ends_ms: int
    weight: float
    pool: int
    customers: Ints
    list_start: int
    list_size: int
    dead: float
    answer_shift: float
    talk_factor: float

    @property
    def name(self) -> str:
        """What its calls are told by."""
        return f"{self.kind.name}-{self.number}"

    def activity(self, hour: LocalHour) -> float:
        """How many calls it makes in an hour, relative to others; 0 off the air."""
        lives_ms = min(self.ends_ms, hour.start_ms + HOUR_MS) - max(self.begins_ms, hour.start_ms)
        of_hour = pace(self.kind, hour)
        if lives_ms <= 0:
            return 0.0
        on_air = float(fractions(hour.hour // 2 if self.kind.duty < 0.5 else hour.hour, self.salt)[0])
        return self.weight * of_hour * lives_ms / HOUR_MS if on_air < self.kind.duty else 0.0

    def turn(self, hour: LocalHour) -> int:
        """How often it has changed its numbers by an hour."""
        return hour.hour // self.kind.renews_h if self.kind.renews_h else 0


def pace(kind: CampaignKind, hour: LocalHour) -> float:
    """How much campaigns of a kind call in an hour of the day, 1 on the mean; 0 where it is too quiet for them."""
    of_mean = float(HOURS[kind.hours][hour.of_day]) * 24
    return of_mean if of_mean >= _QUIET else 0.0


def born(kind: CampaignKind, number: int, begins_ms: int, world: World) -> Campaign:
    """Draw a campaign.

    Args:
        kind: what it is.
        number: another one for each campaign of a carrier.
        begins_ms: its first instant.
        world: the carrier.
    """
    random = draws(world.seed, "campaign", number)
    life_h = np.exp(random.uniform(np.log(kind.life_h[0]), np.log(kind.life_h[1])))
    subscribers = world.numbering.subscribers
    ways = int(random.integers(kind.ways[0], kind.ways[1] + 1))
    through = [kind.providers[i] for i in random.integers(len(kind.providers), size=ways)]
    reach = np.exp(random.uniform(*np.log(_LIST_REACH)))
    return Campaign(
        number=number,
        kind=kind,
        salt=salt_of(world.seed, f"campaign {number}"),
        begins_ms=begins_ms,
        ends_ms=begins_ms + round(min(life_h, MOST_LIFE_H - 2) * HOUR_MS),
        weight=kind.size * random.lognormal(0.0, 0.8),
        pool=int(np.exp(random.uniform(np.log(kind.pool[0]), np.log(kind.pool[1] + 1)))),
        customers=np.concatenate([world.providers.choose(one, 1, random) for one in through]),
        list_start=int(random.integers(subscribers)),
        list_size=max(50, int(reach * subscribers)),
        dead=random.uniform(*kind.dead),
        answer_shift=random.normal(0.0, 0.4),
        talk_factor=random.lognormal(0.0, 0.35),
    )
