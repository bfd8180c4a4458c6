"""Campaigns traced from archive to archive by the commands of running carriers."""

import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.live_tracebacks.carrier import office, played, robocall
from benchmarks.tracebacks.tracing import judged, named_last, silence, silent_ones
from benchmarks.tracebacks.worlds import LAST, SPAN_MS, TOPOLOGIES, TrueCall, events_at, made
from detector.features.window_constants import MINUTE_MS
from streams.traceback.casework import traceback_in
from streams.traceback.path import path_of
from streams.traceback.records import Answer, Traceback
from streams.traceback.report import as_request, report_of
from streams.wire.cases import read_case

ENDED_MS = 30 * MINUTE_MS
"""The calls are over for so long: by no clock are they to come."""
EXAMPLES = 50
"""A campaign keeps so many calls."""

Settings = dict[str, str]


def measure(topology: str, calls: int, seed: int, first: int = 0) -> dict[str, Any]:
    """Play a world, and trace the calls of the campaigns that are found; how it went, as counts.

    Args:
        topology: One of `TOPOLOGIES`.
        calls: Of the robocaller.
        seed: Of the world.
        first: The carriers before it carry nothing and are not run; 0 for none.

    Raises:
        SystemExit: a command failed, a call is missing, or there is no campaign.
    """
    rng = np.random.default_rng([seed, TOPOLOGIES.index(topology)])
    start_ms = time.time_ns() // 1_000_000 - SPAN_MS - ENDED_MS
    world = made(topology, calls, rng, start_ms=start_ms, first=first)
    with tempfile.TemporaryDirectory(prefix="robocall-carriers-") as folder:
        offices = {carrier: office(carrier, Path(folder) / str(carrier)) for carrier in range(first, LAST + 1)}
        for carrier in range(first, LAST):
            events = events_at(world, carrier)
            _say(f"{topology}: carrier {carrier + 1}, {len(events):,} events")
            with played(offices[carrier], events):
                pass
        events = events_at(world, LAST)
        _say(f"{topology}: carrier {LAST + 1}, {len(events):,} events")
        with played(offices[LAST], events, [one.calling_number for one in world.traced], groups=True) as own:
            found = opened(own)
            desks = Desks(own, offices, {one.traceback_id: silent_ones(rng, first) for one in found})
            counts: dict[str, Any] = {"events": len(events), "campaigns": len({one.campaign for one in found})}
            true_calls = {call.ids[LAST]: call for call in (*world.traced, *world.others)}
            for way in ("hop_by_hop", "asking_all"):
                _say(f"{topology}: {len(found)} tracebacks, {way}")
                counts[way] = tally(desks.followed(asks_all=way == "asking_all"), true_calls)
    return counts


def opened(own: Settings) -> list[Traceback]:
    """The tracebacks of the examples of all campaigns, opened one campaign after the other.

    Raises:
        SystemExit: there is no campaign.
    """
    campaigns = [json.loads(line) for line in robocall(own, "campaigns", "list", "--json").splitlines()]
    if not campaigns:
        raise SystemExit("wrong run: the service found no campaign")
    lines: list[str] = []
    for one in campaigns:
        options = ("--calls", "-", "--campaign", one["id"], "--examples", str(EXAMPLES), "--why", one["kind"], "--json")
        lines += robocall(own, "traceback", "open", *options, given=json.dumps(one)).splitlines()
    return [msgspec.json.decode(line, type=Traceback) for line in lines]


class Desks:
    """The fifth carrier, which asks, and the others, which answer from their archives or not at all.

    Args:
        own: Settings of the fifth one's commands.
        offices: Settings of the others'.
        silent: Who does not answer, by traceback.
    """

    def __init__(self, own: Settings, offices: Mapping[int, Settings], silent: Mapping[str, set[int]]) -> None:
        self._own = own
        self._offices = offices
        self._silent = silent
        self._asked: dict[str, set[int]] = defaultdict(set)

    def followed(self, *, asks_all: bool) -> list[Traceback]:
        """Ask whoever is named until nobody new is; then, if wished, all others. The tracebacks as they are then."""
        known = self._tracebacks()
        while wanted := self._named(known):
            known = self._ask(wanted)
        if asks_all and (wanted := self._others(known)):
            known = self._ask(wanted)
        return known

    def _named(self, known: Iterable[Traceback]) -> dict[int, list[Traceback]]:
        """Tracebacks whose path ends at somebody who was not asked, by carrier."""
        wanted: dict[int, list[Traceback]] = defaultdict(list)
        for one in known:
            path = path_of(one)
            carrier = named_last(path)
            if path.entry is None and carrier != LAST and carrier not in self._asked[one.traceback_id]:
                wanted[carrier].append(one)
        return wanted

    def _others(self, known: Iterable[Traceback]) -> dict[int, list[Traceback]]:
        """Tracebacks without an entry and a rival, by carriers that were not asked."""
        open_ones = [one for one in known if path_of(one).entry is None and not one.rivals]
        wanted = {
            carrier: [one for one in open_ones if carrier not in self._asked[one.traceback_id]]
            for carrier in self._offices if carrier != LAST
        }  # fmt: skip
        return {carrier: some for carrier, some in wanted.items() if some}

    def _ask(self, wanted: Mapping[int, Sequence[Traceback]]) -> list[Traceback]:
        """Ask carriers, all at once, and import what they say; the tracebacks as they are then."""
        for carrier, some in wanted.items():
            for one in some:
                self._asked[one.traceback_id].add(carrier)
        with ThreadPoolExecutor() as pool:
            answered = pool.map(self._answers, wanted, wanted.values())
            lines = [line for lines in answered for line in lines]
        robocall(self._own, "traceback", "import", "-", "--why", "answers of the carriers", given="\n".join(lines))
        return self._tracebacks()

    def _answers(self, carrier: int, wanted: Sequence[Traceback]) -> list[str]:
        """What a carrier answers, one a line; that it says nothing where it is silent."""
        told = [one for one in wanted if carrier not in self._silent[one.traceback_id]]
        lines = [
            msgspec.json.encode(Answer(traceback_id=one.traceback_id, hop=silence(carrier))).decode()
            for one in wanted if one not in told
        ]  # fmt: skip
        if told:
            asked = b"".join(as_request(report_of(one)) for one in told).decode()
            answers = robocall(self._offices[carrier], "traceback", "answer", "-", "--no-record", given=asked)
            lines += answers.splitlines()
        return lines

    def _tracebacks(self) -> list[Traceback]:
        listed = robocall(self._own, "cases", "list", "--kind", "traceback", "--json", "--unmask", "to ask about them")
        lines = listed.splitlines()
        cases = [case for line in lines if (case := read_case(line.encode())) is not None]
        return [one for case in cases if (one := traceback_in(case)) is not None]


def tally(found: Iterable[Traceback], true_calls: Mapping[str, TrueCall]) -> dict[str, int]:
    """Judge the tracebacks, each by the call that the fifth carrier had."""
    counts: Counter[str] = Counter()
    for one in found:
        counts.update(judged(true_calls[str(one.hops[0].call_id)], one, path_of(one)))
    return dict(sorted(counts.items()))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
