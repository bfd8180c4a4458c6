"""The campaigns of the second author: what a robocaller does, and what of it overlaps with lawful callers."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from models.traffic.second.callers import Carried, Dialled, Ends, Pair, Route, Sender, Trunk
from models.traffic.second.lawful import CHAT, MESSAGE, PITCH, Setting, customer, dials, returned

ROBOT = ((0.5, 4.5, 0.6), (0.4, 24.0, 0.3), (0.1, 90.0, 0.8))
"""Hung up on, listened to, spoken with: two peaks below 50 s as in US patent 10,701,205."""
PADDED = ((0.85, 75.0, 0.5), (0.15, 200.0, 0.6))


@dataclass(frozen=True, slots=True)
class Habit:
    """What makes a kind: where its numbers come from, how many calls each makes, how long it runs, in minutes."""

    numbers: str
    calls_a_number: tuple[float, float]
    minutes: tuple[float, float]
    weight: float


HABITS = {
    "flood": Habit("one", (1, 1), (4, 60), 0.08),
    "snowshoe": Habit("any", (1.5, 12), (40, 200), 0.14),
    "one_number_per_call": Habit("fresh", (1, 1), (15, 150), 0.10),
    "neighbour_spoofing": Habit("neighbour", (1, 1), (15, 150), 0.10),
    "sequential_dialling": Habit("any", (20, 400), (10, 120), 0.06),
    "low_and_slow": Habit("rented", (8, 40), (240, 700), 0.06),
    "hijacked_number": Habit("person", (1, 1), (20, 150), 0.05),
    "wangiri": Habit("foreign", (10, 200), (10, 90), 0.05),
    "telephony_dos": Habit("any", (1, 20), (5, 60), 0.04),
    "invalid_numbers": Habit("invalid", (1, 60), (20, 120), 0.04),
    "do_not_originate": Habit("toll_free", (40, 400), (20, 120), 0.04),
    "a_attested_rotation": Habit("rented", (3, 25), (30, 200), 0.09),
    "trunk_hopping": Habit("any", (5, 60), (30, 150), 0.05),
    "padded_durations": Habit("rented", (10, 80), (30, 150), 0.05),
    "poor_list": Habit("any", (20, 200), (10, 90), 0.03),
    "stop_and_return": Habit("any", (5, 60), (20, 60), 0.05),
}


@dataclass(frozen=True, slots=True)
class Cunning:
    """How campaigns look: median calls and spread, and the shares that behave or travel as lawful callers do.

    `clean` have lists as good as those of call centres, `spoken` talk times of lawful callers, `anywhere` come in by
    any trunk group, `own_origid` are signed under an origination id of their own.
    """

    median_calls: float
    spread: float
    clean: float
    spoken: float
    anywhere: float
    own_origid: float


def campaigns(at: Setting, random: Random, cunning: Cunning, calls: float) -> Iterator[Sender]:
    """Campaigns of about so many calls together, each kind at least once.

    Args:
        at: Where they are put.
        random: The generator's own source of chance.
        cunning: How well they hide.
        calls: Robocalls of the whole span.
    """
    left, number = calls, 0
    kinds = sorted(HABITS, key=lambda _: random.random())
    while left > 0 or number < len(kinds):
        weights = [HABITS[kind].weight for kind in kinds]
        kind = kinds[number] if number < len(kinds) else random.choices(kinds, weights)[0]
        habit = HABITS[kind]
        size = max(30.0, min(calls / 8, cunning.median_calls * math.exp(cunning.spread * random.gauss(0, 1))))
        length = min(at.length_s, 60 * random.uniform(*habit.minutes))
        begin = random.uniform(-0.1 * length, at.length_s - 0.5 * length)
        name = f"{kind}-{number}"
        yield from campaign(at, random, cunning, kind, name, size, begin, length)
        left -= size * min(1.0, (at.length_s - begin) / length)
        number += 1


def campaign(
    at: Setting, random: Random, cunning: Cunning, kind: str, name: str, size: float, begin: float, length: float
) -> Iterator[Sender]:
    """One campaign, and what lawful calls it brings about."""
    habit = HABITS[kind]
    route = _route(at, random, cunning, kind)
    ends, bad = _ends(random, cunning, kind)
    named = random.choice((0.0, 0.2, 0.6, 1.0))
    parts = [(begin, length, size)]
    if kind == "stop_and_return":
        parts = [(begin, length / 3, size / 2), (begin + length * 2 / 3, length / 3, size / 2)]
    for start, lasts, calls in parts:
        calling = _calling(at, random, habit, max(1, round(calls / random.uniform(*habit.calls_a_number))))
        called = _called(at, random, kind, calls, bad)
        pair = _joined(calling, called)
        yield Sender(kind, calls / lasts, pair, route, ends, "always", start, start + lasts, name, named)
    if kind in {"hijacked_number", "flood"}:
        victim = calling(random, "")
        yield returned(at, victim, begin + 240, size * random.uniform(0.1, 0.5))
        if kind == "hijacked_number":
            pair = dials(lambda random: at.numbers.person(4 * random.randrange(30)), [victim], 0.01)
            yield Sender("person", 1 / 500, pair, customer(at, random, "tier1 regional"), Ends(0.66, CHAT), "person")


def _joined(calling: Callable[[Random, str], str], called: Callable[[Random], Dialled]) -> Pair:
    def pair(random: Random, _now: float) -> tuple[str, Dialled]:
        dialled = called(random)
        return calling(random, dialled[0]), dialled

    return pair


def _calling(at: Setting, random: Random, habit: Habit, count: int) -> Callable[[Random, str], str]:
    """Calling number of a call to a number."""
    if habit.numbers == "fresh":
        return lambda random, _: at.numbers.stranger(random)
    if habit.numbers == "neighbour":
        share = random.uniform(0.4, 1.0)
        return lambda random, to: (
            f"{to[:8]}{random.randrange(10**4):04d}"
            if random.random() < share
            else f"{to[:5]}{at.numbers.stranger(random)[5:]}"
        )
    makers: dict[str, Callable[[], str]] = {
        "one": lambda: random.choice((at.numbers.rented(random, 1, 1)[0], at.numbers.stranger(random))),
        "any": lambda: at.numbers.stranger(random),
        "person": lambda: at.numbers.person(at.numbers.talkative(random)),
        "foreign": lambda: f"+{random.choice((252, 371, 216, 675, 53, 222))}{random.randrange(10**7, 10**8)}",
        "invalid": lambda: random.choice(("+1911", "+1055", "+1511", "", "+1000")) + f"{random.randrange(10**6):06d}",
        "toll_free": lambda: at.numbers.toll_free(random),
    }
    spread = random.choice((1, 3, 12))
    own = at.numbers.rented(random, count, spread) if habit.numbers == "rented" else []
    pool = own or [makers[habit.numbers]() for _ in range(1 if habit.numbers in {"one", "person"} else count)]
    return lambda random, _: random.choice(pool)


def _called(at: Setting, random: Random, kind: str, calls: float, bad: float) -> Callable[[Random], Dialled]:
    """Called numbers: a victim, lines in sequence, a list that is worked through, or anybody."""
    if kind == "telephony_dos":
        victims = [at.numbers.subscriber(random) for _ in range(random.choice((1, 1, 3)))]
        return lambda random: (random.choice(victims), True)
    if kind == "sequential_dialling":
        start, place, step = random.randrange(10**9), iter(range(10**9)), random.choice((1, 1, 1, 2, 5))
        return lambda _: at.numbers.dialled_line(start + step * next(place))
    listed = [at.numbers.subscriber(random) for _ in range(round(calls / random.uniform(1.0, 1.3)))]
    if random.random() < 0.5:
        return lambda random: (random.choice(listed), random.random() >= bad)
    return lambda random: (at.numbers.subscriber(random), random.random() >= bad)


def _ends(random: Random, cunning: Cunning, kind: str) -> tuple[Ends, float]:
    """How its calls end, and what share of the called numbers is out of service."""
    bad = random.uniform(0.01, 0.06) if random.random() < cunning.clean else random.uniform(0.06, 0.18)
    if kind == "poor_list":
        bad = random.uniform(0.2, 0.5)
    talk = random.choice((MESSAGE, PITCH)) if random.random() < cunning.spoken else ROBOT
    if kind == "wangiri":
        return Ends(0.02, ROBOT, random.uniform(1.5, 4.5), 0.01, 0.0, 0.9), bad
    if kind == "padded_durations":
        return Ends(random.uniform(0.35, 0.6), PADDED, 22.0), bad
    declined = random.uniform(0.02, 0.08)
    return Ends(random.uniform(0.22, 0.6), talk, random.uniform(15, 28), 0.04, declined, random.uniform(0.3, 0.7)), bad


def _route(at: Setting, random: Random, cunning: Cunning, kind: str) -> Route:
    """Trunk groups and signature: shares of robocalls signed A, B, C and not as TransNexus saw them, 2022 to 2024."""
    usual = "hosted hosted wholesale wholesale wholesale gateway"
    kinds = "hosted wholesale regional tier1" if random.random() < cunning.anywhere else usual
    if kind == "wangiri":
        kinds = "gateway gateway wholesale"
    count = random.choice((4, 8)) if kind == "trunk_hopping" else random.choice((1, 1, 2, 3))
    own: list[Trunk] = [at.any_trunk(random, kinds) for _ in range(count)]
    level = random.choices(("A", "B", "C", ""), (0.16, 0.19, 0.25, 0.40))[0]
    if kind == "a_attested_rotation":
        level = "A"
    origid = f"{random.getrandbits(64):016x}" if random.random() < cunning.own_origid else ""
    stays_s, arrives = random.uniform(60, 600), random.uniform(0.75, 1.0)

    def route(random: Random, now: float, _calling: str) -> Carried:
        at_once = own[int(now / stays_s) % len(own)] if kind == "trunk_hopping" else random.choice(own)
        if not level or random.random() >= arrives:
            return Carried(at_once)
        return Carried(at_once, level, origid or at_once.origids[-1])

    return route
