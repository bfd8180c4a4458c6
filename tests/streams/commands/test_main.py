"""The command line: help that teaches, errors of one line, exit status 0, 1 or 2."""

import json
import os
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


def test_a_file_that_cannot_be_written_is_one_line_for_people(tmp_path: Path) -> None:
    """No number of an error, and the file before what is wrong with it."""
    done = run("simulate", "--hours", "0.01", "--out", str(tmp_path / "none" / "x"), "--labels", str(tmp_path / "l"))

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"robocall: {tmp_path / 'none' / 'x'}: No such file or directory"


def test_help_names_every_command() -> None:
    """Without importing any of them."""
    done = run("--help")

    assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)


IMPORTED = """
import sys
from streams.commands.main import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
SLOW_TO_IMPORT = {
    "aiokafka", "cryptography", "duckdb", "faust", "kafka", "matplotlib", "msgspec", "numba", "numpy", "pyarrow",
    "prometheus_client", "pydantic", "redis", "rich", "sklearn", "starlette", "structlog", "yaml",
}  # fmt: skip
COMPLETES = {"_ROBOCALL_COMPLETE": "bash_complete", "COMP_CWORD": "1"}


def started(*arguments: str, **environment: str) -> tuple[str, set[str]]:
    """Run `robocall` as a process; give what it wrote, and the modules that it had imported at its end."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments],
        env=os.environ | environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout, set(done.stderr.split())


def test_help_imports_nothing_that_takes_long() -> None:
    """It is there at once: the start of Python, click, and a table."""
    shown, modules = started("--help")

    assert all(name in shown for name in COMMANDS)
    assert "click" in modules
    assert modules & SLOW_TO_IMPORT == set()
    assert {name for name in modules if name.startswith("streams.commands.")} == {"streams.commands.main"}


def test_redress_waits_for_no_faust_though_it_reads_kafka() -> None:
    """Granting is done in seconds, so what only workers need is not imported."""
    shown, modules = started("redress", "grant", "--help")

    assert "--why" in shown
    assert "aiokafka" in modules
    assert modules & {"faust", "sklearn", "pyarrow", "duckdb"} == set()


def test_a_shell_completes_commands_without_importing_any() -> None:
    """Of two that begin so both are offered; nothing else is written in the midst of the line."""
    shown, modules = started(COMP_WORDS="robocall ca", **COMPLETES)

    assert shown.splitlines() == ["plain,campaigns", "plain,cases"]
    assert modules & SLOW_TO_IMPORT == set()


def test_a_shell_completes_what_stands_behind_a_command() -> None:
    """Its own commands and options."""
    shown, _ = started(COMP_WORDS="robocall topics cr", **(COMPLETES | {"COMP_CWORD": "2"}))
    options, _ = started(COMP_WORDS="robocall simulate --kaf", **(COMPLETES | {"COMP_CWORD": "2"}))

    assert (shown.splitlines(), options.splitlines()) == (["plain,create"], ["plain,--kafka"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(shell: str) -> None:
    """It asks us by the variable that the help names."""
    shown, _ = started(_ROBOCALL_COMPLETE=f"{shell}_source")

    assert "_ROBOCALL_COMPLETE" in shown


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
    monkeypatch.setattr("streams.commands.erase._require_no_hold", lambda _: None)  # there is no Kafka
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
