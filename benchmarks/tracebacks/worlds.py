"""Five carriers with wrong clocks, their calls as they really were, and the archive that each has of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from streams.archive.files import ArchiveStore, day_of
from streams.archive.numbers import NumberKey
from streams.archive.schema import Record
from streams.archive.sink import Buffer, write_file
from streams.archive.upkeep import compact
from streams.kafka.topics import CALL_EVENTS
from streams.traceback.matching import TOLERANCE_MS

CARRIERS = 5
LAST = CARRIERS - 1
START_MS = 1_780_000_000_000
NOW_MS = START_MS + 43_200_000
SPAN_MS = 7_200_000
AROUND_MS = 1_200_000
"""Between the first and last call of a world and the others: more than a tolerance and wrong clocks."""
LARGEST_CLOCK_ERROR_MS = 90_000
RIVALS = 0.3
"""Share of traced calls whose pair calls once more within the tolerance."""
OTHERS = 20
"""Calls of other pairs for each traced one."""
SECRET = "a secret of the benchmark"  # noqa: S105 - of generated numbers
DIGESTED = frozenset({1, 3})
"""Carriers whose archives keep digests. The fifth keeps numbers: it names the calls to the others."""
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
