"""Campaigns for people."""

from detector.campaigns.grouping import Campaigns
from streams.campaigns.records import CampaignRecord, record_of
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


def test_an_instant_is_utc() -> None:
    assert instant(START_MS) == "2023-11-14 22:13:20"
