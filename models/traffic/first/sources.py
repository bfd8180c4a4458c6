"""Where calls come from, slice by slice: crowds with a steady rhythm, and jobs from one instant to another."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from models.traffic.first.population import Bool, Int64, Population, is_allocated, mix

_SHORTEST_STEP_MS = 1
_WITHHELD = -1  # code of `anonymous`; the next one is `Restricted`
_REMEMBERED = 8_192
_CALLED_BACK_SHARE = 0.25


class Draft(NamedTuple):
    """n attempted calls in no order; each array has shape (n,).

    Attributes:
        time_ms: Setup time, epoch milliseconds UTC.
        actor: Row of the caller in `Actors`.
        calling: Calling number as the integer of its digits, country code first; below 0 for one without a number.
        called: Called number in the same form.
        exists: Whether somebody has the called number.
    """

    time_ms: Int64
    actor: Int64
    calling: Int64
    called: Int64
    exists: Bool


class Source(Protocol):
    """Anything that places calls."""

    def draw(self, rng: np.random.Generator, start_ms: int, end_ms: int, rate: float) -> Draft | None:
        """Draw the calls of one slice of time. The generator asks once for each slice, in order; it never blocks.

        Args:
            rng: The generator's own source of chance: the same draws in the same order give the same traffic.
            start_ms: Where the slice begins, epoch milliseconds UTC.
            end_ms: Where it ends, itself outside.
            rate: The rhythm of the hour, 1.0 on average.

        Returns:
            The calls, in no order; None where there are none.
        """


def _times(rng: np.random.Generator, n: int, start_ms: int, end_ms: int) -> Int64:
    return rng.integers(start_ms, max(end_ms, start_ms + _SHORTEST_STEP_MS), n)


@dataclass(slots=True)
class Persons:
    """Persons who call persons; some calls return one of an earlier slice, so contacts are mutual.

    `returned`, `withheld` and `abroad` are shares of calls. `recent` holds (caller, called) of calls that may be
    returned.
    """

    population: Population
    actors: Int64
    per_ms: float
    returned: float
    withheld: float
    abroad: float
    recent: Int64 = field(default_factory=lambda: np.zeros((2, 0), dtype=np.int64))

    def draw(self, rng: np.random.Generator, start_ms: int, end_ms: int, rate: float) -> Draft | None:
        """Draw calls between contacts. See `Source`."""
        n = int(rng.poisson(self.per_ms * (end_ms - start_ms) * rate))
        caller = self.population.pick(rng, n)
        called = self.population.contact(rng, caller)
        if self.recent.shape[1]:
            back = rng.random(n) < self.returned
            earlier = self.recent[:, rng.integers(0, self.recent.shape[1], n)]
            caller, called = np.where(back, earlier[1], caller), np.where(back, earlier[0], called)
        self.recent = np.concatenate([self.recent, np.stack([caller, called])], axis=1)[:, -_REMEMBERED:]
        wrong = rng.random(n) < 0.006
        actor = self.actors[caller % len(self.actors)]
        calling = np.where(
            rng.random(n) < self.withheld, _WITHHELD - rng.integers(0, 2, n), self.population.number(caller)
        )
        # Hashed, so that it is always the same people who are abroad.
        abroad = mix(caller) % np.uint64(100_000) < np.uint64(100_000 * self.abroad)
        calling = np.where(abroad, self.population.foreign(caller), calling)
        return Draft(_times(rng, n, start_ms, end_ms), actor, calling, self.population.number(called), ~wrong)


@dataclass(frozen=True, slots=True)
class Customers:
    """Callers of one lawful kind with numbers and an address book each.

    `numbers[i, k]` are the numbers of caller i, `book[i]` the length of its address book. An inbound crowd
    turns the direction round: persons call the numbers, and every other caller calls some of them back from its number.
    With `fresh_ms` every caller is a new subscriber after
    that time: its number has not called before.
    """

    population: Population
    actors: Int64
    numbers: Int64
    book: Int64
    per_ms: float
    inbound: bool = False
    fresh_ms: int = 0
    skew: float = 1.5

    def draw(self, rng: np.random.Generator, start_ms: int, end_ms: int, rate: float) -> Draft | None:
        """Draw calls to (or from) the customers in the address books. See `Source`."""
        n = int(rng.poisson(self.per_ms * (end_ms - start_ms) * rate))
        if n == 0:
            return None
        who = (len(self.actors) * rng.random(n) ** self.skew).astype(np.int64)
        slot = (self.numbers.shape[1] * rng.random(n) ** 1.4).astype(np.int64)
        own = self.numbers[who, slot]
        entry = (self.book[who] * rng.random(n) ** 1.3).astype(np.int64)
        if self.fresh_ms:
            own = self.population.assigned(self.actors[who], start_ms // self.fresh_ms)
        person = self.population.number(self.population.customer(self.actors[who], entry))
        exists = rng.random(n) < 0.985
        time_ms = _times(rng, n, start_ms, end_ms)
        if self.inbound:
            back = (who % 2 == 1) & (rng.random(n) < _CALLED_BACK_SHARE)
            calling, called = np.where(back, own, person), np.where(back, person, own)
            return Draft(time_ms, self.actors[who], calling, called, np.ones(n, dtype=np.bool_))
        return Draft(time_ms, self.actors[who], own, person, exists)


@dataclass(slots=True)
class Job:
    """Callers with work from `start_ms` to `end_ms`: a campaign, a lawful burst, or people returning a spoofed call.

    `numbers` is how calling numbers come about (see `profiles.JobKind`), `pool` the numbers for kinds that have one,
    `targets` whom it calls, `neighbour_block` the share of neighbour spoofing within the NPA-NXX. `cursor` remembers
    where a dialler that counts upwards stands.
    """

    population: Population
    actors: Int64
    start_ms: int
    end_ms: int
    calls: float
    numbers: str
    pool: Int64
    targets: str
    valid: float
    book_owner: int = 0
    cursor: int = 0
    neighbour_block: float = 0.6
    victims: Int64 = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def draw(self, rng: np.random.Generator, start_ms: int, end_ms: int, rate: float) -> Draft | None:  # noqa: ARG002
        """Draw its work within a slice; a dialler keeps its pace whatever the hour. See `Source`."""
        low, high = max(start_ms, self.start_ms), min(end_ms, self.end_ms)
        if high <= low:
            return None
        n = int(rng.poisson(self.calls * (high - low) / (self.end_ms - self.start_ms)))
        if n == 0:
            return None
        time_ms = np.sort(_times(rng, n, low, high))
        called, exists = self._called(rng, n)
        return Draft(time_ms, rng.choice(self.actors, n), self._calling(rng, called), called, exists)

    def _called(self, rng: np.random.Generator, n: int) -> tuple[Int64, Bool]:
        population = self.population
        exists = rng.random(n) < self.valid
        if self.targets == "victim":
            return rng.choice(self.victims, n), np.ones(n, dtype=np.bool_)
        if self.targets in ("sequential", "extensions"):
            called = self.cursor + np.cumsum(rng.integers(1, 4, n))
            self.cursor = int(called[-1])
            return called, exists if self.targets == "extensions" else is_allocated(called)
        if self.targets == "book":
            entry = self.cursor + np.arange(n)
            self.cursor += n
            person = population.customer(np.full(n, self.book_owner), entry)
        else:
            person = population.anyone(rng, n)
        return np.where(exists, population.number(person), population.any_number(rng, n)), exists

    def _calling(self, rng: np.random.Generator, called: Int64) -> Int64:
        n = len(called)
        if self.numbers == "fresh":
            return self.population.any_number(rng, n)
        if self.numbers == "neighbour":
            near = called // 10_000 * 10_000 + rng.integers(0, 10_000, n)
            area = called // 10_000_000 * 10_000_000 + rng.integers(2_010_000, 9_990_000, n)
            return np.where(rng.random(n) < self.neighbour_block, near, area)
        pick = (len(self.pool) * rng.random(n) ** 1.3).astype(np.int64)
        if self.numbers != "local":
            return self.pool[pick]
        # Local presence: the number of the pool nearest to the area code of the called one.
        order = np.sort(self.pool)
        return order[np.minimum(np.searchsorted(order, called), len(order) - 1)]
