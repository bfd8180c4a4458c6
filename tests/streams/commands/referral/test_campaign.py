"""A package of a campaign: whose calls it has, and what it says of the campaign."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from detector.campaigns.grouping import Campaigns
from streams.archive.files import ArchiveStore
from streams.campaigns.records import CampaignCall, CampaignMerge, CampaignRecord, record_of
from streams.campaigns.topic import KnownCampaigns
from streams.campaigns.verdicts import CampaignUnknown
from streams.commands.campaigns import command
from streams.commands.referral.campaign import file_of_record
from streams.referral.package import read
from tests.detector.campaigns.calls_of import suspect
from tests.streams.archive.archive_case import DAY_MS, START_MS
from tests.streams.scorecards.card_case import Call, archived
from tests.typed import typed


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> CampaignRecord:
    """A campaign of two days, which had another name before; its record has one call that no decision names."""
    grouping = Campaigns()
    for n in range(8):
        name = grouping.add(suspect(n))
    example = CampaignCall("call-0-9", "d", START_MS, "+13035550109", "+12125550100")
    made = replace(
        record_of(grouping.by_id[name], {0: 7}), id="cnew", first_seen_ms=START_MS - DAY_MS, last_seen_ms=START_MS,
        examples=(example,), merges=(CampaignMerge("cold", START_MS, "same_times", 1.0),),
    )  # fmt: skip
    monkeypatch.setattr(command, "campaigns_now", lambda _: KnownCampaigns({"cnew": made}))
    return made


def test_it_has_the_calls_that_decisions_name_and_those_of_the_record(
    record: CampaignRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the name of before, too; others by the same trunk group are not in it."""
    store = ArchiveStore(str(tmp_path / "archive"))
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", store.url)
    named = {0: "campaign cnew", 1: "campaign cold", 2: "campaign cother", 3: None, 9: None}
    calls = [
        Call(n, action="block", reasons=(("model", "Score"), *((("campaign", text),) if text else ())))
        for n, text in named.items()
    ]
    archived(store, [*calls, replace(calls[0], days_ago=1)])

    out = tmp_path / "r.zip"
    done = typed("referral", "make", "--campaign", "cnew", "--why", "asked for", "--out", str(out))

    assert done.exit_code == 0, (done.output, done.exception)
    with out.open("rb"):
        package = read(out)
    assert (package.manifest.campaign, package.manifest.calls) == ("cnew", 4)
    with zipfile.ZipFile(out) as files:
        events = [json.loads(line) for line in files.read("calls.jsonl").splitlines()]
        told = json.loads(files.read("attached/campaign.json"))
    assert {one["call_id"] for one in events} == {"call-0-0", "call-0-1", "call-1-0", "call-0-9"}
    assert (told["id"], told["examples"][0]["calling_number"], told["counts"]) == ("cnew", "+13035550109", {})
    assert told["evidence"] == list(record.evidence)


def test_with_digests_the_numbers_of_the_record_are_masked(record: CampaignRecord) -> None:
    told = file_of_record(record, is_digested=True)
    assert b"5550109" not in told
    assert json.loads(told)["examples"][0]["call_id"] == "call-0-9"


@pytest.mark.usefixtures("record")
def test_a_campaign_that_nobody_knows_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path))
    arguments = ["referral", "make", "--campaign", "c0", "--why", "x", "--out", str(tmp_path / "r.zip")]
    done = typed(*arguments)
    assert isinstance(done.exception, CampaignUnknown)
    assert not (tmp_path / "r.zip").exists()
