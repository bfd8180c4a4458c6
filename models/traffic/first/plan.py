"""The cast of an hour: the lawful bursts, the campaigns and the call-backs that start in it."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from models.traffic.first.actors import Actors
from models.traffic.first.crowds import LawfulMix, own_numbers
from models.traffic.first.habits import attest_of, job_of, outcome_of
from models.traffic.first.population import ODD_NUMBERS, Int64, Population
from models.traffic.first.profiles import CALLBACK, CAMPAIGNS, RETAIL_SIGNED, JobKind
from models.traffic.first.senders import Sender
from models.traffic.first.sources import Job
from models.traffic.first.spec import TrafficSpec
from models.traffic.span import HOUR_MS

_LARGEST_RANGE = 60
_RANGE_SHARE = 0.5
_IMPOSSIBLE_AREAS = np.array([0, 1, 911, 411, 999, 555, 37, 96])
_CALLED_BACK = ("hijacked_number", "neighbour_spoofing")
_CALLBACK_ACTORS = 12
_WHOLESALE = 0.5
_PERSONS_WHOLESALE = 0.35
_ON_AIR = 0.6  # of the time of a campaign that stops and returns
_MOST_SENDERS = 400
_LONGEST_BOOK = 5_000
_MAIN_NUMBER = 0.5  # of clinics and schools: they call from the number that takes and places their other calls


class HourPlanner:
    """Casts the jobs that start in an hour. Seeded by the hour, so two spans share no campaign.

    Args:
        spec: The span.
        mix: How lawful calls are shared among lawful kinds.
        population: Whom and by whose numbers they call.
        actors: Table that callers are added to.
        inbound: Numbers that never originate a call, shape (any,).
        offices: Numbers that take and place calls all day, shape (any,).
    """

    def __init__(
        self, spec: TrafficSpec, mix: LawfulMix, population: Population, actors: Actors, inbound: Int64, offices: Int64
    ) -> None:
        self._spec = spec
        self._mix = mix
        self._population = population
        self._actors = actors
        self._inbound = inbound
        self._offices = offices
        self._campaigns = [
            job_of(spec.world, kind, group="campaign") for kind in CAMPAIGNS if kind.name in spec.scenarios
        ]
        self._callback = outcome_of(spec.world, "spoofed_callback", CALLBACK, group="lawful")
        self._callback_signed = attest_of(spec.world, "spoofed_callback", RETAIL_SIGNED, group="lawful")
        self._used: dict[str, list[Int64]] = {}
        self._known = self._senders()

    def _senders(self) -> dict[str, list[Sender]]:
        """Cast the lawful senders who come again, by kind."""
        spec = self._spec
        rng = np.random.default_rng([spec.seed, 7])
        known = {}
        for kind in self._mix.jobs:
            if kind.numbers != "persons":
                bursts = max(1.0, kind.per_hour * spec.bursts_per_hour) * spec.world.value("lawful_return_h", kind.name)
                n = int(np.clip(round(bursts), 1, _MOST_SENDERS))
                known[kind.name] = [self._sender(rng, kind, "") for _ in range(n)]
        return known

    def plan(self, hour_ms: int, rhythm: float) -> list[Job]:
        """Cast the lawful bursts, the campaigns and the call-backs of `[hour_ms, hour_ms + 1 h)` inside the span.

        Called once for each hour, in order.

        Args:
            hour_ms: Where it begins, epoch milliseconds UTC.
            rhythm: Rate of offices in it, 1.0 on average over the span.
        """
        spec = self._spec
        rng = np.random.default_rng([spec.seed, 3, hour_ms // 1_000])
        self._actors.rng = rng
        seconds = (min(spec.end_ms, hour_ms + HOUR_MS) - hour_ms) / 1_000
        lawful = spec.calls_per_second * seconds * rhythm
        jobs = []
        for kind in self._mix.jobs:
            n = max(1, int(rng.poisson(self._expected(kind, spec.bursts_per_hour, hour_ms))))
            jobs += self._jobs(rng, kind, hour_ms, n, lawful * kind.weight, is_campaign=False)
        robocalls = lawful * spec.robocall_share / (1 - spec.robocall_share)
        starting = self._starting(rng, hour_ms)
        total = sum(kind.weight for kind, _ in starting)
        for kind, n in starting:
            campaigns = self._jobs(rng, kind, hour_ms, n, robocalls * kind.weight / total, is_campaign=True)
            jobs.extend(campaigns)
            if kind.name in _CALLED_BACK:
                jobs.append(self._callbacks(rng, campaigns[0], lawful * self._mix.callbacks / len(_CALLED_BACK)))
        return jobs

    def _expected(self, kind: JobKind, per_hour: float, hour_ms: int) -> float:
        """Mean number of jobs of a kind that start in an hour, less in one that the span cuts short."""
        return kind.per_hour * per_hour * min(1.0, (self._spec.end_ms - hour_ms) / HOUR_MS)

    def _starting(self, rng: np.random.Generator, hour_ms: int) -> list[tuple[JobKind, int]]:
        """Draw which kinds start campaigns in an hour, and how many: at least one, and in the first hour all kinds."""
        spec = self._spec
        fewest = 1 if hour_ms <= spec.start_ms else 0
        drawn = [
            (kind, max(fewest, int(rng.poisson(self._expected(kind, spec.campaigns_per_hour, hour_ms)))))
            for kind in self._campaigns
        ]
        starting = [(kind, n) for kind, n in drawn if n]
        if not starting and self._campaigns:
            starting = [(self._campaigns[int(rng.integers(len(self._campaigns)))], 1)]
        return starting

    def _jobs(
        self, rng: np.random.Generator, kind: JobKind, hour_ms: int, n: int, calls: float, *, is_campaign: bool
    ) -> list[Job]:
        sizes = rng.dirichlet(np.full(n, 1.5)) * calls
        return [
            job
            for i, size in enumerate(sizes)
            for job in self._phases(rng, kind, hour_ms, size, f"{i}" if is_campaign else "")
        ]

    def _phases(self, rng: np.random.Generator, kind: JobKind, hour_ms: int, calls: float, number: str) -> list[Job]:
        """Cast one campaign or burst: a job, or several with pauses between and new numbers after each."""
        spec = self._spec
        campaign = f"{kind.name}-{hour_ms // HOUR_MS}-{number}" if number else ""
        sender = self._who(rng, kind, campaign)
        length = min(round(rng.uniform(*kind.minutes) * 60_000), spec.end_ms - spec.start_ms)
        latest = min(hour_ms + HOUR_MS, spec.end_ms)
        start = max(hour_ms, min(int(rng.integers(hour_ms, latest)), spec.end_ms - length))
        end = min(start + length, spec.end_ms)
        phases = int(rng.integers(kind.phases[0], kind.phases[1] + 1))
        cuts = np.linspace(start, end, phases + 1)
        on_air = 1.0 if phases == 1 else _ON_AIR
        jobs: list[Job] = []
        for low, high in pairwise(cuts.tolist()):
            if jobs:
                sender = replace(sender, pool=self._pool(rng, kind))
            jobs.append(self._job(rng, kind, sender, (round(low), round(low + (high - low) * on_air)), calls / phases))
        return jobs

    def _who(self, rng: np.random.Generator, kind: JobKind, campaign: str) -> Sender:
        """Choose or make a sender: lawful ones mostly come again, some campaigns with the numbers of an earlier one."""
        world = self._spec.world
        if not campaign:
            known = self._known.get(kind.name)
            if known is None or rng.random() < world.value("lawful_newcomers", kind.name):
                return self._sender(rng, kind, "")
            return known[int(rng.integers(len(known)))]
        sender = self._sender(rng, kind, campaign)
        used = self._used.setdefault(kind.name, [])
        if used and rng.random() < world.value("campaign_reuse", kind.name):
            return replace(sender, pool=used[int(rng.integers(len(used)))])
        used.append(sender.pool)
        return sender

    def _sender(self, rng: np.random.Generator, kind: JobKind, campaign: str) -> Sender:
        """Make a sender who never called before."""
        return Sender(
            rows=self._cast(rng, kind, campaign),
            pool=self._pool(rng, kind, may_be_office=not campaign and kind.targets == "book"),
            targets="extensions" if rng.random() < kind.in_order else kind.targets,
            valid=float(rng.uniform(*kind.valid)),
            book_owner=int(rng.integers(0, 1 << 40)),
        )

    def _cast(self, rng: np.random.Generator, kind: JobKind, campaign: str) -> Int64:
        world = self._spec.world
        wholesale = world.value("campaign_wholesale") if campaign else _WHOLESALE
        if kind.numbers == "persons":
            wholesale = _PERSONS_WHOLESALE
        self._actors.rng = rng
        add = self._actors.add
        habits = (kind.outcome, kind.attest)
        own = kind.own_origin
        return np.array(
            [
                add(kind.name, campaign, *habits, wholesale=wholesale, own_origin=own, names=0.4)
                for _ in range(kind.actors)
            ]
        )

    def _job(self, rng: np.random.Generator, kind: JobKind, who: Sender, span: tuple[int, int], calls: float) -> Job:
        population = self._population
        in_order = who.targets in ("sequential", "extensions")
        return Job(
            population, who.rows, *span, calls, kind.numbers, who.pool, who.targets,
            valid=who.valid,
            book_owner=who.book_owner,
            cursor=int(population.any_number(rng, 1)[0] if in_order else rng.integers(0, _LONGEST_BOOK)),
            neighbour_block=self._spec.world.value("neighbour_block"),
            victims=population.number(population.anyone(rng, int(rng.integers(1, 4)))),
        )  # fmt: skip

    def _pool(self, rng: np.random.Generator, kind: JobKind, *, may_be_office: bool = False) -> Int64:
        """Draw the calling numbers of a job."""
        n = int(rng.integers(kind.pool[0], kind.pool[1] + 1))
        population = self._population
        if kind.numbers in ("person", "persons"):
            return population.number(population.anyone(rng, n))
        if kind.numbers == "inbound":
            return rng.choice(self._inbound, n)
        if kind.numbers == "foreign":
            return population.foreign(rng.integers(0, 1 << 40, n))
        if kind.numbers == "invalid":
            return _impossible(rng, n)
        if may_be_office and kind.numbers == "pool" and rng.random() < _MAIN_NUMBER:
            return rng.choice(self._offices, n)
        return self._rented(rng, n, may_be_toll_free=kind.numbers == "pool")

    def _rented(self, rng: np.random.Generator, n: int, *, may_be_toll_free: bool) -> Int64:
        """Draw numbers as anybody rents them: some toll-free, half of the small pools a range in one block."""
        if may_be_toll_free and rng.random() < self._spec.world.value("campaign_toll_free"):
            return own_numbers(rng, self._population, n, 1, toll_free=1.0).ravel()
        if n <= _LARGEST_RANGE and rng.random() < _RANGE_SHARE:
            return own_numbers(rng, self._population, 1, n, toll_free=0.0).ravel()
        return self._population.any_number(rng, n)

    def _callbacks(self, rng: np.random.Generator, campaign: Job, calls: float) -> Job:
        """Let people who were called call back the person whose number was spoofed."""
        rows = [
            self._actors.add(
                "spoofed_callback", "", self._callback, self._callback_signed,
                wholesale=_PERSONS_WHOLESALE, own_origin=0.0, names=0.25,
            )
            for _ in range(_CALLBACK_ACTORS)
        ]  # fmt: skip
        population = self._population
        hijacked = campaign.numbers == "person"
        victims = campaign.pool if hijacked else population.number(population.anyone(rng, 2))
        end = min(campaign.end_ms + 20 * 60_000, self._spec.end_ms)
        callers = population.number(population.anyone(rng, max(50, round(calls * 0.8))))
        return Job(
            population, np.array(rows), campaign.start_ms, end, calls, "pool", callers, "victim", 1.0, victims=victims
        )


def _impossible(rng: np.random.Generator, n: int) -> Int64:
    """Draw calling numbers that no subscriber can have."""
    odd = -1 - rng.integers(0, len(ODD_NUMBERS), n)
    bad = 10_000_000_000 + rng.choice(_IMPOSSIBLE_AREAS, n) * 10_000_000 + rng.integers(0, 9_999_999, n)
    return np.where(rng.random(n) < 0.3, odd, bad)
