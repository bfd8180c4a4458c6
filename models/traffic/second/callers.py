"""Numbers, trunk groups and callers of the second author: who calls whom, what signs the call, and how it ends.

Shares nothing with the other authors' callers but the event contract.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from detector.contract.events import ReleasedBy

LINES = 10_000
"""Lines of a block, NPA-NXX."""
_STEP = 1_299_709
"""A prime: scatters consecutive persons over the blocks, and can be undone."""
_HOME_NPAS = ("614", "740", "220", "937", "326")
_AWAY_NPAS = (*_HOME_NPAS, "212", "305", "312", "404", "469", "512", "602", "702", "813", "917")
_TOLL_FREE_NPAS = ("800", "833", "844", "855", "866", "877", "888")
OURS = 4
"""One person in so many is a subscriber of this carrier."""
_CIRCLE = (1, 5, 17, 61, 211, 823, 2_411)
"""How far from a person the people are that the person calls, the nearest most."""

Dialled = tuple[str, bool]
"""A called number, and whether it is in service."""
Pair = Callable[[Random, float], tuple[str, Dialled]]
"""Calling number and called number of a call at a time, in seconds from the start."""


def blocks(random: Random, count: int, npas: Sequence[str]) -> list[str]:
    """Draw `count` different NPA-NXX, none of a service code."""
    found: dict[str, None] = {}
    while len(found) < count:
        office = random.randrange(200, 1000)
        if office % 100 != 11:
            found[f"{random.choice(npas)}{office}"] = None
    return list(found)


class Numbering:
    """The numbers of a region: persons of this carrier and of others, and what hosted providers give to businesses."""

    def __init__(self, people: int, random: Random) -> None:
        self.people = people - people % OURS
        self.home = blocks(random, max(4, self.people // OURS // 5_500), _HOME_NPAS)
        self.away = blocks(random, max(12, self.people * 3 // OURS // 3_000), _AWAY_NPAS)
        self.hosted = blocks(random, 30, _AWAY_NPAS)

    def person(self, who: int) -> str:
        """Number of a person; every fourth is a subscriber of this carrier."""
        row, other = divmod(who, OURS)
        if other == 0:
            return self.line(self.home, row * _STEP)
        return self.line(self.away, (row * 3 + other - 1) * _STEP)

    @staticmethod
    def line(of: Sequence[str], line: int) -> str:
        """The number of a line, counted through blocks and around."""
        block, last = divmod(line % (len(of) * LINES), LINES)
        return f"+1{of[block]}{last:04d}"

    def dialled_line(self, line: int) -> Dialled:
        """A line of this carrier, counted through its blocks: not all are assigned."""
        size = len(self.home) * LINES
        row = line % size * pow(_STEP, -1, size) % size
        return self.line(self.home, line), row < self.people // OURS

    def subscriber(self, random: Random) -> str:
        """Any subscriber of this carrier."""
        return self.person(OURS * random.randrange(self.people // OURS))

    def talkative(self, random: Random) -> int:
        """A person who calls: some do much more than others."""
        return int(self.people * random.random() ** 2)

    def known(self, random: Random, who: int) -> int:
        """Somebody whom a person calls, and who calls back: one of the two is a subscriber of this carrier."""
        near = int(len(_CIRCLE) * random.random() ** 2)
        away = OURS * _CIRCLE[near] * random.choice((-1, 1))
        other = who % OURS
        return (who - other + away + (0 if other else random.randrange(OURS))) % self.people

    def stranger(self, random: Random) -> str:
        """Any line of another carrier, whether it is somebody's or not."""
        return self.line(self.away, random.randrange(10**9))

    def toll_free(self, random: Random) -> str:
        """A toll-free number."""
        return f"+1{blocks(random, 1, _TOLL_FREE_NPAS)[0]}{random.randrange(LINES):04d}"

    def rented(self, random: Random, count: int, spread: int) -> list[str]:
        """Give `count` numbers of hosted providers, not all different, of at most `spread` blocks."""
        chosen = random.sample(self.hosted, min(spread, len(self.hosted)))
        return [f"+1{random.choice(chosen)}{random.randrange(LINES):04d}" for _ in range(count)]


@dataclass(frozen=True, slots=True)
class Trunk:
    """A trunk group: who is behind it, what share of its calls comes signed, and how (weights of A, B, C)."""

    name: str
    kind: str
    ocn: str
    signed: float
    levels: tuple[float, float, float]
    origids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Carried:
    """How a call came in; `level` is empty where there was no signature, `F` where it did not verify."""

    trunk: Trunk
    level: str = ""
    origid: str = ""


Route = Callable[[Random, float, str], Carried]


_TRUNK_KINDS = {
    "access": (0.12, 0.0, (1.0, 0.0, 0.0)),
    "tier1": (0.14, 0.80, (0.94, 0.05, 0.01)),
    "regional": (0.26, 0.30, (0.75, 0.17, 0.08)),
    "wholesale": (0.22, 0.55, (0.35, 0.15, 0.50)),
    "hosted": (0.22, 0.60, (0.55, 0.30, 0.15)),
    "gateway": (0.04, 0.75, (0.02, 0.03, 0.95)),
}
"""Share of the trunk groups, share of calls signed, weights of A, B, C. What tier-1 carriers and others sign: TNS, 2023
to 2025; what arrives signed at small carriers: TransNexus, 2024."""


def trunks(random: Random, count: int) -> dict[str, list[Trunk]]:
    """About so many trunk groups by kind, at least two of each."""
    found: dict[str, list[Trunk]] = {}
    for kind, (share, signed, levels) in _TRUNK_KINDS.items():
        found[kind] = [
            Trunk(
                f"{kind[:3].upper()}{number:02d}",
                kind,
                f"{random.randrange(1000, 9999)}",
                min(0.95, signed * random.uniform(0.7, 1.25)),
                levels,
                tuple(f"{random.getrandbits(64):016x}" for _ in range(random.choice((1, 2, 4)))),
            )
            for number in range(max(2, round(count * share)))
        ]
    return found


def signed(random: Random, trunk: Trunk) -> Carried:
    """A call of no customer in particular, signed as calls of that trunk group are."""
    if random.random() >= trunk.signed:
        return Carried(trunk)
    level = "F" if random.random() < 0.012 else random.choices("ABC", trunk.levels)[0]
    return Carried(trunk, level, random.choice(trunk.origids))


Talk = tuple[tuple[float, float, float], ...]
"""A mixture of talk times: weight, median in seconds, sigma of the logarithm."""


@dataclass(frozen=True, slots=True)
class Ends:
    """How the calls of somebody end. Ring times to answer have modes at 8 s and 20 s."""

    answered: float
    talk: Talk
    patience_s: float = 24.0
    busy: float = 0.04
    declined: float = 0.03
    caller_hangs_up: float = 0.5

    def finish(self, random: Random, in_service: bool, setup_ms: int) -> tuple[int, int | None, int, int, ReleasedBy]:
        """SIP status, answer and end in epoch milliseconds, Q.850 cause, and who released the call.

        The answer is None where there was none; the end lies after the set-up, and after the answer.
        """

        def after(seconds: float) -> int:
            return setup_ms + 1 + int(1_000 * seconds)

        if not in_service:
            status, cause = (404, 1) if random.random() < 0.85 else (484, 28)
            return status, None, after(random.uniform(0.2, 2.0)), cause, ReleasedBy.NETWORK
        drawn = random.random()
        ring = max(1.0, random.gauss(*((8, 2.5) if random.random() < 0.6 else (20, 3))))
        if drawn < self.answered:
            _, median, sigma = random.choices(self.talk, [part[0] for part in self.talk])[0]
            seconds = min(7_200.0, median * math.exp(sigma * random.gauss(0, 1)))
            by = ReleasedBy.CALLING if random.random() < self.caller_hangs_up else ReleasedBy.CALLED
            return 200, after(ring), after(ring + seconds) + 1, 16, by
        if drawn < self.answered + self.busy:
            return 486, None, after(random.uniform(0.4, 2.0)), 17, ReleasedBy.CALLED
        if drawn < self.answered + self.busy + self.declined:
            return 603, None, after(random.uniform(2.0, 9.0)), 21, ReleasedBy.CALLED
        if random.random() < 0.2:
            return 480, None, after(random.uniform(1.0, 35.0)), 20, ReleasedBy.NETWORK
        return 487, None, after(max(0.8, random.gauss(self.patience_s, self.patience_s / 4))), 16, ReleasedBy.CALLING


@dataclass(slots=True)
class Sender:
    """Somebody who places calls, lawful where `campaign` is empty: at random instants, so many a second.

    `hours` names the daily rhythm; times are in seconds from the start of the traffic.
    """

    kind: str
    rate: float
    pair: Pair
    route: Route
    ends: Ends
    hours: str = "office"
    begin_s: float = 0.0
    stop_s: float = math.inf
    campaign: str = ""
    named: float = 0.5
