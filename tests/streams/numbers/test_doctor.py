"""What `robocall doctor` says of do-not-originate lists of others."""

from pathlib import Path

from models.serve.signing import UNSIGNED
from streams.numbers.dno_files import DnoFiles
from streams.numbers.doctor import listed
from tests.streams.numbers.dno_case import dno_file


def test_each_list_is_said_with_its_age_and_a_damaged_one_with_what_to_do(tmp_path: Path) -> None:
    files = DnoFiles(str(tmp_path))
    files.write(dno_file("212", "213", name="good"))
    (tmp_path / "bad.dno").write_bytes(b"nothing")

    bad, good = listed(str(tmp_path), UNSIGNED)

    assert not bad[0]
    assert bad[1].startswith("the do-not-originate list bad is not used: it is damaged")
    assert bad[1].endswith("`robocall dno import` it again")
    assert good[0]
    assert good[1].startswith("good of 2026-11-20, ")
    assert good[1].endswith(f"days old: 2 entries, at {files.url}")


def test_a_list_that_is_too_old_is_said(tmp_path: Path) -> None:
    DnoFiles(str(tmp_path)).write(dno_file("212", name="unassigned", date="2020-01-01", good_for_days=30))

    ((is_good, said),) = listed(str(tmp_path), UNSIGNED)

    assert not is_good
    assert said.endswith("days old: good for 30 days, so it blocks nothing; import a newer one")


def test_an_empty_place_says_what_to_do_and_none_says_nothing(tmp_path: Path) -> None:
    assert list(listed(None, UNSIGNED)) == []
    assert [is_good for is_good, said in listed(str(tmp_path), UNSIGNED) if "robocall dno import" in said] == [True]
