"""`robocall replay`: reproducible to the byte, tolerant of bad lines, the same through gzip, zstandard and a pipe."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import zstandard
from click.testing import CliRunner, Result

from detector.features import FEATURE_NAMES, FEATURE_SCHEMA_ID
from models.traffic.generate import generate
from models.traffic.spec import TrafficSpec
from streams.replay import replay
from tests.streams.small_model import save_small_model

BAD_LINES = [b'{"type":"call_setup"', b"", b"[]"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model."""
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few thousand generated events with three bad lines among them."""
    lines = [line.encode() for block in generate(TrafficSpec(hours=0.1, seed=3)) for line in block.json_lines()]
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    path.write_bytes(b"\n".join(lines[:500] + BAD_LINES + lines[500:]) + b"\n")
    return path


def run(model: Path, *arguments: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(replay, [*map(str, arguments), "--model", str(model)], catch_exceptions=False)


def test_two_runs_are_byte_identical_with_one_decision_a_setup_in_input_order(
    model: Path, events: Path, tmp_path: Path
) -> None:
    """Bad lines are counted and do not change the exit status; `decided_time_ms` is the event's own time."""
    first = run(model, events, "--decisions", tmp_path / "1.jsonl", "--features", tmp_path / "f.parquet")
    run(model, events, "--decisions", tmp_path / "2.jsonl")

    assert first.exit_code == 0
    assert "3 bad lines" in first.stderr
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()
    asked = [json.loads(line) for line in events.read_bytes().splitlines() if b'"type":"call_setup",' in line]
    answers = [json.loads(line) for line in (tmp_path / "1.jsonl").read_bytes().splitlines()]
    assert [a["call_id"] for a in answers] == [event["call_id"] for event in asked]
    assert all(a["decided_time_ms"] == a["setup_time_ms"] for a in answers)
    table = pq.read_table(tmp_path / "f.parquet")
    assert table["call_id"].to_pylist() == [a["call_id"] for a in answers]
    assert table.column_names[3:] == list(FEATURE_NAMES)
    assert table.schema.metadata[b"feature_schema"].decode() == FEATURE_SCHEMA_ID


def test_packed_files_and_standard_input_give_the_same_decisions(model: Path, events: Path, tmp_path: Path) -> None:
    """.gz, .zst and `-`."""
    raw = events.read_bytes()
    (tmp_path / "e.jsonl.gz").write_bytes(gzip.compress(raw))
    (tmp_path / "e.jsonl.zst").write_bytes(zstandard.compress(raw))
    run(model, events, "--decisions", tmp_path / "plain.jsonl")
    run(model, tmp_path / "e.jsonl.gz", "--decisions", tmp_path / "gz.jsonl")
    run(model, tmp_path / "e.jsonl.zst", "--decisions", tmp_path / "zst.jsonl")
    piped = subprocess.run(
        [sys.executable, "-m", "streams.cli", "replay", "-", "--decisions", "-", "--model", str(model)],
        input=raw,
        capture_output=True,
        check=True,
    )

    expected = (tmp_path / "plain.jsonl").read_bytes()
    assert (tmp_path / "gz.jsonl").read_bytes() == expected
    assert (tmp_path / "zst.jsonl").read_bytes() == expected
    assert piped.stdout == expected


def test_strict_fails_after_the_work_and_dead_letters_say_which_lines(
    model: Path, events: Path, tmp_path: Path
) -> None:
    """The offset of a dead letter is the line's number, from 0."""
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "replay", str(events), "--decisions", str(tmp_path / "d.jsonl"),
         "--dead-letters", str(tmp_path / "dead.jsonl"), "--strict", "--model", str(model)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("robocall: 3 bad lines")
    letters = [json.loads(line) for line in (tmp_path / "dead.jsonl").read_bytes().splitlines()]
    assert [(letter["offset"], letter["code"]) for letter in letters] == [
        (500, "invalid_json"),
        (501, "empty"),
        (502, "not_an_object"),
    ]


def test_partitions_split_numbers_but_not_trunks(model: Path, events: Path, tmp_path: Path) -> None:
    """A number's calls share a partition, and trunk totals are exact: both feature families stay as they are."""
    run(model, events, "--decisions", tmp_path / "1.jsonl", "--features", tmp_path / "1.parquet")
    run(model, events, "--decisions", tmp_path / "4.jsonl", "--features", tmp_path / "4.parquet", "--partitions", 4)

    one, four = pq.read_table(tmp_path / "1.parquet"), pq.read_table(tmp_path / "4.parquet")
    for name in FEATURE_NAMES:
        if name.startswith(("number_attempts", "trunk_attempts")):
            assert one[name].to_pylist() == four[name].to_pylist(), name
