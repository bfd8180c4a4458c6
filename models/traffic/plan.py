"""The cast of a span: lawful crowds once, campaigns and lawful bursts hour by hour."""

import numpy as np

from models.traffic.actors import Actors
from models.traffic.population import ODD_NUMBERS, Int64, Population
from models.traffic.profiles import (
    BULK_SIGNED,
    BUSINESS,
    CALLBACK,
    CAMPAIGNS,
    CENTRE_SIGNED,
    CONFERENCE,
    DELIVERY,
    INBOUND,
    LAWFUL_JOBS,
    NEW_NUMBER,
    OUTBOUND,
    PASSCODE,
    PERSON,
    PROXY,
    RETAIL_SIGNED,
    JobKind,
    Outcome,
)
from models.traffic.sources import Customers, Job, Persons, Source
from models.traffic.spec import HOUR_MS, TrafficSpec

# kind, share of lawful calls, outcome, callers per call/s, numbers each, address book, inbound, wholesale share
_CROWDS: tuple[tuple[str, float, Outcome, float, int, tuple[int, int], bool, float], ...] = (
    ("business", 0.140, BUSINESS, 60.0, 2, (20, 600), False, 0.35),
    ("inbound_call_centre", 0.090, INBOUND, 2.0, 2, (2_000, 60_000), True, 0.15),
    ("outbound_call_centre", 0.030, OUTBOUND, 1.0, 6, (2_000, 50_000), False, 0.65),
    ("passcode", 0.030, PASSCODE, 0.3, 3, (20_000, 400_000), False, 0.60),
    ("delivery", 0.035, DELIVERY, 20.0, 1, (60, 400), False, 0.20),
    ("ride_proxy", 0.020, PROXY, 0.2, 60, (50_000, 400_000), False, 0.65),
    ("conference", 0.018, CONFERENCE, 1.0, 1, (20, 300), True, 0.20),
    ("new_number", 0.012, NEW_NUMBER, 4.0, 1, (12, 80), False, 0.30),
)
_PERSON_SHARE = 0.515
_CALLBACK_SHARE = 0.006
_PERSON_ACTORS = 60
_TOTAL = _PERSON_SHARE + _CALLBACK_SHARE + sum(crowd[1] for crowd in _CROWDS) + sum(kind.weight for kind in LAWFUL_JOBS)
_LARGEST_RANGE = 60
_TOLL_FREE = np.array([1_800, 1_833, 1_844, 1_855, 1_866, 1_877, 1_888])
_TOLL_FREE_LAWFUL, _TOLL_FREE_CAMPAIGN = (
    0.12,
    0.20,
)  # 11.7 % and 25.2 % of calls in the FTC honeypot, 7.3 % of complaints


def _own_numbers(rng: np.random.Generator, population: Population, n: int, each: int, *, toll_free: float) -> Int64:
    """Give n customers `each` numbers, in one block and mostly neighbouring; a share of customers is toll-free."""
    free = rng.choice(_TOLL_FREE, n) * 10_000_000 + rng.integers(2_000_000, 9_990_000, n)
    base = np.where(rng.random(n) < toll_free, free, population.any_number(rng, n))[:, None]
    line = (base % 10_000 + np.arange(each) * rng.integers(1, 4, n)[:, None]) % 10_000
    numbers: Int64 = base // 10_000 * 10_000 + line
    return numbers


def lawful_crowds(spec: TrafficSpec, population: Population, actors: Actors) -> list[Source]:
    """Cast the lawful callers who are always there."""
    rng = actors.rng
    per_ms = spec.calls_per_second / 1_000 / _TOTAL
    persons = [
        actors.add("person", "", PERSON, RETAIL_SIGNED, wholesale=0.35, own_origin=0.0, names=0.25)
        for _ in range(_PERSON_ACTORS)
    ]
    sources: list[Source] = [Persons(population, np.array(persons), per_ms * _PERSON_SHARE)]
    for kind, share, outcome, callers, each, book, inbound, wholesale in _CROWDS:
        n = max(3, min(4_000, round(callers * spec.calls_per_second)))
        signed = RETAIL_SIGNED if wholesale < 0.4 else (BULK_SIGNED if kind == "passcode" else CENTRE_SIGNED)
        rows = np.array(
            [actors.add(kind, "", outcome, signed, wholesale=wholesale, own_origin=0.6, names=0.5) for _ in range(n)]
        )
        numbers = _own_numbers(rng, population, n, each, toll_free=_TOLL_FREE_LAWFUL if each > 1 else 0.0)
        fresh_ms = HOUR_MS if kind == "new_number" else 0
        books = np.exp(rng.uniform(np.log(book[0]), np.log(book[1]), n)).astype(np.int64)
        sources.append(Customers(population, rows, numbers, books, per_ms * share, inbound=inbound, fresh_ms=fresh_ms))
    return sources


class HourPlanner:
    """Casts the jobs that start in an hour. Seeded by the hour, so two spans share no campaign."""

    def __init__(self, spec: TrafficSpec, population: Population, actors: Actors) -> None:
        self._spec = spec
        self._population = population
        self._actors = actors

    def plan(self, hour_ms: int, rhythm: float) -> list[Job]:
        """Cast the lawful bursts, the campaigns and the call-backs of `[hour_ms, hour_ms + 1 h)` inside the span."""
        spec = self._spec
        rng = np.random.default_rng([spec.seed, 3, hour_ms // 1_000])
        self._actors.rng = rng
        seconds = (min(spec.end_ms, hour_ms + HOUR_MS) - hour_ms) / 1_000
        lawful = spec.calls_per_second * seconds * rhythm
        jobs = [
            job
            for kind in LAWFUL_JOBS
            for job in self._jobs(rng, kind, hour_ms, lawful * kind.weight / _TOTAL, is_campaign=False)
        ]
        kinds = [kind for kind in CAMPAIGNS if kind.name in spec.scenarios]
        total = sum(kind.weight for kind in kinds)
        robocalls = lawful * spec.robocall_share / (1 - spec.robocall_share)
        for kind in kinds:
            campaigns = self._jobs(rng, kind, hour_ms, robocalls * kind.weight / total, is_campaign=True)
            jobs.extend(campaigns)
            if kind.name in ("hijacked_number", "neighbour_spoofing"):
                jobs.append(self._callbacks(rng, campaigns[0], lawful * _CALLBACK_SHARE / _TOTAL / 2))
        return jobs

    def _jobs(
        self, rng: np.random.Generator, kind: JobKind, hour_ms: int, calls: float, *, is_campaign: bool
    ) -> list[Job]:
        spec = self._spec
        hour_share = min(1.0, (spec.end_ms - hour_ms) / HOUR_MS)
        n = max(1, int(rng.poisson(kind.per_hour * spec.campaigns_per_hour * hour_share)))
        sizes = rng.dirichlet(np.full(n, 1.5)) * calls
        return [self._job(rng, kind, hour_ms, size, f"{i}" if is_campaign else "") for i, size in enumerate(sizes)]

    def _job(self, rng: np.random.Generator, kind: JobKind, hour_ms: int, calls: float, number: str) -> Job:
        spec, population = self._spec, self._population
        campaign = f"{kind.name}-{hour_ms // HOUR_MS}-{number}" if number else ""
        wholesale = 0.35 if kind.numbers == "persons" else 0.5
        rows = [
            self._actors.add(
                kind.name,
                campaign,
                kind.outcome,
                kind.attest,
                wholesale=wholesale,
                own_origin=kind.own_origin,
                names=0.4,
            )
            for _ in range(kind.actors)
        ]
        length = min(round(rng.uniform(*kind.minutes) * 60_000), spec.end_ms - spec.start_ms)
        latest = min(hour_ms + HOUR_MS, spec.end_ms)
        start = max(hour_ms, min(int(rng.integers(hour_ms, latest)), spec.end_ms - length))
        end = min(start + length, spec.end_ms)
        return Job(
            population, np.array(rows), start, end, calls, kind.numbers, self._pool(rng, kind), kind.targets,
            float(rng.uniform(*kind.valid)),
            book_owner=int(rng.integers(0, 1 << 40)),
            cursor=int(population.any_number(rng, 1)[0]) if kind.targets == "sequential" else 0,
            victims=population.number(population.anyone(rng, int(rng.integers(1, 4)))),
        )  # fmt: skip

    def _pool(self, rng: np.random.Generator, kind: JobKind) -> Int64:
        """Draw the calling numbers of a job; half of the small pools are ranges in one block, as lawful pools are."""
        n = int(rng.integers(kind.pool[0], kind.pool[1] + 1))
        population = self._population
        if kind.numbers in ("person", "persons"):
            return population.number(population.anyone(rng, n))
        if kind.numbers == "foreign":
            return population.foreign(rng.integers(0, 1 << 40, n))
        if kind.numbers == "invalid":
            odd = -1 - rng.integers(0, len(ODD_NUMBERS), n)
            bad = 10_000_000_000 + rng.choice(np.array([0, 1, 911, 411, 999, 555, 37, 96]), n) * 10_000_000
            return np.where(rng.random(n) < 0.3, odd, bad + rng.integers(0, 9_999_999, n))
        if n <= _LARGEST_RANGE and rng.random() < 0.5:
            return _own_numbers(rng, population, 1, n, toll_free=_TOLL_FREE_CAMPAIGN).ravel()
        return population.any_number(rng, n)

    def _callbacks(self, rng: np.random.Generator, campaign: Job, calls: float) -> Job:
        """Let people who were called call back the person whose number was spoofed."""
        rows = [
            self._actors.add(
                "spoofed_callback", "", CALLBACK, RETAIL_SIGNED, wholesale=0.35, own_origin=0.0, names=0.25
            )
            for _ in range(12)
        ]
        population = self._population
        hijacked = campaign.numbers == "person"
        victims = campaign.pool if hijacked else population.number(population.anyone(rng, 2))
        end = min(campaign.end_ms + 20 * 60_000, self._spec.end_ms)
        callers = population.number(population.anyone(rng, max(50, round(calls * 0.8))))
        return Job(
            population, np.array(rows), campaign.start_ms, end, calls, "pool", callers, "victim", 1.0, victims=victims
        )
