"""`robocall feedback` as it is typed: to a file, to a real Kafka, and what it refuses."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from streams.commands.feedback import FeedbackUnusable
from streams.errors import KafkaUnreachable
from streams.kafka.topics import CALL_FEEDBACK
from streams.wire.feedback import FeedbackRefused, read_feedback
from tests.topic_reader import Reader
from tests.typed import typed
from tests.waiting import wait_until

AT_14_03_MS = 1_795_788_180_000  # 2026-11-27T14:03:00Z
FTC = (
    "Company_Phone_Number,Created_Date,Violation_Date,Subject,Recorded_Message_Or_Robocall\n"
    '2025550123,2026-11-28 08:00:00,2026-11-27 14:03:00,"Warranties, protection",Y\n'
    "2025550124,2026-11-28 08:00:00,2026-11-27 14:03:00,Other,N\n"
    ",2026-11-28 08:00:00,2026-11-27 14:03:00,Other,Y\n"
)


def run(*arguments: object, text: str | None = None) -> Result:
    return typed("feedback", *arguments, text=text)


def records(path: Path) -> list[dict[str, Any]]:
    """What is in a file of records, without what is not there; each is one that a worker takes."""
    lines = path.read_bytes().splitlines()
    assert all(not isinstance(read_feedback(line), FeedbackRefused) for line in lines)
    return [{name: value for name, value in json.loads(line).items() if value is not None} for line in lines]


def test_a_complaint_file_of_the_ftc_becomes_records_and_the_rest_is_told_by_reason(tmp_path: Path) -> None:
    """Of three rows one is a robocall of a number: N is no verdict, and a row without a number names no call."""
    table, out = tmp_path / "ftc.csv", tmp_path / "out.jsonl"
    table.write_text(FTC)

    done = run("import", table, "--preset", "ftc", "--out", out)

    assert done.exit_code == 0, done.output
    assert records(out) == [
        {
            "time_ms": AT_14_03_MS + 64_620_000, "verdict": "robocall", "source": "subscriber_report",
            "calling_number": "+12025550123", "call_time_ms": AT_14_03_MS, "note": "Warranties, protection",
        }
    ]  # fmt: skip
    assert "1 records written, 2 rows refused" in done.stderr
    assert "1 x a row says neither robocall nor legitimate (line 3)" in done.stderr
    assert "1 x a row names no call" in done.stderr
    assert "(line 4)" in done.stderr


def test_a_file_that_holds_records_is_not_overwritten(tmp_path: Path) -> None:
    """It may be the only place where an earlier session's answers are; whatever is in the table, it stays."""
    table, out = tmp_path / "ftc.csv", tmp_path / "out.jsonl"
    table.write_text(FTC)
    out.touch()
    assert run("import", table, "--preset", "ftc", "--out", out).exit_code == 0
    before = out.read_bytes()

    again = run("import", table, "--preset", "ftc", "--out", out)
    one = run("add", "robocall", "--calling", "+12025550123", "--out", out)

    assert (again.exit_code, one.exit_code) == (2, 2)
    assert "holds records already: give a file of its own" in " ".join(again.stderr.split())
    assert out.read_bytes() == before


def test_columns_of_any_table_are_mapped(tmp_path: Path) -> None:
    """Packed, with the mark of order that spreadsheets write, in the zone of whoever complained."""
    table, out = tmp_path / "tickets.csv.gz", tmp_path / "out.jsonl.gz"
    table.write_bytes(gzip.compress("\ufeffPhone,When\n(312) 555-0142,11/27/2026 9:03 AM\n".encode()))

    done = run(
        "import", table, "--map", "called_number=Phone", "--map", "call_time=When", "--verdict", "robocall",
        "--source", "subscriber_report", "--time-zone", "America/New_York", "--out", out,
    )  # fmt: skip

    assert done.exit_code == 0, done.output
    (only,) = [json.loads(line) for line in gzip.decompress(out.read_bytes()).splitlines()]
    assert (only["called_number"], only["call_time_ms"]) == ("+13125550142", AT_14_03_MS)


def test_a_dry_run_shows_records_and_publishes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker is there, and none is asked for."""
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "localhost:1")
    table = tmp_path / "judged.csv"
    table.write_text("call_id,verdict\n" + "".join(f"call-{number},legitimate\n" for number in range(9)))

    done = run("import", table, "--preset", "analyst", "--dry-run")

    assert done.exit_code == 0, done.output
    assert [json.loads(line)["call_id"] for line in done.stdout.splitlines()] == ["call-0", "call-1", "call-2"]
    assert "9 records would be taken, 0 rows refused" in done.stderr


def test_records_of_a_file_are_taken_as_they_are(tmp_path: Path) -> None:
    """What --out wrote, from standard input; a line that breaks the contract is refused with its reason."""
    line = '{"time_ms":1780000000000,"verdict":"robocall","source":"%s","call_id":"c"}\n'

    done = run("import", "-", "--out", tmp_path / "out.jsonl", text=line % "analyst" + "\n" + line % "analist")

    assert [one["call_id"] for one in records(tmp_path / "out.jsonl")] == ["c"]
    wanted = "subscriber_report, traceback, redress, analyst, honeypot"
    said = f"The field `source` is not one of its permitted values. They are: {wanted}. (line 3)"
    assert f"1 x a row breaks the contract: {said}" in done.stderr


def test_a_table_without_a_verdict_fails_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("call_id,verdict\nc,\nd,unsure\n")
    done = run("import", tmp_path / "t.csv", "--preset", "analyst", "--out", tmp_path / "out.jsonl")
    assert done.exit_code == 1
    assert "no row has a verdict that can be taken" in done.stderr


def test_a_time_that_cannot_be_read_is_refused_with_the_forms_that_can(tmp_path: Path) -> None:
    said = ["robocall", "--calling", "+12025550123", "--at", "yesterday", "--out", str(tmp_path / "o")]
    done = run("add", *said)
    assert done.exit_code == 2
    assert "write 2026-11-27T14:03" in " ".join(done.stderr.split())


def test_a_call_of_the_year_after_is_refused(tmp_path: Path) -> None:
    """Nobody can have heard it: a digit is wrong."""
    done = run("add", "robocall", "--calling", "+12025550123", "--at", "2099-11-27T14:03", "--out", tmp_path / "o")
    assert done.exit_code == 2
    assert "is to come" in done.stderr


def test_a_row_beyond_the_bounds_of_the_contract_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"call_id,verdict\nc,robocall\n{'c' * 129},robocall\n")
    done = run("import", tmp_path / "t.csv", "--preset", "analyst", "--out", tmp_path / "out.jsonl")
    assert len(records(tmp_path / "out.jsonl")) == 1
    assert "breaks the contract: The field `call_id`" in done.stderr


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("Phone\n2025550123\n", ["--preset", "ftc"], "has no column Company_Phone_Number"),
        ("verdict\nrobocall\n", ["--map", "called_number=Phone"], "has no column Phone; its columns are verdict"),
        ("call_id,verdict\n\xe9,robocall\n", [], "neither CSV nor JSON lines in UTF-8"),
    ],
)
def test_a_table_that_is_none_is_refused_in_one_sentence(
    tmp_path: Path, text: str, options: list[str], says: str
) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode("latin-1"))
    done = run("import", tmp_path / "t.csv", *options, "--out", tmp_path / "out.jsonl")
    assert isinstance(done.exception, FeedbackUnusable)
    assert says in str(done.exception)


def test_a_table_of_which_nothing_is_taken_is_a_failure(tmp_path: Path) -> None:
    """A script must notice that a mapping was wrong; without a source every row is refused."""
    (tmp_path / "t.csv").write_text("call_id,verdict\nc,robocall\n")
    done = run("import", tmp_path / "t.csv", "--out", tmp_path / "out.jsonl")
    assert done.exit_code == 1
    assert "1 x a row has no source" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["import", "t.csv", "--map", "phone=Phone"], "FIELD=COLUMN"),
        (["import", "t.csv", "--time-zone", "Mars/Olympus"], "no time zone"),
        (["import", "t.csv", "--dry-run", "--out", "x"], "--dry-run writes nothing"),
        (["add", "robocall"], "the verdict names no call"),
        (["add", "robocall", "--called", "+13125550142"], "the verdict names no call"),
        (["add", "robocall", "--calling", "nobody"], "is no phone number"),
        (["add", "robocall", "--called", "+13125550142", "--at", "noon"], "a time that cannot be read"),
    ],
)
def test_wrong_usage_says_what_is_wrong(arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert says in done.stderr


def test_without_a_broker_adding_fails_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "localhost:1")
    done = run("add", "robocall", "--call-id", "c")
    assert isinstance(done.exception, KafkaUnreachable)


@pytest.mark.kafka
def test_verdicts_reach_the_topic_under_the_calling_number(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One added, two imported; a verdict that knows no calling number has no key, which is no number either."""
    fresh_topics(partitions=2)
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    table = tmp_path / "t.csv"
    table.write_text("calling_number,called_number,call_time,verdict\n,3125550142,2026-11-27T14:03,robocall\n"
                     "202-555-0124,,2026-11-27,legitimate\n")  # fmt: skip

    added = run("add", "robocall", "--calling", "tel:+1-202-555-0123", "--source", "traceback", "--campaign", "x")
    imported = run("import", table, "--preset", "analyst")

    assert (added.exit_code, imported.exit_code) == (0, 0), added.output + imported.output
    assert '"calling_number":"+12025550123"' in added.stderr
    assert "2 records published, 0 rows refused" in imported.stderr
    reader = Reader(kafka_bootstrap, CALL_FEEDBACK)
    wait_until(lambda: len(reader.read()) == 3, "three verdicts")
    reader.close()
    found = {key: json.loads(value or b"") for key, value in reader.raw}
    assert set(found) == {b"+12025550123", b"+12025550124", None}
    assert (found[b"+12025550123"]["source"], found[b"+12025550123"]["campaign"]) == ("traceback", "x")
    assert found[None]["call_time_ms"] == AT_14_03_MS
