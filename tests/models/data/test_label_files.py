"""Label files are read as they say, written as they are read, and refused where they say something else."""

import csv
import gzip
import io
from pathlib import Path

import pytest
import zstandard

from models.data.label_files import read_labels, write_labels
from models.errors import TrainingDataInvalid
from models.traffic.truth import Truth


def test_labels_without_campaign_and_kind_are_enough(tmp_path: Path) -> None:
    """Only call_id and label are required."""
    labels = tmp_path / "l.csv"
    labels.write_text("call_id,label\na,robocall\n")

    assert read_labels(labels) == {"a": Truth(True, "", "unknown")}


@pytest.mark.parametrize(
    "text",
    [
        "call_id,label,campaign\na,robocall,x\nb,legitimate,\n",
        '{"call_id":"a","label":"robocall","campaign":"x"}\n\n{"call_id":"b","label":"legitimate","other":1}\n',
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_labels_are_read_from_csv_and_json_lines_packed_or_not(tmp_path: Path, text: str, suffix: str) -> None:
    """All six say the same."""
    raw = text.encode()
    labels = tmp_path / f"labels{suffix}"
    labels.write_bytes({"": raw, ".gz": gzip.compress(raw), ".zst": zstandard.compress(raw)}[suffix])

    assert read_labels(labels) == {"a": Truth(True, "x", "unknown"), "b": Truth(False, "", "unknown")}


@pytest.mark.parametrize("name", ["l.csv.gz", "l.csv.zst"])
def test_a_damaged_label_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """Half of the labels would be worse than none."""
    pack = gzip.compress if name.endswith(".gz") else zstandard.compress
    labels = tmp_path / name
    labels.write_bytes(pack(b"call_id,label\na,robocall\nb,robocall\n")[:-3])

    with pytest.raises(TrainingDataInvalid, match=f"{name} is damaged or truncated"):
        read_labels(labels)


def test_labels_that_are_not_text_are_refused(tmp_path: Path) -> None:
    """Latin-1 would be read as something else."""
    (tmp_path / "l.csv").write_bytes(b"call_id,label\n\xe9,robocall\n")

    with pytest.raises(TrainingDataInvalid, match="UTF-8"):
        read_labels(tmp_path / "l.csv")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "call,label\na,robocall\n",
        "call_id,label\na,spam\n",
        '{"call_id":"a","label":"spam"}\n',
        '{"call_id":"a"}\n',
        '{"call_id":"a","label":"robocall"}\n[]\n',
        '{"call_id":"a",\n',
        'call_id,label\n"a,robocall\n' + "b,robocall\n" * 20_000,
    ],
)
def test_a_label_file_that_says_something_else_is_refused(tmp_path: Path, text: str) -> None:
    """No guess is made about what a label may have meant."""
    labels = tmp_path / "l.csv"
    labels.write_text(text)

    with pytest.raises(TrainingDataInvalid):
        read_labels(labels)


@pytest.mark.parametrize(
    "text",
    [
        "call_id,label,source,weight\na,robocall,analyst,0.7\nb,legitimate,,\n",
        '{"call_id":"a","label":"robocall","source":"analyst","weight":0.7}\n{"call_id":"b","label":"legitimate"}\n',
    ],
)
def test_who_says_so_and_how_far_it_is_to_be_trusted_are_read(tmp_path: Path, text: str) -> None:
    """Where it is not said, nobody is named, and the label counts whole."""
    labels = tmp_path / "labels"
    labels.write_text(text)

    found = read_labels(labels)

    assert found["a"] == Truth(True, "", "unknown", "analyst", 0.7)
    assert found["b"] == Truth(False, "", "unknown", "", 1.0)


@pytest.mark.parametrize("weight", ["0", "-1", "1.5", "nan", "inf", "much"])
def test_a_weight_that_is_none_is_refused_with_its_line(tmp_path: Path, weight: str) -> None:
    labels = tmp_path / "l.csv"
    labels.write_text(f"call_id,label,weight\na,robocall,1\nb,robocall,{weight}\n")

    with pytest.raises(TrainingDataInvalid, match=r"l\.csv line 3: weight"):
        read_labels(labels)


def test_what_a_caller_wrote_is_no_formula_in_the_file_and_is_read_as_it_was(tmp_path: Path) -> None:
    """A caller writes its call ids, and people open label files in spreadsheets."""
    ids = ["=cmd|'/c calc'!A1", "@x", "+1+1", "-x", "'=1", "\tx", "a\r\n=b", 'a"b', "+12025550100"]
    truths = dict.fromkeys(ids, Truth(True, "=1+1", "@kind", "-source"))
    out = io.StringIO()

    write_labels(truths.items(), out)
    (tmp_path / "l.csv").write_text(out.getvalue(), newline="")

    cells = [cell for row in csv.reader(io.StringIO(out.getvalue(), newline="")) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "@", "\t", "-"))] == []
    assert read_labels(tmp_path / "l.csv") == truths


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Weights to four digits; one that would become 0 stays a weight."""
    truths = {
        "a": Truth(True, "a, b", "unknown", "analyst", 0.94),
        "b": Truth(False, "", "unknown", "redress", 0.12345),
        "c": Truth(True, "", "unknown", "subscriber_report", 1e-6),
    }
    out = io.StringIO()

    assert write_labels(truths.items(), out) == 3
    (tmp_path / "l.csv").write_text(out.getvalue())
    found = read_labels(tmp_path / "l.csv")

    assert {call: truth.weight for call, truth in found.items()} == {"a": 0.94, "b": 0.1235, "c": 0.0001}
    assert found["a"] == truths["a"]
