"""Hold campaigns that were grouped from suspect calls against the truth of generated traffic, all authors.

    python -m benchmarks.campaigns --author first second --seed 1 2
    python -m benchmarks.campaigns --out docs/benchmarks/campaigns.json

Each carrier's calls go through the worker's own code with the shipped model and the default policy. Grouped are once
the calls that these hold for suspect, once all robocalls (`truth`). Beside our grouping stand two by one key each: the
calling number, and trunk group with origin. A key is named with its fifth call, as our cells are. A call has the name
that it got when it was decided, or what that name was merged into; calls before the first name have none.

- purity: over all named calls, lawful ones too, the share of its campaign's calls that are of the same true campaign
  (B-cubed precision; of a lawful call 0).
- completeness: over all suspect robocalls, the share of its true campaign's suspect calls that have the same name
  (B-cubed recall; of a call without a name 0).
- until named: suspect calls of a true campaign up to the first with a name, of campaigns with at least five.
- lawful: suspect lawful calls that got a name, of all suspect lawful calls.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.harness.machine import describe, give
from detector.campaigns.calls import SuspectCall
from detector.campaigns.grouping import FEWEST_CALLS, Campaigns
from detector.columns.hashing import PUBLIC_SEED
from detector.contract.decisions import Action
from detector.contract.events import CallSetup
from models.traffic.authors import AUTHORS, JUDGED_ALONE, Traffic, slices
from models.traffic.batches import batches
from models.traffic.first.slices import event_json
from models.traffic.span import DEFAULT_START_MS
from models.traffic.truth import Truth
from models.traffic.worlds import central_worlds
from streams.running.progress import Say, step
from streams.screening.build import make_screener
from streams.screening.pipeline import MAX_BATCH, Pipeline
from streams.settings import load_settings
from streams.wire.record_columns import records_of

FIRST = "first"
NAMES = (FIRST, *AUTHORS, *JUDGED_ALONE)
SUSPECT_AT = 0.9
BY_MODEL, BY_TRUTH = "model", "truth"
OURS = "campaigns"

Named = tuple[Truth, str]
"""What a suspect call was, and its name in the end; empty for none."""


@dataclass(slots=True)
class Told:
    """A suspect call, or an end.

    Attributes:
        call: None of an end.
        truth: None of an end.
        is_suspect: Whether model and policy hold the call for suspect.
        ended: Call id and duration from the answer on of an end.
    """

    call: SuspectCall | None = None
    truth: Truth | None = None
    is_suspect: bool = False
    ended: tuple[str, int | None] = ("", None)


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--author", nargs="+", choices=NAMES, default=list(NAMES), help="whose carriers [all]")
    parser.add_argument("--seed", nargs="+", type=int, default=[5, 6], help="of the carriers [%(default)s]")
    parser.add_argument("--calls", type=int, default=40_000, help="of a carrier, about [%(default)s]")
    parser.add_argument("--out", type=Path, help="file for the result as well")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for author in options.author:
        told: list[list[Told]] = []
        for seed in options.seed:
            with step(f"Carrier {seed} of the {author} author", Console(stderr=True)) as say:
                told.append(list(tell(carrier(author, seed, options.calls), say)))
        rows += [{"author": author, **row} for row in compared(told)]
    give(describe() | {"rows": rows}, options.out)


def carrier(author: str, seed: int, calls: int) -> Traffic:
    """A carrier of an author; of the first one a central world."""
    if author == FIRST:
        return central_worlds(1, seed, calls=calls)[0]
    return (AUTHORS | JUDGED_ALONE)[author](seed, start_ms=DEFAULT_START_MS, calls=calls)


def tell(spec: Traffic, say: Say) -> Iterator[Told]:
    """Screen a carrier's events with the shipped model and the default policy; yields suspect calls and all ends."""
    failures: list[Exception] = []
    pipeline = Pipeline(
        make_screener(load_settings(), shared_trunks=True), seed=PUBLIC_SEED, on_failure=failures.append
    )
    seen = 0
    for events, truths in slices(spec):
        told = iter(truths)
        for batch in batches(events, MAX_BATCH):
            screening = pipeline.process(records_of([event_json(one) for one in batch]), decided_time_ms=None).screening
            row = 0
            for event in batch:
                if not isinstance(event, CallSetup):
                    answered = event.answer_time_ms
                    talk_ms = None if answered is None else event.end_time_ms - answered
                    yield Told(ended=(event.call_id, talk_ms))
                    continue
                truth, score, action = next(told), screening.score(row), screening.outcome(row).action
                is_suspect = action is not Action.ALLOW or (score or 0.0) >= SUSPECT_AT
                if is_suspect or truth.is_robocall:
                    identifier = screening.calls.identifier(row)
                    yield Told(SuspectCall.of(event, identifier, score), truth, is_suspect)
                row += 1
            seen += len(batch)
            say(f"{seen:,} events")
    if failures:
        raise failures[0]


def compared(carriers: list[list[Told]]) -> list[dict[str, Any]]:
    """Figures of each way of grouping, by who says what is suspect."""
    rows = []
    for suspects in (BY_MODEL, BY_TRUTH):
        for way, make in WAYS.items():
            made = Figures()
            for told in carriers:
                made.add(told, suspects, make())
            rows.append({"suspects": suspects, "by": way, **made.row()})
    return rows


class ByKey:
    """Groups by one key: the name is the key."""

    def __init__(self, key: Callable[[SuspectCall], str]) -> None:
        self._key = key
        self._calls: Counter[str] = Counter()

    def add(self, call: SuspectCall) -> str:
        """Name a call, empty before the fifth one of its key."""
        key = self._key(call)
        self._calls[key] += 1
        return key if self._calls[key] >= FEWEST_CALLS else ""

    def end(self, call_id: str, talk_ms: int | None) -> None:
        """Ends tell a key nothing."""

    def named(self, name: str) -> str:
        """Keys are never merged."""
        return name


WAYS: dict[str, Callable[[], ByKey | Campaigns]] = {
    OURS: Campaigns,
    "trunk and origin": lambda: ByKey(lambda call: f"{call.trunk_group_id} {call.signer_spc} {call.origid}"),
    "number": lambda: ByKey(lambda call: call.calling_number),
}


@dataclass(slots=True)
class Figures:
    """Sums over carriers of one way of grouping."""

    purity: float = 0.0
    named: int = 0
    completeness: float = 0.0
    robocalls: int = 0
    lawful: int = 0
    lawful_named: int = 0
    groups: int = 0
    groups_lawful: int = 0
    true_campaigns: int = 0
    until_named: list[int] = field(default_factory=list)
    used_s: float = 0.0

    def add(self, told: list[Told], suspects: str, grouping: ByKey | Campaigns) -> None:
        """Group the suspect calls of a carrier, and count."""
        found: list[tuple[Truth, str]] = []
        seen: Counter[str] = Counter()
        first: dict[str, int] = {}
        began_s = time.process_time()
        for one in told:
            if one.call is None or one.truth is None:
                grouping.end(*one.ended)
            elif one.truth.is_robocall if suspects == BY_TRUTH else one.is_suspect:
                name = grouping.add(one.call)
                found.append((one.truth, name))
                seen[one.truth.campaign] += 1
                if name:
                    first.setdefault(one.truth.campaign, seen[one.truth.campaign])
        self.used_s += time.process_time() - began_s
        campaigns = [one for one, calls in seen.items() if one and calls >= FEWEST_CALLS]
        self.true_campaigns += len(campaigns)
        self.until_named += [first[one] for one in campaigns if one in first]
        self._count([(truth, grouping.named(name) if name else "") for truth, name in found])

    def _count(self, named: list[Named]) -> None:
        pairs = Counter((name, truth.campaign) for truth, name in named)
        sizes = Counter(name for _, name in named)
        robocalls = Counter(truth.campaign for truth, _ in named if truth.is_robocall)
        for (name, campaign), calls in pairs.items():
            if campaign and name:
                self.purity += calls * calls / sizes[name]
                self.completeness += calls * calls / robocalls[campaign]
        lawful = Counter(name for truth, name in named if not truth.is_robocall)
        self.named += sum(calls for name, calls in sizes.items() if name)
        self.robocalls += robocalls.total()
        self.lawful += lawful.total()
        self.lawful_named += lawful.total() - lawful[""]
        self.groups += sum(1 for name in sizes if name)
        self.groups_lawful += sum(1 for name, calls in lawful.items() if name and calls > sizes[name] / 2)

    def row(self) -> dict[str, Any]:
        """What is printed."""
        until = sorted(self.until_named)
        suspects = self.robocalls + self.lawful
        return {
            "suspect_calls": suspects,
            "purity": round(self.purity / self.named, 3) if self.named else None,
            "completeness": round(self.completeness / self.robocalls, 3) if self.robocalls else None,
            "true_campaigns": self.true_campaigns,
            "true_campaigns_named": len(until),
            "groups": self.groups,
            "groups_mostly_lawful": self.groups_lawful,
            "until_named_median": statistics.median(until) if until else None,
            "until_named_p90": until[int(0.9 * (len(until) - 1))] if until else None,
            "lawful_suspect": self.lawful,
            "lawful_named": self.lawful_named,
            "cpu_us_a_suspect": round(self.used_s / suspects * 1e6, 1) if suspects else None,
        }


if __name__ == "__main__":
    main()
