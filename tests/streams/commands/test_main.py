"""The command line: help that teaches, errors of one line, exit status 0, 1 or 2."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from streams.commands.main import COMMANDS, loading, main, robocall
from tests.processes import complaints


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `robocall` as a process."""
    command = [sys.executable, "-m", "streams.commands.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_names_every_command() -> None:
    """Without importing any of them."""
    done = run("--help")

    assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    """Each entry of the table leads to a command with a description."""
    command = robocall.get_command(robocall.make_context("robocall", ["--help"], resilient_parsing=True), name)

    assert command is not None
    assert command.help


@pytest.mark.parametrize("style", ["auto", "json"])
def test_a_worker_that_is_still_loading_says_so_in_its_log(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever reads the log of a service expects JSON in each line; of a command, people read it."""
    monkeypatch.setenv("ROBOCALL_LOG_FORMAT", style)

    line = json.loads(loading("worker", 6.1))
    assert line.pop("cpu_s") >= 0
    assert line == {"event": "loading", "level": "info"}
    assert loading("replay", 6.1) == "robocall replay: loading, 6 s"

    monkeypatch.setenv("ROBOCALL_LOG_FORMAT", "console")
    assert loading("worker", 6.1) == "robocall worker: loading, 6 s"


@pytest.mark.parametrize(("level", "is_traced"), [("info", False), ("debug", True)])
def test_an_unforeseen_error_is_one_line_and_status_1(
    level: str, is_traced: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its type; where it happened is shown on request."""
    monkeypatch.setitem(COMMANDS, "broken", ("streams.commands.main:no_such_command", "Cannot be imported."))
    monkeypatch.setattr("sys.argv", ["robocall", "broken"])
    monkeypatch.setenv("ROBOCALL_LOG_LEVEL", level)

    with pytest.raises(SystemExit) as ended:
        main()

    shown = capsys.readouterr().err
    assert ended.value.code == 1
    assert shown.splitlines()[-1].startswith("robocall: internal error AttributeError")
    assert ("Traceback" in shown) is is_traced
    assert is_traced or len(shown.splitlines()) == 1


def test_a_command_that_says_itself_that_it_failed_has_status_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was not erased must not look erased to a script."""
    monkeypatch.setenv("ROBOCALL_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["robocall", "erase", "+12025550123", "--dry-run"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1


def test_wrong_usage_is_status_2_and_failure_is_one_line_and_status_1(tmp_path: Path) -> None:
    """What scripts rely on."""
    damaged = tmp_path / "damaged.jsonl.zst"
    damaged.write_bytes(b"not zstandard")

    wrong = run("replay")
    missing = run("replay", "/nonexistent.jsonl", "--decisions", "-")
    failed = run("replay", str(damaged), "--decisions", "-")

    assert wrong.returncode == 2
    assert missing.returncode == 2
    assert "/nonexistent.jsonl" in missing.stderr.splitlines()[-1]
    assert failed.returncode == 1
    assert complaints(failed.stderr) == [f"robocall: {damaged} is damaged or truncated"]
