"""`robocall simulate` writes what replay and training read, and publishes when it says."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
import zstandard
from click.testing import CliRunner, Result

from models.traffic.spec import CAMPAIGN_KINDS
from streams.simulate import simulate


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(simulate, [str(argument) for argument in arguments])


def _unpack(path: Path) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes())).readall()
    return path.read_bytes()


def test_events_and_labels_are_written_packed_or_not_with_the_same_content(tmp_path: Path) -> None:
    contents = []
    for suffix in ("", ".gz", ".zst"):
        out, labels = tmp_path / f"e.jsonl{suffix}", tmp_path / f"l.csv{suffix}"
        result = _run("--out", out, "--labels", labels, "--hours", 0.02, "--seed", 9)
        assert result.exit_code == 0, result.output
        contents.append((_unpack(out), _unpack(labels)))

    assert contents[0] == contents[1] == contents[2]
    events = [json.loads(line) for line in contents[0][0].splitlines()]
    rows = list(csv.DictReader(io.StringIO(contents[0][1].decode())))
    setups = [event["call_id"] for event in events if event["type"] == "call_setup"]
    assert [row["call_id"] for row in rows] == setups
    assert {row["label"] for row in rows} == {"robocall", "legitimate"}
    assert len(events) == 2 * len(setups)


def test_two_runs_are_byte_identical(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        assert _run("--out", tmp_path / name, "--hours", 0.01, "--scenario", "flood").exit_code == 0

    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_events_go_to_standard_output_and_nothing_else_does() -> None:
    result = _run("--out", "-", "--hours", 0.01)

    assert all(json.loads(line)["type"] for line in result.stdout.splitlines())
    assert "robocalls, seed 1" in result.stderr


def test_start_is_read_as_utc(tmp_path: Path) -> None:
    out = tmp_path / "e.jsonl"
    assert _run("--out", out, "--hours", 0.01, "--start", "2027-01-04T15:00").exit_code == 0

    first = json.loads(out.read_text().splitlines()[0])
    assert 0 <= first["setup_time_ms"] - 1_799_074_800_000 < 36_000


def test_scenarios_are_listed_one_a_line() -> None:
    assert _run("--list-scenarios").stdout.split() == list(CAMPAIGN_KINDS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either --out FILE or --kafka"),
        (("--out", "x", "--kafka"), "give either --out FILE or --kafka"),
        (("--kafka", "--start", "2027-01-01"), "leave --start out"),
        (("--out", "x", "--start", "yesterday"), "2026-03-10T13:00"),
        (("--out", "x", "--scenario", "robodance"), "robodance"),
    ],
)
def test_wrong_usage_is_refused_with_what_to_do(arguments: tuple[str, ...], message: str) -> None:
    result = _run(*arguments)

    assert result.exit_code == 2
    assert message in result.stderr
