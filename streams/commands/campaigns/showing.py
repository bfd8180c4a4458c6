"""Campaigns for people: a table of many, and all that is known of one."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

import msgspec

from detector.campaigns.joining import in_words
from streams.campaigns.records import CampaignRecord, CampaignVerdict, encoded
from streams.commands.shared.unmasking import Numbers
from streams.running.printable import printable

_COLUMNS = (
    "campaign", "kind", "calls", "numbers", "called", "answered", "confidence", "first seen", "last seen", "said",
)  # fmt: skip
_FIGURES = frozenset(_COLUMNS[2:7])


def table_of(records: Iterable[CampaignRecord], verdicts: Mapping[str, CampaignVerdict]) -> Iterator[str]:
    """Write a line for each campaign below a line of headings; columns are as wide as what is in them.

    Args:
        records: In the order in which they are shown.
        verdicts: What people said, by id.
    """
    rows = [_COLUMNS, *(_cells(one, verdicts.get(one.id)) for one in records)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, _COLUMNS, strict=True)
        yield "  ".join(cell.rjust(w) if name in _FIGURES else cell.ljust(w) for cell, w, name in cells).rstrip()


def _cells(one: CampaignRecord, said: CampaignVerdict | None) -> tuple[str, ...]:
    answered = "" if one.answered_ratio is None else f"{one.answered_ratio:.0%}"
    counts = (f"{count:,}" for count in (one.calls, one.numbers, one.called_numbers))
    seen = (instant(at_ms) for at_ms in (one.first_seen_ms, one.last_seen_ms))
    verdict = "" if said is None else str(said.verdict)
    return (one.id, one.kind, *counts, answered, f"{one.confidence:.2f}", *seen, verdict)


def object_of(record: CampaignRecord, said: CampaignVerdict | None, numbers: Numbers) -> str:
    """Write a campaign for a program: its record as the topic has it, and `said`, null where nobody said anything.

    Args:
        record: Of the campaign, with its numbers as they are shown.
        said: What a person said of it.
        numbers: How those in the words of that person are shown.
    """
    told = {**msgspec.json.decode(encoded(record)), "said": None if said is None else numbers.of(said)}
    return msgspec.json.encode(told).decode()


def lines_of(record: CampaignRecord, said: CampaignVerdict | None = None) -> Iterator[str]:
    """Say all that is known of a campaign, line by line. What callers and people wrote is made printable.

    Args:
        record: Of the campaign.
        said: What a person said of it.
    """
    yield f"{record.id}: {record.kind}, confidence {record.confidence:.2f}"
    if said is not None:
        why = "" if said.why is None else f": {said.why}"
        yield printable(f"{said.verdict}, said {said.who}, {instant(said.time_ms)}{why}")
    if record.merged_into is not None:
        yield f"merged into {record.merged_into}: look there"
    yield f"first seen {instant(record.first_seen_ms)}, last seen {instant(record.last_seen_ms)}"
    yield from (f"  {printable(one)}" for one in record.evidence)
    areas = sorted(record.counts["areas"].items(), key=lambda one: -one[1])[:8]
    yield "areas called: " + ", ".join(f"{printable(area) or 'other'} {calls:,}" for area, calls in areas)
    for merge in record.merges:
        yield f"was {merge.id} as well, until {instant(merge.at_ms)}: {in_words(merge.sign)}, {merge.value:.0%}"
    yield "latest calls:"
    for call in record.examples[-5:]:
        told = f"{call.calling_number} to {call.called_number}, call {call.call_id}, decision {call.decision_id}"
        yield f"  {instant(call.at_ms)} {printable(told)}"


def instant(at_ms: int) -> str:
    """Write an instant for people, UTC to the second."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
