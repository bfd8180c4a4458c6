"""A generated day: its events, the decisions on them, and the campaigns of those that are suspect. Knows no console."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.backlog import cached_events, moved_to_now
from detector.campaigns.cells import Bounds
from detector.campaigns.grouping import Campaigns
from detector.features.window_constants import HOUR_MS
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.campaigns.matching import Ended, Matching
from streams.campaigns.records import CampaignRecord, record_of
from streams.campaigns.settings import CampaignSettings

HOURS = 24.0
SEED = 7
_CALL_ID = re.compile(rb'"call_id":"([^"]+)"')
_REASONS = re.compile(rb'"reasons":\[')


@dataclass(frozen=True, slots=True)
class Day:
    """What was there on a day.

    Attributes:
        events: records of `call-events`, in order of time.
        decisions: on the calls, those of campaigns name them.
        campaigns: records of `campaigns`.
    """

    events: list[bytes]
    decisions: list[bytes]
    campaigns: list[CampaignRecord]


def generated(calls: int, folder: Path) -> Path:
    """A file with the events of so many calls, about, spread over the last day.

    Args:
        calls: of the day.
        folder: where the file goes.
    """
    spec = TrafficSpec(seed=SEED, hours=HOURS, calls_per_second=calls / (HOURS * 3_600))
    kept = cached_events("day", calls, SEED, lambda: _lines(spec))
    lines = kept.read_bytes().splitlines()
    path = folder / "day.jsonl"
    path.write_bytes(b"\n".join(moved_to_now(iter(lines), lines[-1])))
    return path


def _lines(spec: TrafficSpec) -> Iterator[bytes]:
    for block in generate(spec):
        yield from (line.encode() for line in block.json_lines())


def day_of(events: list[bytes], decisions: list[bytes]) -> Day:
    """Group the suspect calls, and let their decisions name the campaigns, as workers and the service do live."""
    chosen = CampaignSettings.load()
    grouping = Campaigns(Bounds(idle_ms=round(chosen.idle_h * HOUR_MS)), most=chosen.most)
    matching = Matching(chosen.score, keeps_setups=False)
    for one in decisions:
        matching.decision(one, None)
    names: dict[bytes, str] = {}
    for event in events:
        found = matching.event(event)
        if isinstance(found, Ended):
            grouping.end(found.call_id, found.talk_ms)
        elif found is not None and (name := grouping.add(found[0])):
            names[found[0].call_id.encode()] = name
    named = [_naming(one, names.get(_call_id(one), "")) for one in decisions]
    return Day(events, named, [record_of(one, {}) for one in grouping.by_id.values()])


def _call_id(decision: bytes) -> bytes:
    found = _CALL_ID.search(decision)
    return found[1] if found else b""


def _naming(decision: bytes, name: str) -> bytes:
    """The decision with one reason more; as it was where there is no name."""
    if not name:
        return decision
    reason = b'{"code":"campaign","text":"campaign %b","value":null,"threshold":null}' % name.encode()
    found = _REASONS.search(decision)
    if found is None:
        raise SystemExit("wrong run: a decision has no reasons")
    rest = decision[found.end() :]
    return b"%b%b%b%b" % (decision[: found.end()], reason, b"" if rest.startswith(b"]") else b",", rest)
