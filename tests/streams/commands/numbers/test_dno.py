"""`robocall dno`: what is imported is what workers would block by; what is wrong is one line and changes nothing."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from streams.cases.roles import NotAllowed
from streams.commands.numbers import dno
from streams.numbers.dno_files import DnoFiles
from tests.streams.numbers.dno_case import dno_file, texts
from tests.typed import typed

DAY = ("--date", "2026-01-02")


class Case:
    """A place, and files to import."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = DnoFiles(str(folder / "numbers"))

    def run(self, *arguments: str) -> Result:
        return typed("dno", *arguments)

    def put(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("ROBOCALL_NUMBERS_URL", str(tmp_path / "numbers"))
    return Case(tmp_path)


def test_a_list_is_imported_shown_checked_and_removed(case: Case) -> None:
    file = case.put("list.csv.gz", gzip.compress(b"prefix,owner\n212555,a bank\n+12125550123\n900\n900\n"))

    done = case.run("import", file, "--name", "registry", *DAY)
    assert done.exit_code == 0
    assert "registry of 2026-01-02" in done.stderr
    assert "3 entries, 1 of 10 digits, 1 of 6 digits, 1 of 3 digits" in done.stderr
    assert texts(case.files.read("registry")) == {"2125550123", "212555", "900"}

    (shown,) = map(json.loads, case.run("show", "--json").stdout.splitlines())
    assert (shown["list"], shown["date"], shown["entries"]) == ("registry", "2026-01-02", 3)
    assert shown["entries_by_digits"] == {"10": 1, "6": 1, "3": 1}
    assert "registry of 2026-01-02" in case.run("show").stdout

    found = [json.loads(case.run("check", number, "--json").stdout) for number in ("2125550123", "+1 (212) 555-0124")]
    assert [one["prefix"] for one in found] == ["2125550123", "212555"]
    assert found[0] == {"number": "+12125550123", "prefix": "2125550123", "list": "registry", "date": "2026-01-02"}
    assert "begins with 900, of registry of 2026-01-02" in case.run("check", "+19005550100").stdout
    assert "is on no do-not-originate list of others" in case.run("check", "+12135550100").stdout
    assert json.loads(case.run("check", "2135550100", "--json").stdout)["prefix"] is None

    assert case.run("remove", "registry").exit_code == 0
    assert case.files.listing() == {}
    again = case.run("remove", "registry")
    assert again.exit_code == 1
    assert "no list registry" in again.stderr


def test_lists_are_changed_by_who_may(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    file = case.put("list.csv", b"212555\n")
    (case.folder / "roles.yaml").write_text("aroe: [look_up, unmask]\nmlee: [grant]\n")
    monkeypatch.setenv("ROBOCALL_CASES_ROLES_FILE", str(case.folder / "roles.yaml"))
    for who, may in (("aroe", False), ("mlee", True), ("aroe", False)):
        monkeypatch.setenv("ROBOCALL_CASES_OPERATOR", who)
        done = case.run("import", file, "--name", "registry", *DAY)
        assert (done.exit_code == 0, isinstance(done.exception, NotAllowed)) == (may, not may)
    assert isinstance(case.run("remove", "registry").exception, NotAllowed)
    assert texts(case.files.read("registry")) == {"212555"}


def test_the_answer_of_an_import_is_for_programs_too(case: Case) -> None:
    told = json.loads(case.run("import", case.put("l", b"212\n"), "--name", "a", *DAY, "--json").stdout)

    assert (told["list"], told["entries"]) == ("a", 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"212555\n21255\n", "line 2: do-not-originate entry '21255': give 3, 6, 7 or 10 national digits"),
        (b"", "has no entry"),
    ],
)
def test_a_wrong_list_changes_nothing(case: Case, content: bytes, said: str) -> None:
    case.files.write(dno_file("212", name="registry"))

    done = case.run("import", case.put("list.txt", content), "--name", "registry", *DAY)

    assert done.exit_code == 1
    assert said in str(done.exception)
    assert texts(case.files.read("registry")) == {"212"}


def test_a_damaged_file_is_refused(case: Case) -> None:
    done = case.run("import", case.put("list.gz", gzip.compress(b"212\n" * 99)[:-9]), "--name", "registry", *DAY)

    assert "is damaged or cut off" in str(done.exception)
    assert case.files.listing() == {}


def test_a_name_that_no_reason_can_have_and_a_day_to_come_are_wrong_usage(case: Case) -> None:
    file = case.put("list.txt", b"212\n")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()

    for name, day, said in (
        ("A b", "2026-01-02", "--name has"),
        ("../x", "2026-01-02", "--name has"),
        ("a", tomorrow, "has not come yet"),
        ("a", "02/01/2026", "does not match"),
    ):
        done = case.run("import", file, "--name", name, "--date", day)
        assert done.exit_code == 2
        assert said in done.stderr
    assert case.run("check", "212555").exit_code == 2


def test_of_what_is_assigned_the_rest_is_imported_and_is_good_for_a_month(case: Case) -> None:
    """An area code with 100 codes, one of which has two blocks besides, and an area code with one code."""
    codes = "".join(f"212-{office},CARRIER,CLEC,123A\n" for office in range(200, 300))
    file = case.put(
        "codes.csv", f"prefix,company,type,ocn\n{codes}2125550,X,CLEC,9\n2125551,X,CLEC,9\n213555,X\n".encode()
    )
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()

    done = case.run("import", file, "--name", "unassigned", "--date", yesterday, "--assigned", "--json")

    told = json.loads(done.stdout)
    assert (told["good_for_days"], told["is_lapsed"]) == (30, False)
    assert told["entries_by_digits"] == {"7": 8, "6": 699}  # 300 to 999, less 555
    found = {
        number: json.loads(case.run("check", number, "--json").stdout)["prefix"]
        for number in ("2122000000", "2125550000", "2125552000", "2123000000", "2133000000")
    }
    assert found == {
        "2122000000": None,
        "2125550000": None,
        "2125552000": "2125552",
        "2123000000": "212300",
        "2133000000": None,
    }


def test_a_list_that_is_too_old_blocks_nothing(case: Case) -> None:
    done = case.run("import", case.put("l", b"212\n"), "--name", "a", *DAY, "--good-for-days", "30")

    assert "and good for 30: it blocks nothing" in done.stderr
    assert "is on no do-not-originate list" in case.run("check", "2125550100").stdout


def test_what_is_no_list_of_assigned_codes_is_refused(case: Case) -> None:
    for content, said in (
        (b"2125550123\n", "blocks of 7: there are others"),
        (b"212555\n", "no area code has 100"),
    ):
        done = case.run("import", case.put("l", content), "--name", "a", *DAY, "--assigned")
        assert said in str(done.exception)


def test_what_workers_would_not_take_is_not_imported(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would stay with what they have. A list that takes the place of its older self counts once."""
    case.files.write(dno_file("212", "213", name="other"))
    case.files.write(dno_file("214", "215", name="own"))
    monkeypatch.setattr(dno, "MAX_ENTRIES", 4)
    file = case.put("list.txt", b"212\n213\n214\n")

    done = case.run("import", file, "--name", "own", *DAY)
    assert "with 1 other lists there would be 5 entries" in str(done.exception)
    assert texts(case.files.read("own")) == {"214", "215"}

    assert case.run("import", case.put("list.txt", b"216\n217\n"), "--name", "own", *DAY).exit_code == 0


def test_a_damaged_list_is_named_and_left_out(case: Case) -> None:
    case.files.write(dno_file("212", name="good"))
    case.put("numbers/bad.dno", b"nothing")

    shown = case.run("show")
    assert shown.exit_code == 1
    assert "list bad is not used: it is damaged" in shown.stderr
    assert shown.stdout.startswith("good of 2026-11-20")
    checked = case.run("check", "2125550100")
    assert "list bad is not used" in checked.stderr
    assert "begins with 212, of good" in checked.stdout


def test_without_a_place_it_says_what_to_set(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROBOCALL_NUMBERS_URL")

    assert "set ROBOCALL_NUMBERS_URL" in str(case.run("show").exception)
