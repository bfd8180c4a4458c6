"""Campaigns as records of the topic `campaigns`: what people and programs read, and what a restart goes on from."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import msgspec

from detector.campaigns.calls import Cell
from detector.campaigns.campaign import Campaign, Example, Merge
from detector.campaigns.joining import Sign
from detector.campaigns.pattern import evidence, figures, kind_of
from detector.campaigns.samples import HASHES, Sample
from detector.campaigns.tally import Tally
from detector.contract.events import EARLIEST_TIME_MS, LATEST_TIME_MS, Verdict, documented
from streams.wire.cases import MAX_NAME, MAX_WHY
from streams.wire.records import encode

T = TypeVar("T")

MOST_BYTES = 256 * 1024
"""A quarter of what topics take by default. Records of ordinary callers have some tens of kilobytes."""
_SAMPLES = ("numbers", "called")
_COUNTERS = ("areas", "trunks", "origins", "levels", "agents", "callers")
_FIGURES = (
    "first_ms", "last_ms", "calls", "scores", "neighbours", "sequential", "ended", "answered", "short", "talk_ms",
    "latest_called",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CampaignCell:
    """What calls of a campaign have in common that their caller cannot change."""

    trunk_group_id: str = documented("Trunk group; empty of a number that calls much.")
    signer_spc: str = documented("Who signed; empty of unsigned calls.")
    origid: str = documented("Origination id; empty of unsigned calls, and where a signer gives each call another.")
    caller: str = documented("Class of the calling number.")
    number: str = documented("The calling number, of one that calls much; else empty.")
    sign: str | None = documented("Why it belongs to the campaign; null of its first cell.")


@dataclass(frozen=True, slots=True)
class CampaignMerge:
    """That another campaign turned out to be this one."""

    id: str = documented("Id of the other one.")
    at_ms: int = documented("When, in event time.")
    sign: str = documented("Why.")
    value: float = documented("How strong the sign was, from 0 to 1.")


@dataclass(frozen=True, slots=True)
class CampaignCall:
    """A call of a campaign."""

    call_id: str = documented("Identifies the call.")
    decision_id: str = documented("The decision on it.")
    at_ms: int = documented("When it was set up.")
    calling_number: str = documented("Who called.")
    called_number: str = documented("Who was called.")


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """A campaign. The key is its id."""

    id: str = documented("Stable; of two campaigns that are merged the older one's stays.")
    merged_into: str | None = documented("Id of the campaign that this one turned out to be; else null.")
    kind: str = documented("How its calls look.")
    confidence: float = documented("How sure it is that these are robocalls, from 0 to 1.")
    first_seen_ms: int = documented("Set-up of its first call.")
    last_seen_ms: int = documented("Set-up of its last call.")
    calls: int = documented("Suspect calls.")
    numbers: int = documented("Different calling numbers, an estimate beyond 64.")
    called_numbers: int = documented("Different called numbers, likewise.")
    answered_ratio: float | None = documented("Share of the ended calls that was answered; null of fewer than five.")
    mean_talk_s: float | None = documented("Mean duration of the answered calls, seconds; null where there is none.")
    evidence: tuple[str, ...] = documented("Why these calls are held for one campaign, for people.")
    cells: tuple[CampaignCell, ...] = documented("Ways by which it calls, the latest 256.")
    merges: tuple[CampaignMerge, ...] = documented("Campaigns that turned out to be this one, the latest 64.")
    examples: tuple[CampaignCall, ...] = documented("Its latest 50 calls.")
    counts: dict[str, Any] = documented("All that is counted, as a restart needs it; for no other program.")
    reached: dict[str, int] = documented("Offset in each partition of `call-decisions` up to which it is counted.")


@dataclass(frozen=True, slots=True)
class CampaignVerdict:
    """What a person said a campaign is. The key is `verdict:` and the campaign's id, so that it outlives its record."""

    campaign_id: str = documented("Id of the campaign.")
    verdict: Verdict = documented("`robocall`, or `legitimate`: then decisions name it no more.")
    who: str = documented("Who said so.", max_length=MAX_NAME)
    time_ms: int = documented("When, epoch milliseconds.", ge=EARLIEST_TIME_MS, le=LATEST_TIME_MS)
    why: str | None = documented("In their words.", default=None, max_length=MAX_WHY)


VERDICT_KEY = "verdict:"
VERDICT_DECODER = msgspec.json.Decoder(CampaignVerdict)
_DECODER = msgspec.json.Decoder(CampaignRecord)


def record_of(campaign: Campaign, reached: Mapping[int, int], merged_into: str | None = None) -> CampaignRecord:
    """Make the record of a campaign.

    Args:
        campaign: At least one call.
        reached: Next offset of each partition of `call-decisions`.
        merged_into: Of one that was merged.
    """
    tally = campaign.tally
    found = figures(tally)
    return CampaignRecord(
        campaign.id,
        merged_into,
        kind_of(tally),
        round(campaign.confidence, 4),
        tally.first_ms,
        tally.last_ms,
        tally.calls,
        found.numbers,
        found.called,
        found.answered_ratio,
        found.talk_s,
        tuple(evidence(campaign)),
        tuple(CampaignCell(*cell, sign=sign) for cell, sign in campaign.cells.items()),
        tuple(CampaignMerge(*merge) for merge in campaign.merges),
        tuple(CampaignCall(*example) for example in campaign.examples),
        _counts(tally),
        {str(partition): offset for partition, offset in reached.items()},
    )


def campaign_of(record: CampaignRecord) -> Campaign:
    """Return the campaign of a record, as it was when that was made."""
    made = Campaign(record.id, _tally(record.counts))
    for cell in record.cells:
        key = Cell(cell.trunk_group_id, cell.signer_spc, cell.origid, cell.caller, cell.number)
        made.cells[key] = None if cell.sign is None else Sign(cell.sign)
    made.examples = [Example(*_values(one)) for one in record.examples]
    made.merges = [Merge(one.id, one.at_ms, Sign(one.sign), one.value) for one in record.merges]
    return made


def encoded(record: CampaignRecord) -> bytes:
    """Encode a record in at most `MOST_BYTES`.

    Of a larger one the latest cells, examples and merges stay, and the commonest areas, trunk groups and origins: half
    of each, and half of that again until there is room.
    """
    value = encode(record)
    while len(value) > MOST_BYTES:
        record = _halved(record)
        value = encode(record)
    return value


def decoded(value: bytes) -> CampaignRecord | None:
    """Decode a record; None where it is none, as of a build that is to come."""
    try:
        return _DECODER.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def verdict_in(value: bytes | None) -> CampaignVerdict | None:
    """Decode what a person said; None where it is no such record."""
    try:
        return VERDICT_DECODER.decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _halved(record: CampaignRecord) -> CampaignRecord:
    counts = dict(record.counts)
    for name in _COUNTERS:
        counts[name] = dict(Counter(counts[name]).most_common(len(counts[name]) // 2))
    return replace(
        record,
        cells=_later_half(record.cells),
        merges=_later_half(record.merges),
        examples=_later_half(record.examples),
        evidence=record.evidence[: len(record.evidence) // 2],
        counts=counts,
    )


def _later_half(values: tuple[T, ...]) -> tuple[T, ...]:
    return values[(len(values) + 1) // 2 :]


def _values(one: CampaignCall) -> tuple[Any, ...]:
    return tuple(getattr(one, field.name) for field in fields(one))


def _counts(tally: Tally) -> dict[str, Any]:
    made: dict[str, Any] = {name: getattr(tally, name) for name in (*_FIGURES, *_COUNTERS)}
    for name in _SAMPLES:
        sample: Sample = getattr(tally, name)
        made[name] = {"counts": sample.counts, "border": min(sample.border, HASHES - 1)}
    return made


def _tally(counts: Mapping[str, Any]) -> Tally:
    made = Tally(counts["first_ms"])
    for name in _FIGURES:
        setattr(made, name, counts[name])
    for name in _COUNTERS:
        setattr(made, name, Counter(counts[name]))
    for name in _SAMPLES:
        border = counts[name]["border"]
        setattr(made, name, Sample(dict(counts[name]["counts"]), HASHES if border == HASHES - 1 else border))
    return made
