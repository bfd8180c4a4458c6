"""`robocall ask`, as it is typed, on an hour of generated traffic, with and without a terminal."""

import json
import os
import pty
import select
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from detector.contract.errors import RobocallError
from models.data.label_files import read_labels
from streams.archive.files import ArchiveStore
from streams.commands.ask.answering import PROMPT
from streams.commands.ask.command import ask
from streams.commands.feedback import feedback
from streams.commands.simulate import simulate
from streams.kafka.topics import CALL_EVENTS
from tests.models.small_model import save_small_model
from tests.processes import ROOT
from tests.streams.archive.archive_case import DAY_MS, put
from tests.streams.commands.adapt.carrier_case import BUSY, answer, fill_in, rows_of
from tests.waiting import LOOK_EVERY_S


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with `events.jsonl`, `labels.csv` and the model `base`, which sees little."""
    folder = tmp_path_factory.mktemp("carrier")
    options = ["--hours", "1", "--rate", "6", "--seed", "5", "--out", str(folder / "events.jsonl")]
    done = CliRunner().invoke(simulate, [*options, "--labels", str(folder / "labels.csv")], catch_exceptions=False)
    assert done.exit_code == 0
    save_small_model(folder / "base", columns=BUSY)
    return folder


def options_of(carrier: Path) -> list[str]:
    return ["--events", str(carrier / "events.jsonl"), "--model", str(carrier / "base"), "--windows-h", "0"]


def run(carrier: Path, *options: object) -> Result:
    return CliRunner().invoke(ask, [*options_of(carrier), *map(str, options)], catch_exceptions=False)


def test_nothing_is_asked_of_the_hours_that_will_judge(carrier: Path, tmp_path: Path) -> None:
    setups = [json.loads(line) for line in (carrier / "events.jsonl").read_text().splitlines()]
    at_ms = {one["call_id"]: one["setup_time_ms"] for one in setups}

    done = run(carrier, "--table", tmp_path / "questions.csv", "--judge-h", "0.5")

    assert done.exit_code == 0, done.output
    asked = [at_ms[one] for row in rows_of(tmp_path / "questions.csv") for one in row["call_ids"].split()]
    assert min(at_ms.values()) <= min(asked)
    assert max(asked) < max(at_ms.values()) - 1_790_000


def test_questions_are_listed_with_their_calls_and_why(carrier: Path, tmp_path: Path) -> None:
    """Each call is a call of the events, and in one question; reasons and examples say something."""
    done = run(carrier, "--table", tmp_path / "questions.csv", "--questions", 8)

    assert done.exit_code == 0, done.output
    rows = rows_of(tmp_path / "questions.csv")
    assert 1 < len(rows) <= 8
    call_ids = [one for row in rows for one in row["call_ids"].split()]
    assert len(call_ids) == len(set(call_ids))
    assert set(call_ids) <= read_labels(carrier / "labels.csv").keys()
    for row in rows:
        assert row["campaign"].startswith(("number block +1", "calling number "))
        assert "of its calls are among the highest 3.0% of those that nobody judged" in row["asked_because"]
        assert row["reasons"]
        assert " to +1" in row["examples"]


def test_of_the_archive_the_same_is_asked(carrier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its calls are found again for the questions."""
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path / "archive"))
    store = ArchiveStore(str(tmp_path / "archive"))
    put(store, CALL_EVENTS, (carrier / "events.jsonl").read_bytes().splitlines(), at_ms=DAY_MS)
    span = ["--archive", "--from", "1970-01-02", "--to", "1970-01-03", "--partitions", "1", *options_of(carrier)[2:]]

    done = CliRunner().invoke(ask, [*span, "--table", str(tmp_path / "archived.csv"), "--questions", "3"])
    of_files = run(carrier, "--table", tmp_path / "files.csv", "--questions", 3)

    assert (done.exit_code, of_files.exit_code) == (0, 0), done.output
    assert (tmp_path / "archived.csv").read_bytes() == (tmp_path / "files.csv").read_bytes()


def test_what_was_answered_is_not_asked_again(carrier: Path, tmp_path: Path) -> None:
    """The truth, filled in and imported: the next questions are about other calls, and say nothing of these."""
    first = tmp_path / "first.csv"
    assert run(carrier, "--table", first, "--questions", 4).exit_code == 0
    answer(first, carrier / "labels.csv")
    answers = tmp_path / "answers.jsonl"
    imported = CliRunner().invoke(feedback, ["import", str(first), "--preset", "analyst", "--out", str(answers)])
    assert imported.exit_code == 0, imported.output

    again = run(carrier, "--table", tmp_path / "again.csv", "--feedback", answers, "--questions", 4)

    assert again.exit_code == 0, again.output
    known = {json.loads(line)["call_id"] for line in answers.read_text().splitlines()}
    asked = {one for row in rows_of(tmp_path / "again.csv") for one in row["call_ids"].split()}
    assert asked
    assert not asked & known


def test_what_an_earlier_table_asked_is_not_asked_again(carrier: Path, tmp_path: Path) -> None:
    """Though all of it was left open: other clusters are asked about in its place."""
    first, second, third = (tmp_path / f"{name}.csv" for name in ("first", "second", "third"))

    done = [
        run(carrier, "--table", first, "--questions", 3),
        run(carrier, "--asked", first, "--table", second, "--questions", 3),
        run(carrier, "--asked", first, "--asked", second, "--table", third, "--questions", 3),
    ]

    assert [one.exit_code for one in done] == [0, 0, 0], done[-1].output
    asked = [one for table in (first, second, third) for row in rows_of(table) for one in row["call_ids"].split()]
    assert len(rows_of(third)) == 3
    assert len(asked) == len(set(asked))


def test_an_earlier_table_that_is_none_is_refused(carrier: Path, tmp_path: Path) -> None:
    with pytest.raises(RobocallError, match="is no table of questions: name one that `robocall ask --table` wrote"):
        run(carrier, "--asked", carrier / "labels.csv", "--table", tmp_path / "questions.csv")


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_table_with_verdicts_is_not_overwritten(carrier: Path, tmp_path: Path, delimiter: str) -> None:
    """Nor one that a spreadsheet saved. One in which nothing is filled in is."""
    table = tmp_path / "questions.csv"
    assert run(carrier, "--table", table, "--questions", 2).exit_code == 0
    assert run(carrier, "--table", table, "--questions", 3).exit_code == 0
    fill_in(table, lambda _: "lawful", 1, delimiter)
    before = table.read_bytes()

    done = run(carrier, "--table", table)

    assert done.exit_code == 2
    assert f"{table} has verdicts" in done.output.replace("\n", "")
    assert "robocall feedback import" in done.output
    assert table.read_bytes() == before


def typed_on_a_terminal(command: list[str], keys: bytes) -> int:
    """Run a command on a terminal of its own, and type a key at each prompt; gives the exit status."""
    keyboard, terminal = pty.openpty()
    shown, waiting = b"", list(keys)
    process = subprocess.Popen(command, cwd=ROOT, stdin=terminal, stdout=terminal, stderr=terminal)
    try:
        while process.poll() is None:
            if select.select([keyboard], [], [], LOOK_EVERY_S)[0]:
                shown += os.read(keyboard, 65_536)
            is_asked = shown.count(PROMPT.encode()) > len(keys) - len(waiting)
            # Keys that come before the terminal waits for single ones are thrown away.
            if waiting and is_asked and not termios.tcgetattr(terminal)[3] & termios.ICANON:
                os.write(keyboard, bytes([waiting.pop(0)]))
    finally:
        process.kill()
        os.close(keyboard)
        os.close(terminal)
    return process.wait()


def test_on_a_terminal_one_key_answers(carrier: Path, tmp_path: Path) -> None:
    """A real one: r and l answer the first two questions, q ends."""
    answers = tmp_path / "answers.jsonl"
    command = [sys.executable, "-m", "streams.commands.main", "ask", *options_of(carrier), "--out", str(answers)]

    assert typed_on_a_terminal(command, b"rlq") == 0

    verdicts = [json.loads(line)["verdict"] for line in answers.read_text().splitlines()]
    assert list(dict.fromkeys(verdicts)) == ["robocall", "legitimate"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give --out FILE"),
        (["--out", "answers.jsonl", "--table", "questions.csv"], "give --out FILE"),
        (["--out", "answers.jsonl"], "no terminal"),
        (["--table", "events.jsonl"], "name the same file"),
        (["--table", "labels.csv", "--asked", "labels.csv"], "name the same file"),
    ],
)
def test_usage_that_makes_no_sense_is_refused(
    carrier: Path, options: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is read or written."""
    monkeypatch.chdir(carrier)

    done = CliRunner().invoke(ask, [*options_of(carrier), *options])

    assert done.exit_code == 2
    assert said in done.output
    assert not (carrier / "answers.jsonl").exists()
