"""`robocall simulate` writes what replay and training read, and publishes when it says."""

import contextlib
import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from click.testing import CliRunner, Result
from kafka import KafkaConsumer

from models.traffic.kinds import CAMPAIGN_KINDS
from streams.commands.simulate import simulate
from streams.errors import KafkaUnreachable
from streams.kafka.topics import CALL_EVENTS
from streams.wire.records import FEEDBACK_DECODER


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
        (("--out", "x", "--author", "fourth", "--scenario", "flood"), "leave out"),
        (("--kafka", "--author", "fourth"), "leave out"),
        (("--out", "x", "--feedback", "y"), "give --author fourth"),
        (("--out", "x", "--new-kinds", "2027-01-01"), "give --author fourth"),
    ],
)
def test_wrong_usage_is_refused_with_what_to_do(arguments: tuple[str, ...], message: str) -> None:
    result = _run(*arguments)

    assert result.exit_code == 2
    assert message in result.stderr


def test_one_file_for_events_and_labels_is_refused(tmp_path: Path) -> None:
    result = _run("--out", tmp_path / "s", "--labels", tmp_path / "s")

    assert result.exit_code == 2
    assert "--labels" in result.stderr
    assert not (tmp_path / "s").exists()


def test_help_shows_the_examples_as_they_are_typed() -> None:
    lines = [line.strip() for line in _run("--help").stdout.splitlines()]

    assert "\\b" not in lines
    assert "robocall simulate --kafka --rate 1000" in lines


def test_off_a_terminal_standard_error_has_no_empty_line(tmp_path: Path) -> None:
    result = _run("--out", tmp_path / "e.jsonl", "--hours", 0.01)

    assert all(line.strip() for line in result.stderr.splitlines())


@pytest.mark.kafka
def test_published_events_are_keyed_by_calling_number_and_sent_when_they_happen(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five seconds at 400 events/s: none is sent before it happened. How long after is the machine's affair."""
    fresh_topics()
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    labels = tmp_path / "labels.csv"

    result = _run("--kafka", "--rate", 400, "--hours", 5 / 3_600, "--labels", labels)

    assert result.exit_code == 0, result.output
    consumer = KafkaConsumer(
        CALL_EVENTS, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=3_000
    )
    with contextlib.closing(consumer):
        records = [(record.key, record.timestamp, json.loads(record.value)) for record in consumer]
    (said,) = [line for line in result.stderr.splitlines() if "events sent" in line]
    assert said == f"{len(records):,} events sent to {CALL_EVENTS}, 0 of them not taken"
    assert len(records) > 1_000
    assert all(key.decode() == event["calling_number"] for key, _, event in records)
    assert min(sent - event.get("end_time_ms", event["setup_time_ms"]) for _, sent, event in records) >= -50
    setups = {event["call_id"] for _, _, event in records if event["type"] == "call_setup"}
    assert {row["call_id"] for row in csv.DictReader(labels.open())} == setups


def test_no_broker_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")

    error = _run("--kafka").exception

    assert isinstance(error, KafkaUnreachable)
    assert "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS" in str(error)


def test_another_world_is_other_traffic_and_a_held_out_one_is_another_again(tmp_path: Path) -> None:
    """With the same seed; that of one world is the same every time."""
    texts = []
    for name, options in (("a", ()), ("b", ("--world", 3)), ("c", ("--world", 3)), ("d", ("--world", 3, "--held-out"))):
        assert _run("--out", tmp_path / name, "--hours", 0.01, *options).exit_code == 0
        texts.append((tmp_path / name).read_text())

    assert texts[1] == texts[2]
    assert len(set(texts)) == 3


def test_held_out_without_a_world_is_wrong_usage() -> None:
    """It says what is missing."""
    result = _run("--out", "-", "--held-out")

    assert result.exit_code == 2
    assert "--world" in result.output


def test_a_carrier_of_the_fourth_author_comes_with_its_truth_and_what_is_said(tmp_path: Path) -> None:
    """The same bytes each time; feedback can be read as records of its topic, in order of time."""
    contents = []
    for name in ("a", "b"):
        out, labels, said = tmp_path / f"{name}e.zst", tmp_path / f"{name}l.csv", tmp_path / f"{name}f.gz"
        options = ("--author", "fourth", "--hours", 5, "--seed", 2, "--rate", 2, "--new-kinds", "2026-03-10T13:00")
        result = _run("--out", out, "--labels", labels, "--feedback", said, *options)
        assert result.exit_code == 0, result.output
        contents.append((_unpack(out), labels.read_bytes(), _unpack(said)))
        assert "held back until 2026-03-10T13:00Z: " in result.stderr

    assert contents[0] == contents[1]
    setups = [json.loads(line)["call_id"] for line in contents[0][0].splitlines() if b'"call_setup"' in line]
    rows = list(csv.DictReader(io.StringIO(contents[0][1].decode())))
    assert [row["call_id"] for row in rows] == setups
    feedback = [FEEDBACK_DECODER.decode(line) for line in contents[0][2].splitlines()]
    assert feedback
    assert [one.time_ms for one in feedback] == sorted(one.time_ms for one in feedback)


def test_two_spans_of_one_carrier_have_the_calls_of_one_long_span(tmp_path: Path) -> None:
    """A day to learn from and a day to judge can be made by two commands."""
    options = ("--author", "fourth", "--seed", 4, "--rate", 0.3, "--new-kinds", "2026-03-10T15:00")
    texts = []
    for name, more in (
        ("whole", ("--hours", 4)),
        ("first", ("--hours", 2)),
        ("second", ("--hours", 2, "--start", "2026-03-10T15:00")),
    ):
        assert _run("--out", tmp_path / "e", "--labels", tmp_path / name, *options, *more).exit_code == 0
        texts.append((tmp_path / name).read_text().splitlines()[1:])

    assert texts[1] + texts[2] == texts[0]
    assert texts[1]
    assert texts[2]
