"""A carrier drawn from a seed, and its calls of any hour.

Nothing is remembered from hour to hour. So an hour has the same calls in whatever span it is asked for, and the
carrier's history, the hours learnt from and those judged can be made apart.
"""

import math

import numpy as np

from models.traffic.fourth.arrays import Ints, draws
from models.traffic.fourth.attempts import join
from models.traffic.fourth.calls import Calls
from models.traffic.fourth.campaigns import kinds as campaigns
from models.traffic.fourth.campaigns.crowd import Crowd
from models.traffic.fourth.kinds import CAMPAIGN_KINDS, LAWFUL_KINDS
from models.traffic.fourth.lawful import kinds as lawful
from models.traffic.fourth.lawful.organisations import Organisations
from models.traffic.fourth.lawful.people import SHARES, People
from models.traffic.fourth.network.numbers import Numbering
from models.traffic.fourth.network.outcomes import ends
from models.traffic.fourth.network.providers import Providers
from models.traffic.fourth.network.world import World
from models.traffic.fourth.rhythm import week_factor

_DAY_S = 86_400
_FEWEST_SUBSCRIBERS = 1_500
_LACKS = 0.1  # of kinds that a carrier may lack
_CAMPAIGN_KINDS = (16, 20)
_HELD_BACK = (3, 6)
_RETURNED = 1.07  # calls of persons, with those back


class Carrier:
    """A carrier, its callers and the campaigns against it.

    Args:
        seed: at least 0; all that is drawn follows from it.
        calls_per_second: mean rate of all calls on a usual weekday, about.
        robocall_share: share of robocalls among them, about.
        new_kinds_ms: until this instant some kinds of campaign are held back.

    Attributes:
        world: numbers, providers, local time and names of kinds.
        later_kinds: the kinds that are held back.
        campaign_kinds: all its kinds of campaign.
    """

    def __init__(self, seed: int, calls_per_second: float, robocall_share: float, new_kinds_ms: int) -> None:
        random = draws(seed, "carrier")
        calls = calls_per_second * _DAY_S * (1 - robocall_share)
        subscribers = max(_FEWEST_SUBSCRIBERS, round(calls / random.uniform(2.5, 6.0)))
        self.world = World(
            seed,
            Numbering(seed, subscribers),
            Providers(seed),
            int(random.integers(-7, -3)),
            (*LAWFUL_KINDS, *CAMPAIGN_KINDS),
        )
        self._draw_lawful(calls, random)
        chosen = random.permutation(len(campaigns.KINDS))[: random.integers(_CAMPAIGN_KINDS[0], _CAMPAIGN_KINDS[1] + 1)]
        held_back = int(random.integers(_HELD_BACK[0], _HELD_BACK[1] + 1))
        later = tuple(campaigns.KINDS[i] for i in chosen[:held_back])
        kinds = tuple(campaigns.KINDS[i] for i in chosen[held_back:])
        self.later_kinds = tuple(kind.name for kind in later)
        self.campaign_kinds = tuple(kind.name for kind in (*kinds, *later))
        robocalls = robocall_share * calls_per_second * _DAY_S
        self._crowd = Crowd(kinds, later, new_kinds_ms, robocalls, self._brands(), self.world)

    def calls(self, hour: int) -> Calls:
        """All calls of an hour since the epoch, in order of their set-up. They are always the same."""
        world = self.world
        local = world.local(hour)
        lawful_calls = [self._people.attempts(local), *(one.attempts(local) for one in self._organisations)]
        attempts = join([*lawful_calls, self._crowd.attempts(local, self._of_usual(local.weekday))])
        attempts = attempts.take(attempts.calling != attempts.called)
        attempts = attempts.take(np.argsort(attempts.setup_ms, kind="stable"))
        numbering, random = world.numbering, draws(world.seed, "network", hour)
        routes = world.providers.routes(attempts, random)
        how = ends(attempts, numbering.is_in_service(attempts.called), numbering.is_trap(attempts.called), random)
        return Calls((hour << 24) + np.arange(len(attempts)), attempts, routes, how)

    def _draw_lawful(self, calls: float, random: np.random.Generator) -> None:
        rows = [row for row in lawful.ROWS if row.name in lawful.ALWAYS_THERE or random.random() > _LACKS]
        weights = [row.weight * random.lognormal(0.0, 0.5) for row in rows]
        of_people = {kind: share * random.lognormal(0.0, 0.2) for kind, share in SHARES.items()}
        unit = calls / (sum(weights) + sum(of_people.values()))
        people = {kind: share * unit / _RETURNED for kind, share in of_people.items()}
        self._people = People(people, self.world)
        self._organisations = [
            Organisations(row, lawful.ROWS.index(row), weight * unit / row.tries, self.world)
            for row, weight in zip(rows, weights, strict=True)
        ]

    def _brands(self) -> Ints:
        known = [one.shown_numbers() for one in self._organisations if one.kind.name in lawful.BRANDS]
        return np.concatenate(known or [self.world.numbering.toll_free(np.arange(20))])

    def _of_usual(self, weekday: int) -> float:
        """Lawful calls of a day of the week over those of a usual weekday."""
        parts = [(one.calls * one.kind.tries, week_factor(one.kind.week, weekday)) for one in self._organisations]
        parts.append((self._people.calls * _RETURNED, People.week(weekday)))
        return math.fsum(calls * factor for calls, factor in parts) / math.fsum(calls for calls, _ in parts)
