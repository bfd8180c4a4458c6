"""How often tracebacks reach the point of entry, and how often they name a wrong call: five carriers, many calls.

    python -m benchmarks.tracebacks --worlds 10 --calls 60

Each world has five carriers, each with an archive of its own, made by the archive's own code; two of them keep digests.
Their clocks are wrong by up to 90 s, and each writes its own Call-ID. In a chain every call passes all of them; in a
mesh each takes a way of its own. Calls end at the fifth and entered at the first of their way, from a customer or from
abroad. Some pairs of numbers call once more within the tolerance, in a mesh by another way. The fifth carrier traces
calls by the code of the commands: it asks whoever is named, and one in five does not answer. Then, where the call has
no rival, it asks all others too, whose answers may bridge a gap.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from benchmarks.harness.machine import describe, give
from streams.archive.calls import Sought, find
from streams.archive.files import ArchiveStore, day_of
from streams.archive.numbers import NumberKey
from streams.archive.query import connected
from streams.archive.schema import Record
from streams.archive.sink import Buffer, write_file
from streams.archive.upkeep import compact
from streams.kafka.topics import CALL_EVENTS
from streams.traceback.answering import Office, Party, answer, hop_of
from streams.traceback.matching import TOLERANCE_MS, Match
from streams.traceback.path import Path as CallPath
from streams.traceback.path import path_of
from streams.traceback.questions import Reading
from streams.traceback.records import Call, Hop, Provider, Status, Traceback, same

CARRIERS = 5
LAST = CARRIERS - 1
START_MS = 1_780_000_000_000
NOW_MS = START_MS + 43_200_000
SPAN_MS = 7_200_000
AROUND_MS = 1_200_000
"""Between the first and last call of a world and the others: more than a tolerance and wrong clocks."""
LARGEST_CLOCK_ERROR_MS = 90_000
SILENT = 0.2
RIVALS = 0.3
"""Share of traced calls whose pair calls once more within the tolerance."""
OTHERS = 20
"""Calls of other pairs for each traced one."""
SECRET = "a secret of the benchmark"  # noqa: S105 - of generated numbers
DIGESTED = frozenset({1, 3})
"""Carriers whose archives keep digests. The fifth keeps numbers: it names the calls to the others."""
PROVIDERS = tuple(Provider(name=f"Carrier {n + 1}", ocn=f"{n + 1}000", country="US") for n in range(CARRIERS))
TOPOLOGIES = ("chain", "mesh")


@dataclass(frozen=True, slots=True)
class TrueCall:
    """A call as it really was: its way, and its Call-ID at each carrier."""

    calling_number: str
    called_number: str
    time_ms: int
    way: tuple[int, ...]
    is_foreign: bool
    is_answered: bool
    duration_ms: int
    ids: dict[int, str]


@dataclass(slots=True)
class World:
    """Carriers with their clocks and calls."""

    clocks_ms: list[int]
    traced: list[TrueCall] = field(default_factory=list)
    others: list[TrueCall] = field(default_factory=list)


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=10, help="of each topology [%(default)s]")
    parser.add_argument("--calls", type=int, default=60, help="traced calls of each world [%(default)s]")
    parser.add_argument("--seed", type=int, default=7, help="seed of the worlds [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    measured = {name: measure(name, options.worlds, options.calls, options.seed) for name in TOPOLOGIES}
    give(describe() | {"worlds": options.worlds, "calls_per_world": options.calls} | measured, options.out)


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


def made(topology: str, calls: int, rng: np.random.Generator, *, start_ms: int = START_MS, first: int = 0) -> World:
    """Draw a world.

    Args:
        topology: One of `TOPOLOGIES`.
        calls: To be traced.
        rng: Draws.
        start_ms: Calls are in the `SPAN_MS` from here on, epoch milliseconds; those that come again a little around.
        first: The carriers before it carry nothing; 0 for none.
    """
    upstream = range(first, LAST)
    errors = rng.integers(-LARGEST_CLOCK_ERROR_MS, LARGEST_CLOCK_ERROR_MS + 1, CARRIERS)
    world = World([int(error) for error in errors])
    for number in range(calls):
        call = drawn(topology, upstream, rng, f"+1202555{number:04}", start_ms + int(rng.integers(SPAN_MS)))
        world.traced.append(call)
        if rng.random() < RIVALS:
            later_ms = call.time_ms + int(rng.integers(1_000, TOLERANCE_MS)) * (1 if rng.random() < 0.5 else -1)
            world.others.append(drawn(topology, upstream, rng, call.calling_number, later_ms, call.called_number))
    for _ in range(OTHERS * calls):
        calling_number = f"+1646{rng.integers(2_000_000, 9_999_999)}"
        world.others.append(drawn(topology, upstream, rng, calling_number, start_ms + int(rng.integers(SPAN_MS))))
    world.others += [quiet(upstream, start_ms - AROUND_MS), quiet(upstream, start_ms + SPAN_MS + AROUND_MS)]
    return world


def quiet(upstream: Iterable[int], time_ms: int) -> TrueCall:
    """A call through all carriers: their archives begin before the other calls, and end behind them."""
    way = (*upstream, LAST)
    return TrueCall(
        calling_number="+16461000000", called_number="+13031000000", time_ms=time_ms, way=way, is_foreign=False,
        is_answered=False, duration_ms=0, ids={carrier: f"quiet-{time_ms}-{carrier}" for carrier in way},
    )  # fmt: skip


def drawn(
    topology: str,
    upstream: range,
    rng: np.random.Generator,
    calling_number: str,
    time_ms: int,
    called_number: str | None = None,
) -> TrueCall:
    """Draw a call that ends at the last carrier, and comes by carriers that are upstream."""
    between = [int(carrier) for carrier in rng.permutation(upstream)]
    way = upstream if topology == "chain" else between[: int(rng.integers(1, len(upstream) + 1))]
    return TrueCall(
        calling_number=calling_number,
        called_number=called_number or f"+1303{rng.integers(2_000_000, 9_999_999)}",
        time_ms=time_ms,
        way=(*way, LAST),
        is_foreign=bool(rng.random() < 0.3),
        is_answered=bool(rng.random() < 0.7),
        duration_ms=int(rng.integers(3_000, 180_000)),
        ids={carrier: f"{rng.integers(1 << 62):x}@carrier-{carrier + 1}" for carrier in (*way, LAST)},
    )


def archived(world: World, carrier: int, folder: str) -> ArchiveStore:
    """The archive of a carrier: three files, which the first and the fourth compact; digests at some."""
    store, events = ArchiveStore(folder), events_at(world, carrier)
    third = max(1, -(-len(events) // 3))
    for first in range(0, len(events), third):
        part = events[first : first + third]
        records = [Record(first + n, at_ms, msgspec.json.encode(event)) for n, (at_ms, event) in enumerate(part)]
        buffer = Buffer(first, first + len(records), day_of(NOW_MS), records)
        write_file(store, CALL_EVENTS, 0, buffer, NumberKey(SECRET) if carrier in DIGESTED else None)
    if carrier % 3 == 0:
        list(compact(store, CALL_EVENTS, "2100-01-01"))
    return store


def events_at(world: World, carrier: int) -> list[tuple[int, dict[str, Any]]]:
    """What a carrier sees, in the order of its clock: when by it, epoch milliseconds, and the event."""
    passing = [call for call in (*world.traced, *world.others) if carrier in call.way]
    return sorted((event for call in passing for event in seen(world, call, carrier)), key=lambda event: event[0])


def seen(world: World, call: TrueCall, carrier: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """The events of a call as one carrier saw it, by its clock."""
    place = call.way.index(carrier)
    at_ms = call.time_ms + 400 * place + world.clocks_ms[carrier]
    entry = "abroad" if call.is_foreign else "customer"
    common = {
        "call_id": call.ids[carrier], "setup_time_ms": at_ms, "calling_number": call.calling_number,
        "called_number": call.called_number, "trunk_group_id": f"from-{call.way[place - 1]}" if place else entry,
    }  # fmt: skip
    yield at_ms, {"type": "call_setup", "source_ip": f"192.0.2.{call.way[place - 1] if place else 99}"} | common
    talked_ms = call.duration_ms if call.is_answered else 0
    end = {"type": "call_end", "end_time_ms": at_ms + 9_000 + talked_ms, "sip_status": 200 if call.is_answered else 487}
    if call.is_answered:
        end["answer_time_ms"] = at_ms + 9_000
    if place + 1 < len(call.way):
        end["egress_trunk_group_id"] = f"to-{call.way[place + 1]}"
    yield at_ms + 9_000 + talked_ms, common | end


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


if __name__ == "__main__":
    main()
