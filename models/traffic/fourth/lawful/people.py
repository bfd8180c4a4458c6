"""Persons: who talk with those they know, again and again and in both directions, and call businesses.

A person has a small circle. Most of its calls are with the first of it. Some subscribers have a number since yesterday.
"""

import numpy as np

from models.traffic.fourth.arrays import Floats, Ints, draws, fractions, hashed, salt_of
from models.traffic.fourth.attempts import Attempts, join, make
from models.traffic.fourth.network.outcomes import number_of
from models.traffic.fourth.network.world import World
from models.traffic.fourth.rhythm import HOURS, LocalHour, week_factor
from models.traffic.span import HOUR_MS

SHARES = {"person": 45.0, "person_to_business": 10.0, "new_number": 1.2}
"""Shares of all lawful calls, in hundredths, about."""
_BUSINESSES = 0.04  # of subscribers
_HAND_DIALLED_WRONG = 0.004
_CALLED_BACK = 0.09
_UNANSWERED = -4.0


class People:
    """Persons of a carrier and those whom they know elsewhere.

    Args:
        calls: calls of a usual weekday, by kind of `SHARES`.
        world: the carrier.
    """

    def __init__(self, calls: dict[str, float], world: World) -> None:
        random = draws(world.seed, "people")
        self.calls = sum(calls.values())
        self._calls, self._world = calls, world
        self._salt = salt_of(world.seed, "people")
        self._stays_here = random.uniform(0.25, 0.6)
        self._heaviness = random.uniform(1.4, 2.2)

    def attempts(self, hour: LocalHour) -> Attempts:
        """Their calls of an hour, in no order."""
        random = draws(self._world.seed, "people", hour.hour)
        known = self._between_known(self._count("person", hour, random), "person", hour, random)
        renewed = self._between_known(self._count("new_number", hour, random), "new_number", hour, random)
        shops = self._to_businesses(self._count("person_to_business", hour, random), hour, random)
        return join([known, renewed, shops])

    @staticmethod
    def week(weekday: int) -> float:
        """How much of a usual weekday's calls persons make on a day of the week."""
        return week_factor("life", weekday)

    def _count(self, kind: str, hour: LocalHour, random: np.random.Generator) -> int:
        of_hour = HOURS["life" if kind != "person_to_business" else "trade"][hour.of_day]
        return int(random.poisson(self._calls[kind] * of_hour * self.week(hour.weekday)))

    def _between_known(self, size: int, kind: str, hour: LocalHour, random: np.random.Generator) -> Attempts:
        """Calls of subscribers with their circles, some returned within minutes."""
        numbering = self._world.numbering
        who = (random.random(size) ** self._heaviness * numbering.subscribers).astype(np.int64)
        own = numbering.subscriber(who)
        if kind == "new_number":  # of subscribers who moved in on some day of the last two
            own = numbering.local(hashed(who % 4_000 + (hour.day + who % 2) // 2 * 4_001, self._salt + 1))
        circle = 2 + hashed(who, self._salt) % 11
        friend = hashed(who * 16 + (random.random(size) ** 2 * circle).astype(np.int64), self._salt + 2)
        stays = fractions(friend, self._salt + 3) < self._stays_here
        other = np.where(stays, numbering.subscriber(friend), numbering.outside(friend % (numbering.subscribers * 4)))
        is_outgoing = random.random(size) < 0.5
        setup_ms = hour.start_ms + random.integers(0, HOUR_MS, size)
        calling, called = np.where(is_outgoing, own, other), np.where(is_outgoing, other, own)
        is_missed = random.random(size) < _CALLED_BACK
        first = self._made(setup_ms, calling, called, kind, np.where(is_missed, _UNANSWERED, 0.3), random)
        back_ms = setup_ms + (random.exponential(420, size) * 1_000).astype(np.int64) + 45_000
        comes = is_missed & (back_ms < hour.start_ms + HOUR_MS)
        return join([first, self._made(back_ms[comes], called[comes], calling[comes], kind, 1.0, random)])

    def _to_businesses(self, size: int, hour: LocalHour, random: np.random.Generator) -> Attempts:
        """Calls to shops and offices among the subscribers, by other subscribers and from elsewhere."""
        numbering = self._world.numbering
        business = (random.random(size) ** 2 * numbering.subscribers * _BUSINESSES).astype(np.int64)
        called = numbering.subscriber(hashed(business, self._salt + 4) % numbering.subscribers)
        person = hashed(random.integers(0, numbering.subscribers * 2, size), self._salt + 5)
        is_ours = random.random(size) < 0.45
        calling = np.where(is_ours, numbering.subscriber(person), numbering.outside(person))
        setup_ms = hour.start_ms + random.integers(0, HOUR_MS, size)
        return self._made(setup_ms, calling, called, "person_to_business", 0.0, random)

    def _made(
        self, setup_ms: Ints, calling: Ints, called: Ints, kind: str, shift: Floats | float, random: np.random.Generator
    ) -> Attempts:
        numbering, providers = self._world.numbering, self._world.providers
        access = providers.customers("access")
        here = access[hashed(calling, self._salt + 6) % len(access)]
        customer = np.where(numbering.is_ours(calling), here, providers.subscribers_customer(calling))
        is_wrong = random.random(len(called)) < _HAND_DIALLED_WRONG
        behaviour = "to_business" if kind == "person_to_business" else "known"
        return make(
            setup_ms,
            calling,
            called + np.where(is_wrong, 9 - 2 * (called % 10), 0),
            customer=customer,
            behaviour=number_of(behaviour),
            answer_shift=np.where(is_wrong, 0.0, shift),
            talk_factor=np.where(is_wrong, 0.1, 1.0),
            kind=self._world.kind(kind),
        )
