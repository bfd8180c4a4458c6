"""The lawful callers of the third author: persons, and customers of all sizes that call on business."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.traffic.third.calls import Calls, Manner, outcome
from models.traffic.third.carrier import Array, Carrier, mixed


@dataclass(frozen=True, slots=True)
class Line:
    """A business line that is much used: what a hijacker borrows."""

    number: int
    provider: int
    shared: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Dialling:
    """What callers of lists are like: ranges of calls a second, minutes, numbers and talk; shares of calls."""

    rate: tuple[float, float]
    minutes: tuple[float, float]
    lines: tuple[int, int]
    answer: float  # times what callers unknown to the called have
    talk_s: tuple[float, float]
    short: float
    bad: float
    again: float = 0.05
    same: bool = False  # people are called more than once


_DIALLING = {
    "outbound_call_centre": _Dialling((0.03, 0.4), (60, 480), (3, 40), 1.0, (35, 120), 0.3, 0.04),
    "debt_collection": _Dialling((0.02, 0.25), (90, 480), (5, 60), 0.75, (20, 60), 0.3, 0.07, again=0.4, same=True),
    "political": _Dialling((0.05, 0.5), (20, 150), (1, 25), 0.85, (14, 32), 0.45, 0.06),
    "survey": _Dialling((0.05, 0.3), (60, 300), (1, 15), 0.85, (20, 150), 0.5, 0.07),
    "reminder": _Dialling((0.02, 0.2), (20, 180), (1, 4), 1.4, (18, 38), 0.08, 0.015, again=0.2),
    "mass_alert": _Dialling((0.9, 5.0), (2, 9), (1, 2), 1.5, (16, 40), 0.12, 0.025, again=0.25),
}


def lawful(carrier: Carrier, calls: Calls) -> list[Line]:
    """Add all lawful calls; gives the lines of businesses."""
    _persons(carrier, calls)
    _persons_to_others(carrier, calls)
    lines = _businesses(carrier, calls)
    for kind, dialling in _DIALLING.items():
        _lists(carrier, calls, kind, dialling)
    _services(carrier, calls)
    _small(carrier, calls)
    return lines


def _count(carrier: Carrier, kind: str) -> int:
    return int(carrier.lawful_shares[kind] * carrier.calls * (1 - carrier.robocall_share))


def _clients(
    carrier: Carrier, kind: str, rate: tuple[float, float], minutes: tuple[float, float]
) -> Iterator[tuple[Array, int, dict[str, Any]]]:
    """Business customers that together place the calls of a kind: times, provider, what all their calls share."""
    random, left = carrier.random, carrier.lawful_shares[kind] * carrier.calls * (1 - carrier.robocall_share)
    while left > 0:
        length = np.exp(random.uniform(*np.log(minutes))) * 60
        begin = random.uniform(-0.7 * length, carrier.span_s)
        first, last = max(begin, 0), min(begin + length, carrier.span_s)
        n = int(random.poisson(np.exp(random.uniform(*np.log(rate))) * carrier.scale * (last - first)))
        n = min(n, int(left * 1.3) + 20)
        if n == 0:
            continue
        left -= n
        times = np.sort(random.uniform(first, last, n))
        if random.random() < 0.3:  # a dialler that works in waves
            wave = random.uniform(20, 120)
            times = np.floor(times / wave) * wave + random.gamma(1.5, wave / 12, n)
        provider = int(random.choice(len(carrier.business_share), 1, p=carrier.business_share)[0])
        customer = int(random.integers(1, 2**40))
        has_trunk = provider == 0 and random.random() < 0.6
        yield times, provider, {"customer": customer, "trunk": carrier.trunk_of_own() if has_trunk else -1}


def _persons(carrier: Carrier, calls: Calls) -> None:
    """Persons who know one another, call again what was not answered and call back what they missed."""
    random, own, n = carrier.random, carrier.own, int(_count(carrier, "person") / 1.15)
    n_pairs = 3 * len(own)
    one = random.integers(0, len(own), n_pairs)
    near = (one + random.laplace(0, 400, n_pairs).astype(int)) % len(own)
    is_near = random.random(n_pairs) < random.uniform(0.2, 0.45)
    other = np.where(is_near, own[near], random.choice(carrier.foreign, n_pairs))
    weight = random.pareto(1.6, n_pairs) + 0.05
    pair = np.searchsorted(np.cumsum(weight) / weight.sum(), random.random(n)).clip(max=n_pairs - 1)
    back = random.random(n) < (0.2 + 0.6 * mixed(pair, 5))
    caller, called = np.where(back, other[pair], own[one[pair]]), np.where(back, own[one[pair]], other[pair])
    times = carrier.span_s * random.random(n) ** random.uniform(0.88, 1.12)
    known = Manner(carrier.known_answer, random.uniform(75, 130), spread=0.68, bad=0.006)
    ends = outcome(carrier, n, known)
    forwarded = random.random(n) < 0.012
    part = calls.add("person", times, caller, called, carrier.home(caller), ends, forwarded=forwarded)
    calls.again(part, 0.3, (15, 240), known)
    missed = (part["status"] != 200) & (part["status"] != 404) & (random.random(n) < 0.35)
    n_missed = int(missed.sum())
    later = times[missed] + random.exponential(900, n_missed)
    ends = outcome(carrier, n_missed, known)
    calls.add("person", later, called[missed], caller[missed], carrier.home(called[missed]), ends)


def _persons_to_others(carrier: Carrier, calls: Calls) -> None:
    """Persons who call businesses, and persons from abroad or without a number."""
    random, unknown = carrier.random, carrier.unknown_answer
    n = _count(carrier, "person_to_business")
    mine = random.random(n) < 0.5
    caller = np.where(mine, random.choice(carrier.own, n), random.choice(carrier.foreign, n))
    near = carrier.own_business[: len(carrier.own_business) // 4 + 5]
    places = np.where(mine, random.choice(carrier.foreign_business, n), random.choice(near, n))
    to_centre = random.random(n) < 0.4
    called = np.where(to_centre, carrier.inbound[(random.random(n) ** 2 * len(carrier.inbound)).astype(int)], places)
    times = random.uniform(0, carrier.span_s, n)
    ends = outcome(carrier, n, Manner(0.82, 95, voicemail=0.05, bad=0.008))
    calls.add("person_to_business", times, caller, called, carrier.home(caller), ends)
    n, gateways = _count(carrier, "international"), np.flatnonzero(carrier.is_of("gateway", "wireless", "cable"))
    times = random.uniform(0, carrier.span_s, n)
    caller, called = random.choice(carrier.abroad(n // 3 + 2), n), random.choice(carrier.own, n)
    provider = random.choice(gateways, n)
    calls.add("international", times, caller, called, provider, outcome(carrier, n, Manner(0.5, 130, bad=0.02)))
    n = _count(carrier, "anonymous")
    times = random.uniform(0, carrier.span_s, n)
    withheld, called = carrier.text(["anonymous"])[0], random.choice(carrier.own, n)
    provider = random.choice(len(carrier.persons_share), n, p=carrier.persons_share)
    calls.add("anonymous", times, withheld, called, provider, outcome(carrier, n, Manner(unknown * 1.2, 70)))


def _businesses(carrier: Carrier, calls: Calls) -> list[Line]:
    """Offices: a few lines, people whom they call again and again."""
    random, lines = carrier.random, []
    human = (carrier.unknown_answer + carrier.known_answer) / 2
    for times, provider, shared in _clients(carrier, "business", (0.002, 0.02), (60, 500)):
        n, line = len(times), carrier.pool(provider, int(random.integers(1, 6)))
        book = carrier.people(max(4, int(n * random.uniform(0.4, 1.2))), provider)
        lines.append(Line(int(line[0]), provider, shared))
        caller, called = random.choice(line, n), random.choice(book, n)
        ends = outcome(carrier, n, Manner(human, random.uniform(50, 110), bad=0.01))
        part = calls.add("business", times, caller, called, provider, ends, **shared)
        calls.again(part, 0.25, (60, 1800), Manner(0.4, 80))
    return lines


def _lists(carrier: Carrier, calls: Calls, kind: str, dialling: _Dialling) -> None:
    """Callers of lists, whose bursts are bigger than most campaigns."""
    random = carrier.random
    for times, provider, shared in _clients(carrier, kind, dialling.rate, dialling.minutes):
        n, line = len(times), carrier.pool(provider, int(random.integers(*dialling.lines)))
        line = carrier.toll_free(1) if random.random() < 0.15 else line
        distinct = random.uniform(0.5, 0.9) if dialling.same else 1.1
        called = carrier.people(max(10, int(n * distinct)), provider)
        called = random.permutation(called)[:n] if len(called) >= n else random.choice(called, n)
        caller = random.choice(line, n)
        if len(line) > 8 and random.random() < 0.5:  # local presence
            away = np.abs(line[:, None] // 10_000_000 - called[None, :400] // 10_000_000)
            match = line[np.argmin(away, axis=0)]
            caller = match[np.arange(n) % len(match)]
        human = min(0.75, carrier.unknown_answer * dialling.answer * random.uniform(0.75, 1.3))
        talk_s, bad, reads_out = (
            random.uniform(*dialling.talk_s),
            dialling.bad * random.uniform(0.4, 2),
            dialling.short < 0.2,
        )
        manner = Manner(
            human,
            talk_s,
            spread=0.3 if reads_out else 0.55,
            short=dialling.short,
            bad=bad,
            voicemail_talk_s=talk_s if reads_out else 12,
            patience_s=(15, 28),
        )
        part = calls.add(kind, times, caller, called, provider, outcome(carrier, n, manner), **shared)
        calls.again(part, dialling.again, (120, 3600), manner)


def _services(carrier: Carrier, calls: Calls) -> None:
    """Passcodes that are read out, centres that call back, drivers and riders behind numbers of a platform."""
    random, people = carrier.random, carrier.people
    for times, provider, shared in _clients(carrier, "passcode", (0.02, 0.3), (300, 900)):
        n = len(times)
        line = carrier.toll_free(1) if random.random() < 0.5 else carrier.pool(provider, int(random.integers(1, 5)))
        caller, called = random.choice(line, n), people(n, provider)
        ends = outcome(carrier, n, Manner(0.75, random.uniform(11, 22), spread=0.25, voicemail=0.1, bad=0.01))
        part = calls.add("passcode", times, caller, called, provider, ends, **shared)
        calls.again(part, 0.5, (30, 150), Manner(0.8, 14))
    for times, provider, shared in _clients(carrier, "call_centre_back", (0.02, 0.15), (120, 600)):
        caller, called = random.choice(carrier.inbound), people(len(times), provider)
        ends = outcome(carrier, len(times), Manner(carrier.unknown_answer * 1.3, 120))
        calls.add("call_centre_back", times, caller, called, provider, ends, **shared)
    for times, provider, shared in _clients(carrier, "ride_proxy", (0.05, 0.4), (200, 800)):
        n, line = len(times), carrier.pool(provider, int(random.integers(30, 300)))
        caller, called = random.choice(line, n), people(n, provider)
        ends = outcome(carrier, n, Manner(0.55, 22, voicemail=0.15, short=0.15, patience_s=(10, 25)))
        calls.add("ride_proxy", times, caller, called, provider, ends, **shared)


def _small(carrier: Carrier, calls: Calls) -> None:
    """Numbers new in service, drivers, machines that report, and bridges at the full and half hour."""
    random, people, share = carrier.random, carrier.people, carrier.persons_share
    for times, provider, shared in _clients(carrier, "new_number", (0.003, 0.1), (60, 300)):
        line, n = carrier.numbers(1, local=0.8), len(times)
        called = people(max(3, int(n * random.choice([0.15, 0.5, 1.0]))), provider)
        called = random.choice(called, n)
        ends = outcome(carrier, n, Manner(random.uniform(0.3, 0.7), random.uniform(25, 120), bad=0.02))
        calls.add("new_number", times, line[0], called, provider, ends, **shared)
    for times, _, _ in _clients(carrier, "delivery", (0.003, 0.009), (120, 480)):
        provider, caller = int(random.choice(len(share), p=share)), carrier.numbers(1, local=0.8)[0]
        called, manner = people(len(times)), Manner(carrier.unknown_answer * 1.7, 24, short=0.1, patience_s=(12, 30))
        calls.add("delivery", times, caller, called, provider, outcome(carrier, len(times), manner))
    for times, provider, shared in _clients(carrier, "machine", (0.001, 0.01), (400, 900)):  # alarms, lifts, meters
        line, n = carrier.pool(provider, int(random.integers(1, 8))), len(times)
        caller, called = random.choice(line, n), random.choice(carrier.inbound)
        ends = outcome(carrier, n, Manner(0.96, random.uniform(8, 40), spread=0.1, voicemail=0.0))
        calls.add("machine", times, caller, called, provider, ends, **shared)
    for found, _, _ in _clients(carrier, "conference", (0.02, 0.15), (30, 90)):
        n = len(found)
        times = np.round(found / 1800) * 1800 + random.normal(20, 90, n)
        caller = random.choice(np.concatenate([carrier.own, carrier.foreign]), n)
        called, providers = random.choice(carrier.bridges), random.choice(len(share), n, p=share)
        ends = outcome(carrier, n, Manner(0.97, 1500, voicemail=0.0, spread=0.35))
        calls.add("conference", times, caller, called, providers, ends)
