"""The subscribers: numbers and contacts of persons, computed, not stored. Numbers are E.164 digits as int64.

Arrays have one entry a person or a call asked for, shape (n,); persons are counted from 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.traffic.first.spec import TrafficSpec

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

# Negative codes stand for calling numbers that are not E.164; the text goes into the event as it is.
ODD_NUMBERS: tuple[str, ...] = (
    "anonymous",
    "Restricted",
    "unavailable",
    "0000000000",
    "911",
    "+1",
    "asterisk",
    "22000",
)

_LINES_PER_BLOCK = 10_000
_PERSONS_PER_BLOCK = 400
_BLOCKS_PER_TOWN = 12  # neighbours in a town have numbers of any of its blocks
_PERSONS_PER_TOWN = _PERSONS_PER_BLOCK * _BLOCKS_PER_TOWN
_STRIDE = 7_919  # coprime to 10,000: no two persons of a town (fewer than 10,000) share a line number
ALLOCATED_SHARE = 0.62  # share of dialled-in-order numbers that ring; the rest answers 404
# Caribbean area codes and countries that wangiri warnings name, and countries that people call home from: both kinds of
# caller use all of them.
_FOREIGN_PREFIXES = np.array([1_876, 1_473, 1_268, 232, 371, 222, 675, 52, 44, 91, 63])
_CONTACT_OFFSETS = np.array([1, 2, 5, 11, 23, 47, 97, 211, 523, 1_201, 4_099, 17_011], dtype=np.int64)


def mix(values: Int64) -> NDArray[np.uint64]:
    """Scramble whole numbers of any shape (SplitMix64 finaliser): the same everywhere, unlike Python's `hash`."""
    x = values.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True, slots=True)
class Population:
    """Persons and the number blocks they live in.

    Attributes:
        n: How many persons.
        blocks: NPA-NXX behind the country code, 7 digits, shape (n_blocks,), rising.
        shuffle: Persons in the order of how much they call, shape (n,).
        caller_skew: Exponent of the rank of a caller; the larger, the more calls come from few.
        stranger_share: Share of calls to anybody, in [0, 1].
    """

    n: int
    blocks: Int64
    shuffle: Int64
    caller_skew: float
    stranger_share: float

    def number(self, person: Int64) -> Int64:
        """Give the number of each person."""
        in_town = (mix(person) % np.uint64(_BLOCKS_PER_TOWN)).astype(np.int64)
        block = self.blocks[person // _PERSONS_PER_TOWN * _BLOCKS_PER_TOWN + in_town]
        number: Int64 = block * _LINES_PER_BLOCK + person * _STRIDE % _LINES_PER_BLOCK
        return number

    def pick(self, rng: np.random.Generator, n: int) -> Int64:
        """Pick callers: few persons call a lot, most call seldom."""
        rank = (self.n * rng.random(n) ** self.caller_skew).astype(np.int64)
        caller: Int64 = self.shuffle[rank]
        return caller

    def anyone(self, rng: np.random.Generator, n: int) -> Int64:
        """Pick persons evenly."""
        return rng.integers(0, self.n, n)

    def contact(self, rng: np.random.Generator, person: Int64) -> Int64:
        """Pick somebody each person knows. Knowing is mutual, mostly local, and a few contacts take most calls."""
        rank = (len(_CONTACT_OFFSETS) * rng.random(len(person)) ** 1.5).astype(np.int64)
        step = _CONTACT_OFFSETS[rank] * rng.choice(np.array([-1, 1]), len(person))
        known = (person + step) % self.n
        return np.where(rng.random(len(person)) < self.stranger_share, self.anyone(rng, len(person)), known)

    def customer(self, owner: Int64, entry: Int64) -> Int64:
        """Look up entry `entry` of the address book of customer `owner`: the same person every time."""
        return (mix(owner * 1_000_003 + entry) % np.uint64(self.n)).astype(np.int64)

    def foreign(self, person: Int64) -> Int64:
        """Give each person a number abroad: the same one every time."""
        code = mix(person)
        prefix: Int64 = _FOREIGN_PREFIXES[(code % np.uint64(len(_FOREIGN_PREFIXES))).astype(np.int64)]
        number: Int64 = (
            prefix * 10_000_000 + 2_000_000 + (code // np.uint64(16) % np.uint64(7_990_000)).astype(np.int64)
        )
        return number

    def assigned(self, owner: Int64, period: int) -> Int64:
        """Give the number that an owner has in a period: another one in the next."""
        code = mix(owner * 1_000_003 + period)
        block = self.blocks[(code % np.uint64(len(self.blocks))).astype(np.int64)]
        return block * _LINES_PER_BLOCK + (code // np.uint64(1 << 20) % np.uint64(_LINES_PER_BLOCK)).astype(np.int64)

    def any_number(self, rng: np.random.Generator, n: int) -> Int64:
        """Draw numbers of existing blocks, whether or not somebody has them."""
        return rng.choice(self.blocks, n) * _LINES_PER_BLOCK + rng.integers(0, _LINES_PER_BLOCK, n)


def is_allocated(numbers: Int64) -> Bool:
    """Tell which numbers somebody has, for callers who dial numbers rather than a list."""
    allocated: Bool = mix(numbers) % np.uint64(1_000) < np.uint64(1_000 * ALLOCATED_SHARE)
    return allocated


def build_population(spec: TrafficSpec) -> Population:
    """Build the subscribers that a mean rate of lawful calls needs."""
    rng = np.random.default_rng([spec.seed, 1])
    wanted = spec.calls_per_second * 86_400 / 2 / spec.world.value("calls_per_person")
    n_blocks = int(np.clip(wanted / _PERSONS_PER_TOWN, 5, 400)) * _BLOCKS_PER_TOWN
    areas = rng.choice(
        np.arange(201, 790), int(np.clip(n_blocks // spec.world.count("blocks_per_area"), 5, 150)), replace=False
    )
    areas = areas[areas % 100 != 11]
    pairs = rng.choice(len(areas) * 799, n_blocks, replace=False)
    blocks = (1_000 + areas[pairs // 799]) * 1_000 + 201 + pairs % 799
    n = n_blocks * _PERSONS_PER_BLOCK
    return Population(
        n=n,
        blocks=np.sort(blocks).astype(np.int64),
        shuffle=rng.permutation(n).astype(np.int64),
        caller_skew=spec.world.value("caller_skew"),
        stranger_share=spec.world.value("stranger_share"),
    )
