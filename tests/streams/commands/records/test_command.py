"""`robocall bridge records`: what is taken is written or published, what is refused is told with its line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.commands.records.command import records
from streams.kafka.topics import CALL_EVENTS
from tests.streams.bridge.records.test_tables import TABLE
from tests.topic_reader import Reader
from tests.waiting import wait_until

MAPPING = """
only: {leg: A}
fields:
  call_id: id
  calling_number: ani
  called_number: dnis
  trunk_group_id: {constant: tg-7}
  end_time_ms: {column: stop, time: epoch_s}
  sip_status: status
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    """Runs the command on a table of six rows."""
    (tmp_path / "cdr.yaml").write_text(MAPPING)
    (tmp_path / "cdr.csv").write_text(TABLE)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(
            records, [str(tmp_path / "cdr.csv"), "--mapping", str(tmp_path / "cdr.yaml"), *arguments]
        )

    return run


def test_good_rows_are_written_and_wrong_ones_told_with_their_lines(run: Callable[..., Result], tmp_path: Path) -> None:
    """Two ends, one row of another leg, three wrong ones."""
    done = run("--out", str(tmp_path / "ends.jsonl"))

    ends = [json.loads(line) for line in (tmp_path / "ends.jsonl").read_text().splitlines()]
    assert (done.exit_code, [end["call_id"] for end in ends]) == (0, ["1", "6"])
    assert "2 records written, 3 rows refused" in done.stderr
    assert "a row in which the value of 'stop' is not written as the mapping says (line 4)" in done.stderr
    assert "a row in which the required field `calling_number` is missing (line 6)" in done.stderr


def test_a_dry_run_shows_ends_and_writes_nothing(run: Callable[..., Result]) -> None:
    """And takes no file to write."""
    done = run("--dry-run")

    assert json.loads(done.stdout.splitlines()[0])["call_id"] == "1"
    assert "2 records would be taken" in done.stderr
    assert run("--dry-run", "--out", "x").exit_code == 2


def test_a_table_of_which_nothing_can_be_used_fails(run: Callable[..., Result], tmp_path: Path) -> None:
    """Status 1: a wrong mapping is noticed by whoever runs it at night."""
    (tmp_path / "cdr.csv").write_text("a,b\n1,2\n")

    done = run("--dry-run")

    assert done.exit_code == 1
    assert "there is no column 'leg'" in done.stderr


@pytest.mark.kafka
def test_ends_are_published_with_their_key(
    run: Callable[..., Result],
    kafka_bootstrap: str,
    fresh_topics: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The key is the calling number, byte for byte as in the value."""
    fresh_topics(4)
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)

    assert run().exit_code == 0

    reader = Reader(kafka_bootstrap, CALL_EVENTS)
    wait_until(lambda: len(reader.read()) == 2, "both ends are there")
    assert {(key, end["call_id"]) for key, end in reader.read()} == {(b"+12025550101", "1"), (b"+12025550102", "6")}
    reader.close()
