"""The carrier of the third author: its subscribers, its peers and their trunk groups, and how calls are answered."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""One entry a call, customer or provider. A number is an integer: ten digits, or below 0 a place in `Carrier.odd`."""

_NPAS = np.array([
    205, 212, 214, 216, 219, 225, 240, 248, 253, 267, 281, 302, 303, 305, 310, 312, 314, 317, 319, 321, 330, 336,
    347, 352, 360, 385, 402, 404, 405, 407, 410, 412, 414, 415, 423, 469, 478, 480, 502, 503, 504, 512, 513, 515,
    518, 540, 559, 561, 571, 585, 601, 602, 605, 609, 612, 614, 615, 616, 617, 619, 626, 630, 646, 651, 678, 702,
    703, 704, 713, 714, 716, 718, 720, 727, 734, 757, 763, 770, 773, 786, 801, 803, 804, 805, 808, 813, 816, 817,
    832, 847, 850, 858, 901, 903, 904, 908, 910, 916, 919, 925, 936, 941, 951, 954, 971, 972, 980,
])  # fmt: skip
_TOLL_FREE = np.array([800, 833, 844, 855, 866, 877, 888])
NONE, A, B, C = range(4)
"""Attestation levels, as stored."""
_PROVIDERS = {
    "own": (1, 1.0, (0.96, 0.04, 0.0), 0.0, 25),
    "wireless": (3, 0.95, (0.96, 0.03, 0.01), 62, 4),
    "cable": (6, 0.8, (0.9, 0.08, 0.02), 20, 10),
    "rural": (14, 0.3, (0.8, 0.1, 0.1), 10, 8),
    "voip": (22, 0.75, (0.6, 0.32, 0.08), 6, 45),
    "wholesale": (5, 0.5, (0.15, 0.45, 0.4), 1, 6),
    "gateway": (4, 0.6, (0.0, 0.12, 0.88), 1, 2),
}
"""By type: how many, signed share, levels A, B, C of the signed, weight among persons and among business customers."""
_TYPES = list(_PROVIDERS)
LAWFUL_SHARES = {
    "person": 52, "person_to_business": 13, "business": 12, "outbound_call_centre": 6, "call_centre_back": 2,
    "reminder": 4, "mass_alert": 3, "passcode": 2, "delivery": 3, "debt_collection": 2.5, "political": 1.3,
    "survey": 1, "ride_proxy": 2.5, "conference": 1.5, "new_number": 1.5, "machine": 1, "international": 1,
    "anonymous": 1,
}  # fmt: skip
"""Lawful kinds and their usual shares of lawful calls, in per cent; each carrier has shares near them."""
ROBOCALL_KINDS = (
    "flood", "snowshoe", "one_number_per_call", "neighbour_spoofing", "sequential_dialling", "low_and_slow",
    "hijacked_number", "wangiri", "telephony_dos", "invalid_numbers", "a_attested_rotation", "trunk_hopping",
    "padded_durations", "poor_list", "stop_and_return",
)  # fmt: skip


def mixed(number: Any, salt: int) -> Array:
    """Give a uniform number in [0, 1) that is always the same for a number and a salt, in the shape of `number`."""
    x = (np.asarray(number, np.int64).astype(np.uint64) + np.uint64(salt * 7919 + 1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    mantissa: Array = ((x ^ (x >> np.uint64(32))) >> np.uint64(11)).astype(np.float64)
    return mantissa / 2.0**53


class Carrier:
    """One terminating carrier for some hours. All that is random here and in its traffic comes from `random`, in turn.

    Times are seconds from the start of the traffic; what is judged begins at `history_s` and ends at `span_s`. Arrays
    of numbers hold ten national digits as an integer, or a code below 0 that `number` knows the text of.

    Args:
        seed: At least 0; all else follows from it.
        calls_per_second: Mean rate of all calls.
        history_s: Length of what only fills windows, seconds.
        span_s: Length of the whole, seconds.
        robocall_share: Share of robocalls among all calls, in [0, 1).
    """

    def __init__(
        self, seed: int, *, calls_per_second: float, history_s: float, span_s: float, robocall_share: float
    ) -> None:
        self.seed, self.random = seed, np.random.default_rng([3, seed])
        self.history_s, self.span_s = history_s, span_s
        self.calls = calls_per_second * span_s
        self.robocall_share = robocall_share
        self.scale = (calls_per_second / 20) ** 0.6
        self.odd: list[str] = []
        self._draw_habits()
        self._draw_numbers(calls_per_second)
        self._draw_providers()
        self._draw_trunks()

    def _draw_habits(self) -> None:
        random = self.random
        self._signing, self._tdm_share = random.uniform(0.45, 1.0), random.uniform(0.05, 0.4)
        self.known_answer, self.unknown_answer = random.uniform(0.45, 0.62), random.uniform(0.16, 0.32)
        self.voicemail, self.voicemail_ring_s = random.uniform(0.3, 0.6), random.uniform(17, 25)
        self._utilised, self.list_quality = random.uniform(0.35, 0.75), random.uniform(0.8, 1.3)
        self.fails, self._own_signed = random.uniform(0.002, 0.015), random.random() < 0.5
        self.tells_verstat = int(random.choice(3))  # plain, with level, absent when unsigned
        fields = ("ocn", "ip", "icid", "cocn", "spc", "switch")
        self.tells = {name: bool(random.random() < 0.6) for name in fields}
        shares = np.array(list(LAWFUL_SHARES.values())) * random.lognormal(0, 0.35, len(LAWFUL_SHARES))
        self.lawful_shares = dict(zip(LAWFUL_SHARES, shares / shares.sum(), strict=True))
        robocall_shares = np.maximum(random.dirichlet(np.full(len(ROBOCALL_KINDS), 3.0)), 0.03)
        self.robocall_shares = dict(zip(ROBOCALL_KINDS, robocall_shares / robocall_shares.sum(), strict=True))

    def _draw_numbers(self, calls_per_second: float) -> None:
        random = self.random
        n_persons = int(
            self.lawful_shares["person"]
            * calls_per_second
            * self.span_s
            / (random.uniform(0.35, 0.6) * self.span_s / 3600)
        )
        self.npas = random.choice(_NPAS, random.integers(2, 7), replace=False)
        n_own = int(n_persons * random.uniform(0.45, 0.65))
        n_blocks = int(n_own * 1.15 / self._utilised / 1000) + 2
        self.blocks = np.unique(
            random.choice(self.npas, n_blocks) * 10_000
            + self.exchange(n_blocks) * 10
            + random.integers(0, 10, n_blocks)
        )
        lines = (self.blocks[:, None] * 1000 + np.arange(1000)).ravel()
        taken = lines[random.random(len(lines)) < self._utilised]
        business = random.random(len(taken)) < 0.12
        self.own, self.own_business, self.assigned = taken[~business], taken[business], taken
        self.foreign = np.unique(self.numbers(n_persons - n_own, local=0.6))
        self.foreign_business = np.unique(self.numbers(max(300, n_persons // 20), local=0.5))
        toll_free = self.toll_free(12 + int(self.scale * 10))
        self.inbound = np.concatenate([toll_free, random.choice(self.own_business, 12)])
        self.bridges = np.concatenate([self.toll_free(4), random.choice(self.own_business, 4)])

    def _draw_providers(self) -> None:
        random, table = self.random, list(_PROVIDERS.values())
        counts = [max(1, round(one[0] * (random.uniform(0.6, 1.5) if one[0] > 3 else 1))) for one in table]
        self._type = kind = np.repeat(np.arange(len(_TYPES)), counts)
        n = len(kind)
        signed = np.array([table[one][1] for one in kind]) * self._signing * random.uniform(0.6, 1.15, n)
        self.signed_share = np.clip(signed, 0, 0.98)
        self.signed_share[0] = float(self._own_signed)
        self.level_shares = np.array([random.dirichlet(np.array(table[one][2]) * 25 + 0.05) for one in kind])
        pull = random.pareto(1.3, n) + 0.3
        persons = np.array([table[one][3] for one in kind]) * pull
        business = np.array([table[one][4] for one in kind]) * pull
        self.persons_share, self.business_share = persons / persons.sum(), business / business.sum()
        self.origid_policy = random.choice(4, n, p=random.dirichlet([3, 3, 2, 1.5]))  # node, customer, call, trunk
        self.nodes = random.integers(1, 9, n)
        self.spc = random.permutation(8999)[:n] + 1000

    def _draw_trunks(self) -> None:
        random, kind, n = self.random, self._type, len(self._type)
        direct = self.is_of("own", "wireless", "cable", "wholesale", "gateway")
        direct |= random.random(n) < random.uniform(0.3, 0.7)
        owner: list[int] = []
        routes = np.full((n, 3), -1)
        for one in np.flatnonzero(direct).tolist():
            count = int(random.integers(1, 5 if kind[one] < 3 else 3))
            routes[one] = random.choice(np.arange(len(owner), len(owner) + count), 3)
            owner += [one] * count
        carrying = np.flatnonzero(self.is_of("wholesale", "wireless")[owner])
        routes[~direct] = random.choice(carrying, (int((~direct).sum()), 3))
        overflow = (random.random(n) < 0.4) & (kind > 0)
        routes[overflow, 2] = random.choice(carrying, int(overflow.sum()))
        self.routes, self.owner = routes, owner
        self.tdm: list[bool] = ((random.random(len(owner)) < self._tdm_share) & (kind[owner] != 0)).tolist()
        self.trunk_style = str(random.choice(["TG{:04d}", "sbc1-in-{:03d}", "{:05d}", "ingress.{:03d}.net"]))
        self.first_trunk = int(random.integers(1, 900))

    def is_of(self, *types: str) -> Array:
        """Which providers are of one of the types; one entry a provider, the first is this carrier."""
        return np.isin(self._type, [_TYPES.index(one) for one in types])

    def exchange(self, n: int) -> Array:
        """Exchange codes of three digits, none of them N11."""
        found = self.random.integers(200, 999, n)
        return np.where(found % 100 == 11, found + 1, found)

    def numbers(self, n: int, local: float = 0.3) -> Array:
        """Give n numbers of the plan, in exchanges that some of them share; a share `local` of these is near by."""
        random, n_codes = self.random, max(20, n // 60)
        near = random.random(n_codes) < local
        areas = np.where(near, random.choice(self.npas, n_codes), random.choice(_NPAS, n_codes))
        codes = areas * 1000 + self.exchange(n_codes)
        return random.choice(codes, n) * 10_000 + random.integers(0, 10_000, n)

    def toll_free(self, n: int) -> Array:
        """Toll-free numbers."""
        random = self.random
        areas: Array = random.choice(_TOLL_FREE, n) * 10_000_000
        lines: Array = self.exchange(n) * 10_000 + random.integers(0, 10_000, n)
        return areas + lines

    def text(self, given: list[str]) -> Array:
        """Codes of calling numbers outside of the plan."""
        self.odd += given
        return -1 - np.arange(len(self.odd) - len(given), len(self.odd))

    def number(self, code: int) -> str:
        """What the switch reports of a number."""
        return self.odd[-1 - code] if code < 0 else f"+1{code:010d}"

    def abroad(self, n: int) -> Array:
        """Numbers of other countries."""
        code = self.random.choice(["44", "52", "91", "49", "63", "234", "86", "33"], n)
        lines = self.random.integers(10**8, 10**10, n)
        return self.text([f"+{one}{line}" for one, line in zip(code, lines, strict=True)])

    def pool(self, provider: int, count: int) -> Array:
        """Numbers of a customer: a range, several ranges or scattered ones."""
        random = self.random
        if provider == 0:
            base = random.choice(self.blocks, 1)[0] * 1000 + random.integers(0, 900)
        else:
            base = self.numbers(1)[0]
        style = random.random()
        if count < 3 or style < 0.35:
            following: Array = base // 10_000 * 10_000 + (base % 10_000 + np.arange(count)) % 10_000
            return following
        if style < 0.65:
            starts = self.numbers(max(1, count // 20 + 1), local=0.5)
            return np.unique(random.choice(starts, count) // 100 * 100 + random.integers(0, 100, count))
        return np.unique(self.numbers(count, local=random.random()))

    def people(self, n: int, provider: int | None = None) -> Array:
        """Called parties of a business: customers of this carrier, or of others where the business is ours."""
        if provider == 0 and self.random.random() < 0.8:
            return self.random.choice(self.foreign, n)
        near = self.own
        if self.random.random() < 0.6:
            near = self.own[self.own // 10_000_000 == self.random.choice(self.npas)]
        return self.random.choice(near if len(near) > 50 else self.own, n)

    def is_assigned(self, number: Array) -> Array:
        """Which numbers a subscriber of this carrier has."""
        place = np.searchsorted(self.assigned, number).clip(max=len(self.assigned) - 1)
        found: Array = self.assigned[place] == number
        return found

    def home(self, number: Array) -> Array:
        """Providers of persons: ours is 0, others follow from the number."""
        other = np.searchsorted(np.cumsum(self.persons_share), mixed(number, self.seed))
        return np.where(self.is_assigned(number), 0, other.clip(1, len(self._type) - 1))

    def trunk_of_own(self) -> int:
        """Add a trunk group of one business customer."""
        self.owner.append(0)
        self.tdm.append(False)
        return len(self.owner) - 1
