"""Campaigns for people."""

from dataclasses import replace

from detector.campaigns.grouping import Campaigns
from streams.campaigns.records import CampaignMerge, CampaignRecord, record_of
from streams.commands.campaigns.showing import instant, lines_of, table_of
from tests.detector.campaigns.calls_of import START_MS, suspect


def _record(**fields: object) -> CampaignRecord:
    grouping = Campaigns()
    for n in range(8):
        name = grouping.add(suspect(n, **fields))
    return record_of(grouping.by_id[name], {})


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    heading, line = table_of([_record()], {})
    assert line.index(instant(START_MS)) == heading.index("first seen")


def test_nothing_that_a_caller_wrote_moves_the_cursor() -> None:
    told = "\n".join(lines_of(_record(user_agent="\x1b[2J", called_number="+1310\x1b555")))
    assert "\x1b" not in told
    assert "user agents" in told
    assert "latest calls:" in told


def test_why_another_campaign_turned_out_to_be_this_one_is_said_in_words() -> None:
    """A sign of a later version stays as it is."""
    merges = (CampaignMerge("cold", START_MS, "same_times", 1.0), CampaignMerge("cnew", START_MS, "same_voice", 0.5))

    told = [line for line in lines_of(replace(_record(), merges=merges)) if " as well" in line]

    assert told == [
        "was cold as well, until 2023-11-14 22:13:20: calls at the same times by a shared trunk group, 100%",
        "was cnew as well, until 2023-11-14 22:13:20: same_voice, 50%",
    ]


def test_an_instant_is_utc() -> None:
    assert instant(START_MS) == "2023-11-14 22:13:20"
