"""Providers whose calls reach the carrier, their customers, and the trunk groups that the calls come in by.

A customer is whoever has an origid: one enterprise, or a reseller with all that call through it, lawful or not.
"""

from dataclasses import dataclass

import numpy as np

from models.traffic.fourth.arrays import Floats, Ints, draws, hashed, skewed
from models.traffic.fourth.attempts import Attempts

Band = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ProviderKind:
    """What providers of a kind are like; each is drawn from these ranges.

    Attributes:
        providers: how many there are.
        customers: how many origids each has.
        direct: share of calls by trunk groups of its own; the others come through somebody else.
        signs: share of calls that it signs.
        own: shares of A and B among signed calls with a number that it gave to its customer; the rest is C.
        borrowed: likewise, with a number that the customer has from elsewhere.
        spoofed: likewise, with a number of somebody else.
        lax: chance that it takes every number for one that it gave.
    """

    providers: Band
    customers: Band
    direct: Band
    signs: Band
    own: tuple[float, float]
    borrowed: tuple[float, float]
    spoofed: tuple[float, float]
    lax: float = 0.0


KINDS: dict[str, ProviderKind] = {
    "access": ProviderKind((1, 1), (2, 5), (1.0, 1.0), (0.0, 0.3), (1.0, 0.0), (0.0, 1.0), (0.0, 1.0)),
    "mobile": ProviderKind((3, 4), (2, 9), (0.6, 0.95), (0.6, 0.95), (0.97, 0.02), (0.7, 0.2), (0.1, 0.3)),
    "cable": ProviderKind((2, 4), (1, 6), (0.5, 0.95), (0.5, 0.9), (0.93, 0.06), (0.4, 0.5), (0.08, 0.5)),
    "rural": ProviderKind((1, 3), (1, 2), (0.2, 0.8), (0.0, 0.1), (0.9, 0.1), (0.2, 0.6), (0.0, 0.3)),
    "enterprise": ProviderKind((2, 4), (10, 40), (0.4, 0.9), (0.4, 0.85), (0.85, 0.13), (0.3, 0.6), (0.1, 0.5), 0.15),
    "platform": ProviderKind((2, 4), (8, 40), (0.4, 0.9), (0.5, 0.9), (0.92, 0.07), (0.45, 0.45), (0.1, 0.6), 0.35),
    "dialler": ProviderKind((2, 4), (5, 20), (0.2, 0.8), (0.35, 0.85), (0.75, 0.2), (0.3, 0.5), (0.1, 0.55), 0.35),
    "wholesale": ProviderKind((2, 5), (3, 14), (0.5, 1.0), (0.2, 0.6), (0.4, 0.4), (0.15, 0.5), (0.05, 0.45), 0.25),
    "gateway": ProviderKind((1, 3), (1, 4), (0.6, 1.0), (0.3, 0.8), (0.02, 0.08), (0.0, 0.1), (0.0, 0.06), 0.1),
}
_TRANSIT = "wholesale"
"""Through whom calls come that do not come direct, beside tandem switches, whose lines carry no signature."""
LEVELS = ("", "A", "B", "C")
_SKEW = 0.8  # of customers: the first resellers of a provider have most of its calls


@dataclass(frozen=True, slots=True)
class Routes:
    """By which way calls come in; one element of each column is a call.

    Attributes:
        trunk: index into `Providers.trunks`.
        level: index into `LEVELS`, 0 where no signature arrived.
    """

    trunk: Ints
    level: Ints


class Providers:
    """Providers, customers and trunk groups of a carrier, drawn from a seed.

    Attributes:
        trunks: (name, operating company number) of each trunk group.
        origids: of each customer.
        signers: service provider code that a customer's calls are signed with, for each customer.
    """

    def __init__(self, seed: int) -> None:
        random = draws(seed, "providers")
        self._seed = seed
        self.trunks: list[tuple[str, str]] = []
        self.origids: list[str] = []
        self.signers: list[str] = []
        self._of: dict[str, tuple[Ints, Floats]] = {}
        self._codes = random.permutation(9_000) + 1_000
        self._keeps: list[float] = []
        self._transit = self._new_trunks("tandem", random, keeps=0.0)
        rows: list[tuple[list[int], Floats, float, Floats]] = []
        for name in (_TRANSIT, *(name for name in KINDS if name != _TRANSIT)):
            rows += self._new_kind(name, random)
        self._ways = np.array([row[0] for row in rows])
        self._way_shares = np.cumsum([row[1] for row in rows], axis=1)
        self._signs = np.array([row[2] for row in rows])
        self._level_shares = np.cumsum([row[3] for row in rows], axis=2)  # (customers, rights, A and B)
        self._kept = np.array(self._keeps)

    def customers(self, kind: str) -> Ints:
        """Customers of all providers of a kind."""
        return self._of[kind][0]

    def choose(self, kind: str, size: int, random: np.random.Generator) -> Ints:
        """Draw customers of a kind of provider, some of them again and again: so callers share an origid."""
        customers, weights = self._of[kind]
        return random.choice(customers, size, p=weights)

    def routes(self, attempts: Attempts, random: np.random.Generator) -> Routes:
        """Draw by which trunk group each call comes in and which signature arrives with it."""
        customer, size = attempts.customer, len(attempts)
        way = (random.random(size)[:, None] > self._way_shares[customer]).sum(axis=1)
        trunk = self._ways[customer, np.minimum(way, self._ways.shape[1] - 1)]
        arrives = random.random(size) < self._signs[customer] * self._kept[trunk]
        level = 1 + (random.random(size)[:, None] > self._level_shares[customer, attempts.right]).sum(axis=1)
        return Routes(trunk, np.where(arrives, level, 0))

    def subscribers_customer(self, numbers: Ints) -> Ints:
        """The customer by whose provider a person of another carrier calls, always the same for a number."""
        word = hashed(numbers, self._seed)
        found = np.empty(len(numbers), dtype=np.int64)
        for first, kind in enumerate(("mobile", "cable", "rural")):
            is_of = np.digitize(word % 100, (62, 92)) == first
            customers = self.customers(kind)
            found[is_of] = customers[(word[is_of] >> 8) % len(customers)]
        return found

    def _new_kind(self, name: str, random: np.random.Generator) -> list[tuple[list[int], Floats, float, Floats]]:
        kind, rows, weights, first = KINDS[name], [], [], len(self.origids)
        for _ in range(random.integers(int(kind.providers[0]), int(kind.providers[1]) + 1)):
            trunks = self._new_trunks(name, random, keeps=random.uniform(0.85, 1.0))
            size = int(random.integers(int(kind.customers[0]), int(kind.customers[1]) + 1))
            signer, ocn = f"{self._codes[len(self.origids)]}", random.bytes(16)
            direct, signs = random.uniform(*kind.direct), random.uniform(*kind.signs)
            levels = np.array([kind.own, kind.own, kind.own] if random.random() < kind.lax
                              else [kind.own, kind.borrowed, kind.spoofed])  # fmt: skip
            for rank in range(size):
                self.signers.append(signer)
                self.origids.append(_origid(ocn, rank))
                rows.append((*self._ways_of(trunks, direct, random), signs, levels))
            weights.append(skewed(size, _SKEW) * random.uniform(0.3, 1.0))
        shares = np.concatenate(weights)
        self._of[name] = np.arange(first, len(self.origids)), shares / shares.sum()
        if name == _TRANSIT:
            self._transit += sorted({way for row in rows for way in row[0][:2]})
        return rows

    def _ways_of(self, trunks: list[int], direct: float, random: np.random.Generator) -> tuple[list[int], Floats]:
        """Two trunk groups of the provider and one of somebody else, with the shares of a customer's calls."""
        own = random.choice(trunks, 2)
        usual = random.uniform(0.5, 0.98)
        transit = random.choice(self._transit)
        return [*own.tolist(), int(transit)], np.array([direct * usual, direct * (1 - usual), 1 - direct])

    def _new_trunks(self, kind: str, random: np.random.Generator, *, keeps: float) -> list[int]:
        first, ocn = len(self.trunks), f"{self._codes[-1 - len(self.trunks)]}"
        for number in range(random.integers(1, 4)):
            self.trunks.append((f"{kind[:2].upper()}{self._codes[len(self.trunks)]}-{number + 1}", ocn))
            self._keeps.append(keeps)
        return list(range(first, len(self.trunks)))


def _origid(provider: bytes, rank: int) -> str:
    """An origid in the form of a UUID."""
    digits = f"{int.from_bytes(provider, 'big') ^ (rank * 0x9E3779B97F4A7C15F39CC060):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
