"""A call traced by the last carrier, which asks whoever is named, and the path held against the truth."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from benchmarks.tracebacks.worlds import CARRIERS, DIGESTED, LAST, NOW_MS, SECRET, TOPOLOGIES, TrueCall, archived, made
from streams.archive.calls import Sought, find
from streams.archive.numbers import NumberKey
from streams.archive.query import connected
from streams.traceback.answering import Office, Party, answer, hop_of
from streams.traceback.matching import TOLERANCE_MS, Match
from streams.traceback.path import Path as CallPath
from streams.traceback.path import path_of
from streams.traceback.questions import Reading
from streams.traceback.records import Call, Hop, Provider, Status, Traceback, same

SILENT = 0.2
PROVIDERS = tuple(Provider(name=f"Carrier {n + 1}", ocn=f"{n + 1}000", country="US") for n in range(CARRIERS))


def measure(topology: str, worlds: int, calls: int, seed: int) -> dict[str, Any]:
    """Trace the calls of some worlds, hop by hop and with asking all; how it went, as counts."""
    counts: dict[str, Counter[str]] = {"hop_by_hop": Counter(), "asking_all": Counter()}
    for number in range(worlds):
        rng = np.random.default_rng([seed, number, TOPOLOGIES.index(topology)])
        world = made(topology, calls, rng)
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            stores = [archived(world, carrier, f"{folder}/{carrier}") for carrier in range(CARRIERS)]
            desks = [Desk(carrier, stack.enter_context(connected(store))) for carrier, store in enumerate(stores)]
            for call in world.traced:
                silent = silent_ones(rng)
                for way, count in counts.items():
                    count.update(trace(desks, call, silent, asks_all=way == "asking_all"))
    return {way: dict(sorted(count.items())) for way, count in counts.items()}


def parties(carrier: int) -> dict[str, Party]:
    """Who stands behind the trunk groups of a carrier."""
    others = {f"{way}-{n}": Party(provider) for n, provider in enumerate(PROVIDERS) for way in ("from", "to")}
    return others | {
        "customer": Party(Provider(name=f"Customer of carrier {carrier + 1}"), is_customer=True),
        "abroad": Party(Provider(name=f"Foreign peer of carrier {carrier + 1}", country="SG")),
    }


def request(traceback_id: str, call: Call) -> dict[str, Any]:
    """What another carrier is asked about a call."""
    return {
        "traceback_id": traceback_id, "called_number": call.called_number, "calling_number": call.calling_number,
        "time": str(call.time_ms), "is_answered": call.is_answered,
        "duration_s": "" if call.duration_s is None else f"{call.duration_s:.3f}",
    }  # fmt: skip


class Desk:
    """Whoever answers at a carrier: the code of `robocall traceback answer` on the carrier's archive."""

    def __init__(self, carrier: int, connection: Any) -> None:
        key = NumberKey(SECRET) if carrier in DIGESTED else None
        self.office = Office(PROVIDERS[carrier], parties(carrier), key)
        self.connection = connection

    def hop(self, call: Call) -> Hop:
        """Answer a request of another carrier."""
        question = Reading(NOW_MS, TOLERANCE_MS, ZoneInfo("UTC")).question(request("t", call))
        return answer(self.connection, self.office, question, NOW_MS)


def trace(desks: list[Desk], call: TrueCall, silent: set[int], *, asks_all: bool) -> Iterator[str]:
    """Trace a call as the last carrier would; yields what is to be counted."""
    traceback = opened(desks[LAST], call)
    asked: set[int] = set()
    while True:
        path = path_of(traceback)
        carrier = named_last(path)
        if path.entry is not None or carrier in asked or carrier == LAST:
            break
        asked.add(carrier)
        traceback = told(desks, traceback, carrier, silent)
    if asks_all and path.entry is None and not traceback.rivals:
        for carrier in set(range(LAST)) - asked:
            traceback = told(desks, traceback, carrier, silent)
        path = path_of(traceback)
    yield from judged(call, traceback, path)


def named_last(path: CallPath) -> int:
    """The carrier where a path ends: who is to be asked next."""
    return next((n for n, one in enumerate(PROVIDERS) if same(one, path.steps[-1].provider)), LAST)


def opened(desk: Desk, call: TrueCall) -> Traceback:
    """The traceback as it begins: the call at the last carrier, and how many rivals it has there."""
    (found,) = find(desk.connection, Sought(call_ids=(call.ids[LAST],)))
    set_up = found.set_up
    begin_ms, end_ms = set_up.setup_time_ms - 2 * TOLERANCE_MS, set_up.setup_time_ms + 2 * TOLERANCE_MS
    near = find(desk.connection, Sought(set_up.called_number, set_up.calling_number, (), begin_ms, end_ms))
    return Traceback(
        traceback_id="t", opened_ms=NOW_MS, due_ms=NOW_MS, rivals=len(near) - 1,
        call=Call(
            time_ms=set_up.setup_time_ms, calling_number=call.calling_number, called_number=call.called_number,
            duration_s=found.duration_s, is_answered=found.is_answered,
        ),
        hops=(hop_of(desk.office, Match(Status.FOUND, (found,)), NOW_MS),),
    )  # fmt: skip


def told(desks: list[Desk], traceback: Traceback, carrier: int, silent: set[int]) -> Traceback:
    """Ask a carrier; one that is silent is noted."""
    hop = silence(carrier) if carrier in silent else desks[carrier].hop(traceback.call)
    return msgspec.structs.replace(traceback, hops=(*traceback.hops, hop))


def silence(carrier: int) -> Hop:
    """What is noted of a carrier that does not answer."""
    return Hop(provider=PROVIDERS[carrier], status=Status.NO_RESPONSE)


def silent_ones(rng: np.random.Generator, first: int = 0) -> set[int]:
    """Draw who does not answer about a call."""
    return {carrier for carrier in range(first, LAST) if rng.random() < SILENT}


def judged(call: TrueCall, traceback: Traceback, path: CallPath) -> Iterator[str]:
    """Compare a path with the truth."""
    truth = [PROVIDERS[carrier] for carrier in reversed(call.way)]
    found = [step.provider for step in path.steps]
    is_right_so_far = len(found) <= len(truth) and all(map(same, found, truth))
    if path.entry is None:
        yield "entry unresolved"
    else:
        yield "entry right" if same(path.entry, truth[-1]) else "entry wrong"
    if not is_right_so_far:
        yield "path wrong"
    else:
        yield "path right" if path.entry is not None and len(found) == len(truth) else "path unresolved"
    named = {hop.call_id for hop in traceback.hops if hop.call_id is not None}
    yield from ["wrong call named"] * len(named - set(call.ids.values()))
    yield "with a rival" if traceback.rivals else "without a rival"
    yield from ["ambiguous answers"] * sum(hop.status is Status.AMBIGUOUS for hop in traceback.hops)
    yield from ["answers"] * (len(traceback.hops) - 1)
