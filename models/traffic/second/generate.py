"""The second author's traffic: a regional carrier's switch on a weekday, its events in order of time with their truth.

It was written from the event contract and the published figures of the field. Its author did not look at how the first
author's callers behave, nor at what models had been found to miss: a habit that both traffics have is then no habit of
one author. The authors share the names of kinds (`models.traffic.kinds`), so that figures by kind can be compared, the
first instant (`models.traffic.span`) and how big a carrier is (`models.traffic.carrier_size`). It is a sceptical
carrier's test traffic, and no better founded than that.

The switch sees calls of its subscribers and calls to them. Lawful callers and robocallers share some trunk groups.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count
from random import Random
from typing import Any

from detector.contract.events import Attestation, CallEnd, CallSetup, Role
from models.traffic.carrier_size import drawn_size, log_uniform
from models.traffic.second.callers import Numbering, Sender, trunks
from models.traffic.second.campaigns import Cunning, campaigns
from models.traffic.second.lawful import Setting, abroad, bodies, bursts, centres, persons
from models.traffic.span import DEFAULT_START_MS, after_hours
from models.traffic.truth import Truth

START_HOUR = 9
"""Of the day when traffic begins, whatever its `start_ms`: the carrier's time zone follows."""
_DRAWN = "elsewhere"
"""Part of the seed, a word of no meaning: with another every carrier would be another, and models learnt from these."""
_CALLS_MADE = 1.2
"""Of each call that is asked for, by day: in eight draws 1.15 to 1.26, but for one with a big alert at its end."""
PEOPLE_PER_CALL_A_SECOND = 28_000
"""Persons whose calls the switch may see; a quarter are its subscribers, who have some six calls a day each."""
_PERSON_HOURS = (2, 1, 1, 0.5, 0.5, 0.5, 1, 4, 6, 7, 8, 9, 10, 10, 11, 12, 13, 13, 13, 11, 9, 7, 6, 4)
_OFFICE_HOURS = (0.2,) * 7 + (1, 5, 10, 11, 11, 9, 10, 11, 11, 10, 6, 3, 2, 1, 0.5, 0.2, 0.2)
_RHYTHMS = {"person": _PERSON_HOURS, "office": _OFFICE_HOURS, "always": (10,) * 24}
"""Calls by hour of the day, ten at noon: of persons roughly as of mobile phones (Nodobo)."""


@dataclass(frozen=True, slots=True)
class SecondTraffic:
    """What to generate of the second author's traffic.

    Attributes:
        seed: of everything that is drawn while it is generated.
        hours: length of the span.
        calls_per_second: mean rate of all calls, about.
        trunk_groups: how many there are.
        robocall_share: share of robocalls among all calls, about.
        cunning: how well robocallers hide.
        start_ms: first instant, epoch milliseconds UTC.
        history_hours: the first part of the span only fills windows; its calls are neither learnt nor judged.
    """

    seed: int = 1
    hours: float = 4.0
    calls_per_second: float = 25.0
    trunk_groups: int = 30
    robocall_share: float = 0.075
    cunning: Cunning = Cunning(400.0, 1.0, clean=0.2, spoken=0.2, anywhere=0.2, own_origid=0.65)
    start_ms: int = DEFAULT_START_MS
    history_hours: float = 0.0

    @property
    def judged_ms(self) -> int:
        """First instant whose calls are learnt or judged."""
        return after_hours(self.start_ms, self.history_hours)


def drawn(seed: int, *, start_ms: int, calls: int) -> SecondTraffic:
    """Draw a carrier from wide ranges.

    Args:
        seed: Of the draws and of the traffic.
        start_ms: First instant of its traffic, epoch milliseconds.
        calls: How many calls are judged, about.
    """
    random = Random(f"{_DRAWN} {seed}")
    calls_per_second, history_hours, hours = drawn_size(random, calls / _CALLS_MADE)
    cunning = Cunning(
        log_uniform(random, 100.0, 1_000.0),
        random.uniform(0.8, 1.2),
        clean=random.uniform(0.15, 0.7),
        spoken=random.uniform(0.15, 0.7),
        anywhere=random.uniform(0.15, 0.6),
        own_origid=random.uniform(0.25, 0.7),
    )
    share, trunk_groups = random.uniform(0.05, 0.12), random.randint(15, 60)
    return SecondTraffic(seed, hours, calls_per_second, trunk_groups, share, cunning, start_ms, history_hours)


def generate(spec: SecondTraffic) -> Iterator[tuple[CallSetup | CallEnd, Truth]]:
    """Events in order of their time, a call's end when it ends, each with what the call was.

    It takes processor time alone. The same description always gives the same events. Only the callers and the ends of
    calls in progress are held.
    """
    random = Random(spec.seed)
    end_s = spec.hours * 3_600
    ends: list[tuple[int, int, CallEnd, Truth]] = []
    for number, (now, sender) in enumerate(_instants(_senders(spec, random), random, end_s)):
        setup, end = _call(spec, random, number, now, sender)
        truth = Truth(bool(sender.campaign), sender.campaign, sender.kind)
        while ends and ends[0][0] <= setup.setup_time_ms:
            yield heapq.heappop(ends)[2:]
        yield setup, truth
        heapq.heappush(ends, (end.end_time_ms, number, end, truth))
    while ends:
        yield heapq.heappop(ends)[2:]


def _senders(spec: SecondTraffic, random: Random) -> list[Sender]:
    numbers = Numbering(round(PEOPLE_PER_CALL_A_SECOND * spec.calls_per_second), random)
    at = Setting(numbers, trunks(random, spec.trunk_groups), spec.hours * 3_600, spec.calls_per_second)
    robocalls = campaigns(at, random, spec.cunning, spec.robocall_share * spec.calls_per_second * at.length_s)
    lawful = chain(bodies(at, random), centres(at, random), bursts(at, random))
    return [persons(at, 0.525), abroad(at, 0.025), *lawful, *robocalls]


def _instants(senders: list[Sender], random: Random, end_s: float) -> Iterator[tuple[float, Sender]]:
    """Who calls when, in order of time, in seconds from the start."""
    order = count()

    def following(now: float, sender: Sender) -> tuple[float, int, Sender]:
        hour = int(START_HOUR + now / 3_600) % 24
        rate = sender.rate * _RHYTHMS[sender.hours][hour] / 10
        return now + random.expovariate(rate), next(order), sender

    waiting = [following(max(0.0, one.begin_s), one) for one in senders]
    heapq.heapify(waiting)
    while waiting:
        now, _, sender = waiting[0]
        if now >= min(sender.stop_s, end_s):
            heapq.heappop(waiting)
            continue
        yield now, sender
        heapq.heapreplace(waiting, following(now, sender))


def _call(spec: SecondTraffic, random: Random, number: int, now: float, sender: Sender) -> tuple[CallSetup, CallEnd]:
    setup_ms = spec.start_ms + int(now * 1_000)
    calling, (called, in_service) = sender.pair(random, now)
    carried = sender.route(random, now, calling)
    trunk, level = carried.trunk, carried.level
    has_name = random.random() < sender.named
    status, answer_ms, end_ms, cause, by = sender.ends.finish(random, in_service, setup_ms)
    common: dict[str, Any] = {
        "call_id": f"{spec.seed}-{number}@{trunk.name.lower()}.example",
        "setup_time_ms": setup_ms,
        "calling_number": calling or "anonymous",
        "called_number": called,
        "trunk_group_id": trunk.name,
        "switch_id": "sw1",
    }
    is_signed = level in {"A", "B", "C"}
    setup = CallSetup(
        **common,
        upstream_ocn=trunk.ocn,
        calling_name=f"CALLER {calling[-4:]}" if has_name else None,
        privacy=random.random() < 0.01 or None,
        verstat=f"TN-Validation-{'Passed' if is_signed else 'Failed'}" if level else None,
        attestation=Attestation(level) if is_signed else None,
        origid=carried.origid if is_signed else None,
        signer_spc=trunk.ocn if is_signed else None,
        role=Role.ORIGINATING if trunk.kind == "access" else Role.TERMINATING,
    )
    ended: dict[str, Any] = {
        "sip_status": status,
        "answer_time_ms": answer_ms,
        "end_time_ms": end_ms,
        "q850_cause": cause,
    }
    return setup, CallEnd(**common, **ended, released_by=by)
