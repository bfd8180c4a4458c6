"""Campaigns as pages show them, the latest of them in bounded memory. Knows no Kafka and no page."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from streams.campaigns.records import VERDICT_KEY, CampaignCall, CampaignMerge, CampaignVerdict, verdict_in
from streams.wire.refusals import REFUSALS

MOST_CAMPAIGNS = 5_000
"""As many as `robocall campaigns run` keeps unless told otherwise."""
MOST_EXAMPLES = 10
MOST_AREAS = 8
T = TypeVar("T")


class _Counts(msgspec.Struct, gc=False):
    areas: dict[str, int] = {}
    trunks: dict[str, int] = {}


class _Record(msgspec.Struct):
    """What is read of a record of the topic."""

    id: str
    kind: str
    confidence: float
    first_seen_ms: int
    last_seen_ms: int
    calls: int
    numbers: int
    called_numbers: int
    evidence: tuple[str, ...]
    merges: tuple[CampaignMerge, ...]
    examples: list[CampaignCall]
    counts: _Counts
    answered_ratio: float | None = None
    mean_talk_s: float | None = None
    merged_into: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A campaign: size, spread, and why it is one.

    Attributes:
        id: its name.
        kind: how its calls look.
        confidence: how sure it is, from 0 to 1.
        first_ms: set-up of its first call.
        last_ms: of its latest one.
        calls: suspect ones.
        numbers: different calling numbers.
        called: different called numbers.
        answered_ratio: share of the ended calls that was answered; None of fewer than five.
        talk_s: mean duration of the answered ones, seconds; None where there is none.
        evidence: why these calls are one campaign, for people.
        trunks: trunk groups that it came by, the one of most calls first.
        areas: areas that it called with their calls, the most called first, `MOST_AREAS` of them.
        more_areas: how many others it called.
        merges: campaigns that turned out to be this one.
        examples: its latest calls, the latest first.
    """

    id: str
    kind: str
    confidence: float
    first_ms: int
    last_ms: int
    calls: int
    numbers: int
    called: int
    answered_ratio: float | None
    talk_s: float | None
    evidence: tuple[str, ...]
    trunks: tuple[str, ...]
    areas: tuple[tuple[str, int], ...]
    more_areas: int
    merges: tuple[CampaignMerge, ...]
    examples: tuple[CampaignCall, ...]


_DECODER = msgspec.json.Decoder(_Record)


class CampaignMemory:
    """Takes records of the topic `campaigns`, the same one again too. Used on the event loop alone.

    Args:
        clock: seconds since 1970.

    Attributes:
        verdicts: what people said of campaigns, by id.
        unreadable: records that are no campaigns.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._shown: OrderedDict[str, Shown] = OrderedDict()
        self._merged: OrderedDict[str, str] = OrderedDict()
        self.verdicts: OrderedDict[str, CampaignVerdict] = OrderedDict()
        self.unreadable = 0

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take a record; null deletes. Some tens of microseconds."""
        name = (key or b"").decode(errors="replace")
        if name.startswith(VERDICT_KEY):
            self._judge(name.removeprefix(VERDICT_KEY), value)
            return
        if value is None:
            self._shown.pop(name, None)
            self._merged.pop(name, None)
            return
        try:
            record = _DECODER.decode(value)
        except REFUSALS:
            self.unreadable += 1
            return
        self._shown.pop(record.id, None)
        if record.merged_into is not None:
            _put(self._merged, record.id, record.merged_into)
        else:
            self._merged.pop(record.id, None)
            _put(self._shown, record.id, _shown(record))

    def _judge(self, name: str, value: bytes | None) -> None:
        said = verdict_in(value)
        self.unreadable += said is None and value is not None
        if said is None:
            self.verdicts.pop(name, None)
        else:
            _put(self.verdicts, name, said)

    def find(self, name: str) -> Shown | None:
        """The campaign of an id, or what it was merged into; None where it is not known any more."""
        for _ in range(len(self._merged) + 1):
            into = self._merged.get(name)
            if into is None:
                return self._shown.get(name)
            name = into
        return None

    def within(self, span_s: float) -> list[Shown]:
        """Campaigns that called in the last so many seconds, those with most calls first."""
        since_ms = (self._clock() - span_s) * 1_000
        found = [one for one in self._shown.values() if one.last_ms >= since_ms]
        return sorted(found, key=lambda one: (-one.calls, one.id))


def _put(kept: OrderedDict[str, T], name: str, value: T) -> None:
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > MOST_CAMPAIGNS:
        kept.popitem(last=False)


def _shown(record: _Record) -> Shown:
    areas = sorted(record.counts.areas.items(), key=lambda one: -one[1])
    trunks = sorted(record.counts.trunks, key=lambda name: -record.counts.trunks[name])
    return Shown(
        record.id,
        record.kind,
        record.confidence,
        record.first_seen_ms,
        record.last_seen_ms,
        record.calls,
        record.numbers,
        record.called_numbers,
        record.answered_ratio,
        record.mean_talk_s,
        record.evidence,
        tuple(trunks),
        tuple(areas[:MOST_AREAS]),
        len(areas[MOST_AREAS:]),
        record.merges,
        tuple(reversed(record.examples[-MOST_EXAMPLES:])),
    )
