"""The calls of a campaign for a referral, and its record as a file of the package."""

from dataclasses import replace
from typing import Any

from detector.features.window_constants import DAY_MS
from detector.policy.reasons import CAMPAIGN, of_campaign
from streams.archive.calls import DAYS_AROUND, LONGEST_CALL_MS
from streams.archive.files import day_of
from streams.archive.output import fetched
from streams.archive.query import ask
from streams.campaigns.records import CampaignRecord, encoded
from streams.commands.shared.unmasking import MASKED
from streams.referral.collecting import MOST_CALLS

FILE = "campaign.json"
_NAMED = f"""
SELECT call_id FROM call_decisions
WHERE day BETWEEN DATE '{{first}}' AND DATE '{{last}}' AND reasons[-1].code = '{CAMPAIGN}'
AND list_contains(?, reasons[-1].text) GROUP BY call_id ORDER BY max(setup_time_ms) DESC LIMIT {MOST_CALLS}
"""  # noqa: S608 - our own names


def calls_of(connection: Any, record: CampaignRecord) -> list[str]:
    """Find the calls of a campaign: those that decisions name it for, and the latest 50 that its record has.

    Args:
        connection: Of `streams.archive.query.connected`. It blocks for reading the days of the campaign.
        record: The campaign; decisions of before a merge have the other's name.

    Returns:
        At most `MOST_CALLS` ids, each once, the latest ones where there are more.
    """
    names = [of_campaign(name).text for name in (record.id, *(one.id for one in record.merges))]
    days = {"first": day_of(record.first_seen_ms), "last": day_of(record.last_seen_ms + DAY_MS)}
    named = (row[0] for row in fetched(ask(connection, _NAMED.format(**days), (names,))))
    return list(dict.fromkeys([*(call.call_id for call in record.examples), *named]))[:MOST_CALLS]


def days_of(record: CampaignRecord) -> tuple[str, str]:
    """First and last day, `YYYY-MM-DD`, on which what belongs to calls of a campaign can have arrived."""
    around_ms = DAYS_AROUND * DAY_MS
    return day_of(max(0, record.first_seen_ms - around_ms)), day_of(record.last_seen_ms + LONGEST_CALL_MS + around_ms)


def file_of_record(record: CampaignRecord, *, is_digested: bool) -> bytes:
    """Make a file of a campaign's record, without what only a restart needs.

    Args:
        record: The campaign.
        is_digested: Whether the package has digests of numbers: then those of the record are masked.
    """
    told = replace(record, counts={}, reached={})
    return encoded(MASKED.of(told) if is_digested else told)
