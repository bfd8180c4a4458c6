"""`robocall campaigns` without a broker: the past from files, feedback, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from detector.campaigns.grouping import Campaigns
from detector.contract.decisions import Action, Decision, Mode, Step
from detector.contract.events import Verdict
from streams.archive.files import ArchiveStore
from streams.campaigns.records import CampaignRecord, CampaignVerdict, record_of
from streams.campaigns.topic import KnownCampaigns
from streams.campaigns.verdicts import CampaignUnknown
from streams.cases.roles import NotAllowed
from streams.commands.campaigns import command
from streams.errors import ReplayFailed
from streams.wire.records import DecisionRecord, encode
from tests.detector.campaigns.calls_of import suspect
from tests.streams.archive.archive_case import put, setup
from tests.streams.campaigns.campaign_case import pairs
from tests.typed import typed


def decision(call: dict[str, Any], score: float) -> Decision:
    """A decision in shadow that allows a call."""
    made: Decision = DecisionRecord(
        call["call_id"], f"d-{call['call_id']}", Action.ALLOW, Mode.SHADOW, Action.ALLOW, Step.ALLOW, score, None, (),
        None, call["calling_number"], call["called_number"], call["trunk_group_id"], None, call["setup_time_ms"],
        call["setup_time_ms"], "m", "p", "f",
    )  # fmt: skip
    return made


def _run(*arguments: str) -> Result:
    return typed("campaigns", *arguments)


@pytest.fixture
def kept(tmp_path: Path) -> list[str]:
    """Options that name 30 suspect calls by one trunk group and 20 by another."""
    calls = pairs(range(30)) + pairs(range(30, 50), trunk_group_id="tg-2", calling_number="+4420794601")
    for place, name in enumerate(("events.jsonl", "decisions.jsonl")):
        (tmp_path / name).write_bytes(b"\n".join(call[place] for call in calls))
    return ["--events", str(tmp_path / "events.jsonl"), "--decisions", str(tmp_path / "decisions.jsonl")]


def test_campaigns_of_files_are_found(kept: list[str]) -> None:
    result = _run("find", *kept)
    assert result.exit_code == 0, result.output
    assert "50 suspect calls, 2 campaigns" in result.stderr
    heading, *lines = result.stdout.splitlines()
    assert heading.split()[:3] == ["campaign", "kind", "calls"]
    assert {tuple(line.split()[1:4]) for line in lines} == {
        ("one_number_per_call", "30", "30"),
        ("foreign_numbers", "20", "1"),
    }


def test_programs_get_the_records_of_the_topic(kept: list[str]) -> None:
    whole, masked = (
        json.loads(_run("find", *kept, "--json", "--kind", "foreign_numbers", *more).stdout)
        for more in (("--unmask", "for a replay"), ())
    )
    assert (whole["calls"], whole["numbers"], whole["cells"][-1]["number"]) == (20, 1, "+4420794601")
    assert (masked["calls"], masked["id"], masked["cells"][-1]["number"]) == (20, whole["id"], "+442079••••")
    assert "4420794601" in json.dumps(whole["counts"])
    assert "0794601" not in json.dumps(masked)


def test_files_that_are_something_else_are_refused(kept: list[str], tmp_path: Path) -> None:
    """Events are no decisions, decisions no events, and a table is neither."""
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    for events, decisions, said in (
        (kept[1], kept[1], "no line of --decisions is a decision"),
        (kept[3], kept[3], "none of 50 lines is a call event"),
        (str(table), kept[3], "none of 2 lines is a call event"),
    ):
        result = _run("find", "--events", events, "--decisions", decisions)
        assert (result.exit_code, isinstance(result.exception, ReplayFailed)) == (1, True)
        assert said in str(result.exception)


def test_decisions_on_other_events_are_said(kept: list[str], tmp_path: Path) -> None:
    lines = (tmp_path / "events.jsonl").read_bytes().split(b"\n")
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(lines[:20]))
    assert "30 suspect decisions match no event" in _run("find", *kept).stderr


def test_events_need_their_decisions(kept: list[str]) -> None:
    result = _run("find", *kept[:2])
    assert result.exit_code == 2
    assert "--events needs --decisions" in result.output


def test_campaigns_of_the_archive_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the day alone, and of suspect calls alone."""
    store = ArchiveStore(str(tmp_path / "archive"))
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", store.url)
    day_ms = 1_780_000_000_000
    for first, at_ms, count in ((0, day_ms, 30), (1_000, day_ms + 2 * 86_400_000, 20)):
        calls = [setup(first + number) for number in range(count)]
        put(store, "call-events", [encode(one) for one in calls], first=first, at_ms=at_ms)
        said = [(0.2 if number % 3 == 0 else 0.95) for number in range(count)]
        made = [encode(decision(one, score)) for one, score in zip(calls, said, strict=True)]
        put(store, "call-decisions", made, first=first, at_ms=at_ms)

    result = _run("find", "--archive", "--from", "2026-05-28", "--to", "2026-05-29", "--json")

    assert result.exit_code == 0, result.output
    [said_of] = map(json.loads, result.stdout.splitlines())
    assert (said_of["calls"], said_of["examples"][0]["call_id"]) == (20, "call-1")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> CampaignRecord:
    """The campaign that the topic has, with a name that it had before."""
    grouping = Campaigns()
    for n in range(8):
        name = grouping.add(suspect(n))
    record = record_of(grouping.by_id[name], {})
    old: Any = record_of(grouping.by_id[name], {}, merged_into=record.id)
    monkeypatch.setattr(command, "campaigns_now", lambda _: KnownCampaigns({record.id: record, "c-old": old}))
    return record


def test_what_an_analyst_says_is_about_each_call(known: CampaignRecord, tmp_path: Path) -> None:
    out = tmp_path / "said.jsonl"
    result = _run("clear", "c-old", "--note", "a school", "--out", str(out))
    assert result.exit_code == 0, result.output
    said = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one["call_id"] for one in said] == [one.call_id for one in known.examples]
    assert {(one["verdict"], one["source"], one["campaign"], one["note"]) for one in said} == {
        ("legitimate", "analyst", None, "a school")
    }


def test_numbers_of_a_campaign_are_masked_unless_somebody_says_why(known: CampaignRecord) -> None:
    call = known.examples[-1]
    masked, whole = (_run("show", known.id, *more).stdout for more in ((), ("--unmask", "a referral")))
    assert (call.calling_number in masked, f"{call.calling_number[:-4]}••••" in masked) == (False, True)
    assert f"{call.calling_number} to {call.called_number}, call {call.call_id}" in whole


def test_a_name_of_before_leads_to_the_campaign(known: CampaignRecord) -> None:
    assert f"{known.id}: {known.kind}, confidence" in _run("show", "c-old").stdout


def test_what_somebody_said_of_a_campaign_is_shown(known: CampaignRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    said = CampaignVerdict(known.id, Verdict.LEGITIMATE, "M. Lee", 1_780_000_000_000, "a school\x1b[2J")
    monkeypatch.setattr(command, "campaigns_now", lambda _: KnownCampaigns({known.id: known}, {known.id: said}))
    shown = _run("show", known.id).stdout
    assert "legitimate, said M. Lee, 2026-05-28 20:26:40: a school" in shown
    assert "\x1b" not in shown
    assert _run("list").stdout.splitlines()[1].endswith("legitimate")


@pytest.mark.parametrize("asked", ["show {id}", "list"])
def test_a_program_hears_what_somebody_said_of_a_campaign(
    asked: str, known: CampaignRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers in the words of people are masked like all others; what nobody spoke of has null."""
    words = asked.format(id=known.id).split()
    assert json.loads(_run(*words, "--json").stdout)["said"] is None
    said = CampaignVerdict(known.id, Verdict.ROBOCALL, "M. Lee", 1_780_000_000_000, "called +12025550123 twice")
    monkeypatch.setattr(command, "campaigns_now", lambda _: KnownCampaigns({known.id: known}, {known.id: said}))

    heard = json.loads(_run(*words, "--json").stdout)

    assert heard["id"] == known.id
    assert (heard["said"]["verdict"], heard["said"]["who"]) == ("robocall", "M. Lee")
    assert heard["said"]["why"] == "called +1202555•••• twice"


def test_who_may_not_decide_says_nothing_of_a_campaign(
    known: CampaignRecord, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "roles.yaml").write_text("mlee: [look_up, unmask]\n")
    monkeypatch.setenv("ROBOCALL_CASES_ROLES_FILE", str(tmp_path / "roles.yaml"))
    monkeypatch.setenv("ROBOCALL_CASES_OPERATOR", "mlee")
    result = _run("clear", known.id, "--out", str(tmp_path / "said.jsonl"))
    assert isinstance(result.exception, NotAllowed)
    assert not (tmp_path / "said.jsonl").exists()


def test_campaigns_that_somebody_merged_in_a_circle_hold_nobody(
    known: CampaignRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = replace(known, id="c1", merged_into="c2"), replace(known, id="c2", merged_into="c1")
    monkeypatch.setattr(command, "campaigns_now", lambda _: KnownCampaigns({"c1": one, "c2": other}))
    assert isinstance(_run("show", "c1").exception, CampaignUnknown)


def test_merged_campaigns_are_not_listed_twice(known: CampaignRecord) -> None:
    assert [line.split()[0] for line in _run("list").stdout.splitlines()[1:]] == [known.id]
    assert _run("list", "--kind", "flood").stdout == ""
    assert _run("list", "--within", "1").stdout == ""
