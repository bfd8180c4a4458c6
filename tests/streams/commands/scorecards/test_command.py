"""`robocall scorecards` over a real archive: cards for people and programs, alarms as a status, proposals agreed to."""

import csv
import io
import json
from pathlib import Path

import pytest
from click import unstyle
from click.testing import Result

from streams.archive.files import ArchiveStore
from streams.cases.roles import NotAllowed
from streams.screening.policy_file import parse_policy
from streams.upstreams.entries import save_upstreams
from tests.streams.scorecards.card_case import DAY, Call, archived
from tests.streams.upstreams.upstream_case import upstream
from tests.typed import typed

REFUSAL = 'SIP;cause=603;text="v=analytics1;url=https://x/"'
DAYS = ("--from", DAY.isoformat())
CALLS = [
    *(Call(n, trunk="bad-7", action="block", calling=f"+1303555{n:04}", calling_ocn="999Z") for n in range(40)),
    *(Call(n, trunk="good-1") for n in range(40, 140)),
    *(Call(n, trunk="bad-7", days_ago=1) for n in range(200, 300)),
]


class Case:
    """An archive, a register and a policy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.policy = folder / "policy.yaml"

    def run(self, *arguments: str) -> Result:
        return typed("scorecards", *arguments)


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    archived(ArchiveStore(str(tmp_path / "archive")), CALLS)
    register = tmp_path / "upstreams.yaml"
    bad = upstream("bad-7", legal_name="Bad Telecom", ocn="111A", contact="+1 303 555 0199")
    save_upstreams(register, [bad, upstream("good-1")])
    for name, value in (("ARCHIVE_URL", tmp_path / "archive"), ("UPSTREAMS_FILE", register)):
        monkeypatch.setenv(f"ROBOCALL_{name}", str(value))
    monkeypatch.setenv("COLUMNS", "80")
    return Case(tmp_path)


def test_a_day_is_shown_with_whom_to_call_on_top(case: Case) -> None:
    done = case.run(*DAYS)

    assert done.exit_code == 1
    told = done.stderr[done.stderr.index("Whom to call") :].splitlines()
    assert [line.rstrip() for line in told[:4]] == [
        f"Whom to call on {DAY}",
        "Bad Telecom: 100% suspect calls",
        "  40 calls, 91.2% to 100.0% suspect (up); +1 303 555 0199",
        "By trunk",
    ]
    assert told[4].split() == ["calls", "suspect", "before", "alarms"]
    assert told[5].split() == ["bad-7", "40", "100.0%", "up", "suspect"]
    assert done.stdout == ""


def test_wide_tables_have_every_column_that_says_something(case: Case) -> None:
    done = case.run(*DAYS, "--wide")

    told = done.stderr[done.stderr.index("By trunk") :].splitlines()
    headings = ["calls", "suspect", "95", "%", "before", "invalid", "ocn_unlike", "refused", "alarms", "contact"]
    assert told[1].split() == headings  # the others have nothing to say
    assert told[2].split()[:7] == ["bad-7", "40", "100.0%", "91.2%", "to", "100.0%", "up"]
    assert told[2].split()[-5:] == ["suspect", "+1", "303", "555", "0199"]


def test_a_terminal_of_80_columns_gets_whole_words(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many alarms there are, and however long a name is."""
    name = "the-trunk-group-of-a-carrier-with-a-name-that-is-long-in-every-way"
    calls = [Call(n, trunk=name, action="block", calling="12345", refusal=REFUSAL) for n in range(40)]
    archived(ArchiveStore(str(case.folder / "long")), calls)
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(case.folder / "long"))
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")

    told = unstyle(case.run(*DAYS).stderr)

    tables = told[told.index("By trunk") :]
    table = tables[: tables.index("By upstream")]
    assert max(map(len, tables.splitlines())) <= 80
    assert "…" not in table
    assert {"calls", "suspect", "alarms", "invalid", "refused", "unknown", "100.0%"} <= set(table.split())


def test_programs_get_json_and_csv_of_the_same_cards(case: Case) -> None:
    told = [json.loads(line) for line in case.run(*DAYS, "--json").stdout.splitlines()]
    rows = list(csv.DictReader(io.StringIO(case.run(*DAYS, "--csv").stdout)))

    assert [one["key"] for one in told if one["by"] == "trunk"] == ["bad-7", "good-1"]
    names = ("judged", "suspect", "trend", "alarms", "suspect_share_before")
    assert [told[0][name] for name in names] == [40, 40, "up", "suspect", 0]
    assert [(row["by"], row["key"], row["calls"]) for row in rows] == [
        (one["by"], one["key"], str(one["calls"])) for one in told
    ]
    ocns = {one["key"]: one["ocn_unlike_share"] for one in told if one["by"] == "trunk"}
    assert ocns == {"bad-7": 1.0, "good-1": None}


def test_several_days_are_each_counted_and_a_quiet_one_is_status_0(case: Case) -> None:
    days = ("--from", "2026-05-27", "--to", "2026-05-29", "--json", "--threshold", "suspect=1")
    done = case.run(*days)

    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0
    assert "  nobody" in case.run("--from", "2026-05-27", "--to", "2026-05-28").stderr.splitlines()
    assert [(one["day"], one["key"], one["calls"]) for one in told if one["by"] == "trunk"] == [
        ("2026-05-27", "bad-7", 100), ("2026-05-28", "bad-7", 40), ("2026-05-28", "good-1", 100),
    ]  # fmt: skip
    assert "no call of 2026-01-01 is archived" in case.run("--from", "2026-01-01").stderr


def test_a_plan_says_whose_numbers_are(case: Case) -> None:
    (case.folder / "plan.csv").write_text("prefix,ocn\n303555,111A\n")
    told = map(json.loads, case.run(*DAYS, "--json", "--plan", str(case.folder / "plan.csv")).stdout.splitlines())

    assert {one["key"]: one["ocn_unlike"] for one in told if one["by"] == "trunk"} == {"bad-7": 40, "good-1": None}


def test_a_change_is_proposed_and_written_only_when_a_person_agreed(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.policy.write_text("# ours\nmode: enforce\nredress: {url: https://carrier.example/}\n")
    before = case.policy.read_text()
    asked = ("propose", "--day", DAY.isoformat(), "--policy", str(case.policy))
    line = f'  - {{trunk_group_id: "bad-7", action: report, reason: "{DAY}: 100% suspect calls, of 40 calls"}}'

    proposed = case.run(*asked)
    assert (proposed.exit_code, proposed.stdout) == (0, f"upstreams:\n{line}\n")
    assert "nothing is changed: --yes writes this into" in proposed.stderr
    assert case.policy.read_text() == before

    monkeypatch.setenv("ROBOCALL_CASES_OPERATOR", "aroe")
    roles = tmp_path / "roles.yaml"
    roles.write_text("aroe: [look_up]\n")
    monkeypatch.setenv("ROBOCALL_CASES_ROLES_FILE", str(roles))
    assert isinstance(case.run(*asked, "--yes").exception, NotAllowed)
    roles.write_text("aroe: [look_up, grant]\n")
    agreed = case.run(*asked, "--yes")
    assert agreed.exit_code == 0
    assert case.policy.read_text() == f"{before}upstreams:\n{line}\n"
    assert parse_policy(case.policy.read_bytes()).upstreams[0].trunk_group_id == "bad-7"
    assert "has an entry under upstreams already" in str(case.run(*asked, "bad-7", "--yes").exception)
    again = case.run(*asked, "--yes")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "already for bad-7" in again.stderr
    assert "no trunk group without an entry is alarming" in again.stderr

    named = case.run(*asked, "good-1", "--action", "label")
    assert 'trunk_group_id: "good-1", action: label' in named.stdout
    assert "no call of 2026-05-28 came in by trunk group none" in str(case.run(*asked, "none").exception)


def test_an_archive_of_digests_counts_but_knows_no_refusals(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_ARCHIVE_NUMBER_KEY", "a secret of the tests")
    told = [json.loads(line) for line in case.run(*DAYS, "--json").stdout.splitlines()]

    assert {one["refused"] for one in told} == {None}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--from", "2026-05-28", "--to", "2026-05-28"), "--from must be before --to"),
        (("--threshold", "suspect"), "--threshold suspect: NAME=SHARE is wanted"),
        (("--threshold", "colour=0.1"), "NAME one of suspect, invalid"),
        (("--threshold", "suspect=2"), "NAME=SHARE is wanted"),
        (("propose",), "no policy file is named"),
    ],
)
def test_what_is_wrong_is_said(arguments: tuple[str, ...], complaint: str, case: Case) -> None:
    done = case.run(*arguments)

    assert done.exit_code != 0
    assert complaint in done.stderr + str(done.exception)
