"""The file of assigned codes, as features read it."""

import gzip
from pathlib import Path

import pytest

from detector.columns.code_plan import NO_LIST
from streams.numbers.assigned import read_unassigned
from streams.numbers.dno_text import DnoTextRefused
from streams.numbers.unassigned import AssignmentsRefused

ASSIGNED = [f"303{code}" for code in range(300, 450)]


def test_codes_that_are_not_there_are_unassigned(tmp_path: Path) -> None:
    """Of an area code of which a hundred are; of others nothing is said."""
    path = tmp_path / "codes.csv.gz"
    path.write_bytes(gzip.compress("\n".join([*ASSIGNED, "3034501", "212555"]).encode()))

    free = read_unassigned(path)

    assert not free[3_033_005]
    assert not free[3_034_501]
    assert free[3_034_502]
    assert free[3_034_515]
    assert not free[2_125_560]


def test_no_file_says_nothing() -> None:
    assert read_unassigned(None) is NO_LIST


def test_what_is_no_list_of_codes_is_refused(tmp_path: Path) -> None:
    for content, error in ((b"303555\njunk1\n", DnoTextRefused), (b"3035550123\n", AssignmentsRefused)):
        (tmp_path / "codes.csv").write_bytes(content)
        with pytest.raises(error):
            read_unassigned(tmp_path / "codes.csv")
    (tmp_path / "codes.csv.gz").write_bytes(gzip.compress(b"303555\n" * 1_000)[:-9])
    with pytest.raises(DnoTextRefused, match="damaged or cut off"):
        read_unassigned(tmp_path / "codes.csv.gz")
