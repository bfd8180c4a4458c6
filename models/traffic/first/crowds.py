"""Lawful callers who are always there, and how the lawful calls of a world are shared among all lawful kinds."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from models.traffic.first.actors import Actors
from models.traffic.first.habits import attest_of, job_of, outcome_of
from models.traffic.first.population import Int64, Population
from models.traffic.first.profiles import (
    BULK_SIGNED,
    BUSINESS,
    CENTRE_SIGNED,
    CONFERENCE,
    DELIVERY,
    FLASH_CALL,
    INBOUND,
    LAWFUL_JOBS,
    NEW_NUMBER,
    OUTBOUND,
    PASSCODE,
    PERSON,
    PROXY,
    RETAIL_SIGNED,
    Attest,
    JobKind,
    Outcome,
)
from models.traffic.first.sources import Customers, Persons, Source
from models.traffic.first.spec import TrafficSpec
from models.traffic.first.world import World
from models.traffic.span import HOUR_MS

_PERSON_SHARE = 0.515
_CALLBACK_SHARE = 0.006
_PERSON_ACTORS = 60
_MOST_CALLERS = 4_000
_FEWEST_CALLERS = 3
_TOLL_FREE = np.array([1_800, 1_833, 1_844, 1_855, 1_866, 1_877, 1_888])
_TOLL_FREE_LAWFUL = 0.12
"""11.7 % of other calls, 25.2 % of robocalls in the FTC honeypot; 7.3 % of complaints."""


class Crowd(NamedTuple):
    """A lawful kind whose callers are always there.

    Attributes:
        kind: Its name.
        share: Of lawful calls, relative to the other kinds.
        outcome: What becomes of its calls.
        attest: How they are signed.
        callers: For each lawful call a second.
        numbers: Calling numbers of each.
        book: Shortest and longest address book.
        inbound: Whether persons call it.
        wholesale: Share of its trunks that are wholesale ones.
        foreign: Share of its callers with numbers abroad.
    """

    kind: str
    share: float
    outcome: Outcome
    attest: Attest
    callers: float
    numbers: int
    book: tuple[int, int]
    inbound: bool
    wholesale: float
    foreign: float = 0.0


CROWDS: tuple[Crowd, ...] = (
    Crowd("business", 0.140, BUSINESS, RETAIL_SIGNED, 60.0, 2, (20, 600), False, 0.35),
    Crowd("inbound_call_centre", 0.090, INBOUND, RETAIL_SIGNED, 2.0, 2, (2_000, 60_000), True, 0.15),
    Crowd("outbound_call_centre", 0.030, OUTBOUND, CENTRE_SIGNED, 1.0, 6, (2_000, 50_000), False, 0.65),
    Crowd("passcode", 0.030, PASSCODE, BULK_SIGNED, 0.3, 3, (20_000, 400_000), False, 0.60),
    Crowd("delivery", 0.035, DELIVERY, RETAIL_SIGNED, 20.0, 1, (60, 400), False, 0.20),
    Crowd("ride_proxy", 0.020, PROXY, CENTRE_SIGNED, 0.2, 60, (50_000, 400_000), False, 0.65),
    Crowd("conference", 0.018, CONFERENCE, RETAIL_SIGNED, 1.0, 1, (20, 300), True, 0.20),
    Crowd("new_number", 0.012, NEW_NUMBER, RETAIL_SIGNED, 4.0, 1, (12, 80), False, 0.30),
    # Sign-in by a missed call whose last digits are the code: rings once and is gone, like wangiri.
    Crowd("flash_call", 0.010, FLASH_CALL, CENTRE_SIGNED, 0.3, 80, (50_000, 400_000), False, 0.65, 0.4),
)


@dataclass(frozen=True, slots=True)
class LawfulMix:
    """Shares of the lawful calls of a world; all together are 1."""

    persons: float
    callbacks: float
    crowds: tuple[Crowd, ...]
    jobs: tuple[JobKind, ...]

    @classmethod
    def of(cls, world: World) -> "LawfulMix":
        """Share them out."""
        persons = _PERSON_SHARE * world.value("lawful_share", "person")
        callbacks = _CALLBACK_SHARE * world.value("lawful_share", "spoofed_callback")
        crowds = [_crowd_of(world, crowd) for crowd in CROWDS]
        jobs = [job_of(world, kind, group="lawful") for kind in LAWFUL_JOBS]
        total = persons + callbacks + sum(crowd.share for crowd in crowds) + sum(job.weight for job in jobs)
        return cls(
            persons / total,
            callbacks / total,
            tuple(crowd._replace(share=crowd.share / total) for crowd in crowds),
            tuple(replace(job, weight=job.weight / total) for job in jobs),
        )


def _crowd_of(world: World, crowd: Crowd) -> Crowd:
    book = world.value("lawful_book", crowd.kind)
    return crowd._replace(
        share=crowd.share * world.value("lawful_share", crowd.kind),
        outcome=outcome_of(world, crowd.kind, crowd.outcome, group="lawful"),
        attest=attest_of(world, crowd.kind, crowd.attest, group="lawful"),
        callers=crowd.callers * world.value("lawful_callers", crowd.kind),
        book=(max(5, round(crowd.book[0] * book)), max(10, round(crowd.book[1] * book))),
    )


def own_numbers(rng: np.random.Generator, population: Population, n: int, each: int, *, toll_free: float) -> Int64:
    """Give n customers `each` numbers, in one block and mostly neighbouring: shape (n, each), E.164 digits as int64.

    `toll_free` is the share of customers whose numbers are, in [0, 1].
    """
    free = rng.choice(_TOLL_FREE, n) * 10_000_000 + rng.integers(2_000_000, 9_990_000, n)
    base = np.where(rng.random(n) < toll_free, free, population.any_number(rng, n))[:, None]
    line = (base % 10_000 + np.arange(each) * rng.integers(1, 4, n)[:, None]) % 10_000
    numbers: Int64 = base // 10_000 * 10_000 + line
    return numbers


def lawful_crowds(spec: TrafficSpec, mix: LawfulMix, population: Population, actors: Actors) -> list[Source]:
    """Cast the lawful callers who are always there, each as a row of `actors`; called once a span."""
    world, rng = spec.world, actors.rng
    per_ms = spec.calls_per_second / 1_000
    person = outcome_of(world, "person", PERSON, group="lawful")
    signed = attest_of(world, "person", RETAIL_SIGNED, group="lawful")
    persons = [
        actors.add("person", "", person, signed, wholesale=0.35, own_origin=0.0, names=0.25)
        for _ in range(_PERSON_ACTORS)
    ]
    sources: list[Source] = [
        Persons(
            population,
            np.array(persons),
            per_ms * mix.persons,
            returned=world.value("returned_share"),
            withheld=world.value("withheld_share"),
            abroad=world.value("abroad_share"),
        )
    ]
    for crowd in mix.crowds:
        n = max(_FEWEST_CALLERS, min(_MOST_CALLERS, round(crowd.callers * spec.calls_per_second)))
        rows = [
            actors.add(
                crowd.kind, "", crowd.outcome, crowd.attest, wholesale=crowd.wholesale, own_origin=0.6, names=0.5
            )
            for _ in range(n)
        ]
        toll_free = _TOLL_FREE_LAWFUL if crowd.numbers > 1 else 0.0
        numbers = own_numbers(rng, population, n, crowd.numbers, toll_free=toll_free)
        abroad = population.foreign(rng.integers(0, 1 << 40, numbers.shape))
        numbers = np.where(rng.random((n, 1)) < crowd.foreign, abroad, numbers)
        books = np.exp(rng.uniform(np.log(crowd.book[0]), np.log(crowd.book[1]), n)).astype(np.int64)
        fresh_ms = HOUR_MS if crowd.kind == "new_number" else 0
        sources.append(
            Customers(population, np.array(rows), numbers, books, per_ms * crowd.share, crowd.inbound, fresh_ms)
        )
    return sources


def inbound_numbers(sources: list[Source]) -> Int64:
    """Give the numbers that only take calls (see `Customers`): hotlines of banks and offices, which originate none."""
    return np.concatenate([s.numbers[::2].ravel() for s in sources if isinstance(s, Customers) and s.inbound])


def office_numbers(sources: list[Source]) -> Int64:
    """Give the numbers that take calls and place some: main numbers of clinics, schools and shops."""
    return np.concatenate([s.numbers[1::2, 0] for s in sources if isinstance(s, Customers) and s.inbound])
