"""Files of rows: each row by itself, with its number, whatever the one before it held."""

import gzip
from pathlib import Path

import pytest

from streams.bridge.records.mapping import Columns, MappingInvalid
from streams.bridge.records.tables import files_of, rows_of

COLUMNS = Columns.model_validate(
    {
        "fields": {
            "call_id": "id", "calling_number": "ani", "called_number": "dnis", "trunk_group_id": {"constant": "tg-7"},
            "end_time_ms": {"column": "stop", "time": "epoch_s"}, "sip_status": "status",
        },
        "only": {"leg": "A"},
    }
)  # fmt: skip
TABLE = """id,ani,dnis,stop,status,leg
1,+12025550101,+13125550142,1760000009,200,A
2,+12025550101,+13125550142,1760000009,200,B
3,+12025550101,+13125550142,soon,200,A
4,+12025550101,+13125550142,1760000009,99,A
5,,+13125550142,1760000009,200,A
6,+1-202-555-0102,"+13125550142",1760000010,486,A
"""


@pytest.mark.parametrize("packed", [False, True])
def test_good_rows_go_on_around_wrong_ones(tmp_path: Path, *, packed: bool) -> None:
    """The number of a row is that of its line."""
    path = tmp_path / ("cdr.csv.gz" if packed else "cdr.csv")
    path.write_bytes(gzip.compress(TABLE.encode()) if packed else TABLE.encode())

    rows = list(rows_of(path, COLUMNS))

    assert [(row.number, row.end and row.end["call_id"]) for row in rows] == [
        (2, "1"), (3, None), (4, None), (5, None), (6, None), (7, "6"),
    ]  # fmt: skip
    assert [row.complaint is not None for row in rows] == [False, False, True, True, True, False]
    last = rows[-1].end
    assert last is not None
    assert (last["calling_number"], last["sip_status"]) == ("+12025550102", 486)


def test_what_is_no_table_ends_with_its_line(tmp_path: Path) -> None:
    """What stood before it is taken."""
    path = tmp_path / "cdr.csv"
    path.write_bytes(TABLE.encode() + b"\xff\xff\n" * 9_000)

    *_, last = rows_of(path, COLUMNS)

    assert last.end is None
    assert last.complaint is not None


@pytest.mark.parametrize("damage", ["cut", "torn", "no gzip"])
def test_a_packed_file_that_is_damaged_ends_with_its_line(damage: str, tmp_path: Path) -> None:
    """A copy that is not complete yet, among others."""
    path = tmp_path / "cdr.csv.gz"
    packed = gzip.compress(TABLE.encode() * 2_000)
    damaged = {"cut": packed[:-20], "torn": packed[:100] + bytes(50) + packed[150:], "no gzip": TABLE.encode()}
    path.write_bytes(damaged[damage])

    *_, last = rows_of(path, COLUMNS)

    assert last.end is None
    assert (last.complaint or "").startswith("no table from here on")


def test_a_folder_is_its_tables_in_order(tmp_path: Path) -> None:
    """Other files are not looked at."""
    for name in ("b.csv", "a.csv.gz", "notes.txt"):
        (tmp_path / name).touch()

    assert [path.name for path in files_of(tmp_path)] == ["a.csv.gz", "b.csv"]
    assert files_of(tmp_path / "b.csv") == [tmp_path / "b.csv"]
    (tmp_path / "empty").mkdir()
    for nothing in ("empty", "missing.csv"):
        with pytest.raises(MappingInvalid, match=nothing):
            files_of(tmp_path / nothing)
