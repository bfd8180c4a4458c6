"""`robocall upstreams`: a table becomes the register, and the register is held against the database."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import Result

from streams.running.clock import utc_today
from streams.upstreams.entries import State, Sure, load_upstreams
from tests.typed import typed

TABLE = """\
Trunk,Carrier,role,frn,contract_date,traceback_clause
w-7,"Acme Telecom, LLC",intermediate,11,{day},yes
w-8,Borealis Voice,gateway,,{day},no
w-9,School District 4,customer,,{day},yes
"""
COLUMNS = ("--map", "trunk_group_id=Trunk", "--map", "legal_name=Carrier")
DATABASE = """\
number,frn,business_name,intermediate_provider_choice
RMD0000001,11,Acme Telecom LLC,Yes
RMD0000002,22,Other Voice,No
"""


class Case:
    """A register, and files beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.register = folder / "upstreams.yaml"

    def run(self, *arguments: str) -> Result:
        return typed("upstreams", *arguments)

    def put(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode("utf-8-sig"))
        return str(path)

    def imported(self) -> Result:
        return self.run("import", self.put("trunks.csv", TABLE.format(day=utc_today())), *COLUMNS)


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("ROBOCALL_UPSTREAMS_FILE", str(tmp_path / "upstreams.yaml"))
    return Case(tmp_path)


def test_a_table_is_imported_and_shown(case: Case) -> None:
    done = case.imported()
    assert (done.exit_code, done.stderr) == (0, f"3 entries taken, 3 of them new: 3 in {case.register}\n")

    shown = case.run("show")
    assert shown.stdout.splitlines()[0] == (
        f"w-7: Acme Telecom, LLC, intermediate (FRN 0000000011, contract {utc_today()}, traceback clause yes)"
    )
    (one,) = map(json.loads, case.run("show", "w-8", "--json").stdout.splitlines())
    assert (one["legal_name"], one["traceback_clause"]) == ("Borealis Voice", False)
    assert "no entry for trunk group w-1" in case.run("show", "w-1").stderr


def test_an_import_replaces_entries_of_its_trunk_groups_and_keeps_what_is_still_known(case: Case) -> None:
    case.imported()
    case.run("check", "--rmd", case.put("rmd.csv", DATABASE), "--record")
    more = case.put(
        "more.csv.gz", "trunk_group_id,legal_name,role,frn\nw-7,Acme Telecom LLC,gateway,11\nw-1,New,gateway,\n"
    )

    told = json.loads(case.run("import", more, "--json").stdout)

    assert (told["taken"], told["new"], told["entries"]) == (2, 1, 4)
    entries = {one.trunk_group_id: one for one in load_upstreams(case.register)}
    assert list(entries) == ["w-7", "w-8", "w-9", "w-1"]
    assert entries["w-7"].registration is None  # of another name
    assert entries["w-8"].registration is not None


def test_the_database_is_joined_recorded_and_then_remembered(case: Case) -> None:
    case.imported()
    unchecked = case.run("check")
    assert unchecked.exit_code == 1
    assert [line.split(": ")[:2] for line in unchecked.stdout.splitlines()] == [
        ["w-7", "registration_unchecked"],
        ["w-8", "registration_unchecked"],
        ["w-8", "no_traceback_clause"],
    ]

    looked = case.run("check", "--rmd", case.put("rmd.csv.gz", DATABASE), "--json")
    assert [(one["trunk_group_id"], one["finding"]) for one in map(json.loads, looked.stdout.splitlines())] == [
        ("w-8", "registration_missing"),
        ("w-8", "no_traceback_clause"),
    ]
    assert looked.stderr.endswith("3 trunk groups, something is wrong with 1\n")
    assert [one.registration for one in load_upstreams(case.register)] == [None, None, None]

    recorded = case.run("check", "--rmd", str(case.folder / "rmd.csv.gz"), "--record")
    assert recorded.exit_code == 1
    assert case.run("check").stdout == recorded.stdout
    found = load_upstreams(case.register)[0].registration
    assert found is not None
    assert (found.state, found.by, found.rmd_number, found.as_of) == (State.LISTED, Sure.FRN, "RMD0000001", utc_today())


def test_a_register_in_order_is_status_0(case: Case) -> None:
    rows = TABLE.format(day=utc_today()).splitlines(keepends=True)
    case.run("import", case.put("trunks.csv", "".join(rows[:2] + rows[3:])), *COLUMNS)

    done = case.run("check", "--rmd", case.put("rmd.csv", DATABASE))

    assert (done.exit_code, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("import none.csv", "No such file"),
        ("import bad.csv", "bad.csv: line 2 (w-7): role: input should be"),
        ("import bad.csv.gz", "bad.csv.gz is damaged or cut off"),
        ("import latin.csv", "latin.csv is not UTF-8 text"),
        ("import bad.csv --map legal_name", "--map legal_name: FIELD=COLUMN is wanted, FIELD one of trunk_group_id"),
        ("import bad.csv --delimiter ;;", "--delimiter is one character"),
        ("check --record", "--record and --date are about --rmd FILE"),
        ("check --rmd bad.csv --date 2199-01-01", "has not come yet"),
        ("check --rmd bad.csv", "bad.csv: it has no column number, frn, business_name"),
    ],
)
def test_what_is_wrong_is_one_line_and_changes_nothing(
    arguments: str, complaint: str, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.imported()
    before = case.register.read_bytes()
    case.put("bad.csv", "trunk_group_id,legal_name,role\nw-7,Acme,peer\n")
    (case.folder / "bad.csv.gz").write_bytes(gzip.compress(b"a" * 1_000)[:-9])
    (case.folder / "latin.csv").write_bytes(b"caf\xe9,\n")
    monkeypatch.chdir(case.folder)

    done = case.run(*arguments.split())

    said = done.stderr if isinstance(done.exception, SystemExit) else str(done.exception)
    assert done.exit_code != 0
    assert complaint in said.splitlines()[-1]
    assert case.register.read_bytes() == before


def test_without_a_register_it_says_what_to_set(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "make it by `robocall upstreams import`" in str(case.run("show").exception)
    monkeypatch.delenv("ROBOCALL_UPSTREAMS_FILE")
    assert "set ROBOCALL_UPSTREAMS_FILE" in str(case.run("show").exception)
