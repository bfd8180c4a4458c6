"""A command in a process of its own: what it says comes back, and it ends when its parent does."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from streams.commands.child import CommandFailed, run
from tests.processes import ROOT
from tests.waiting import wait_until


def nobody(_: str) -> None:
    """Hears nothing."""


def processes_with(text: str) -> list[int]:
    """Processes whose command line has a text in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:  # it is gone
                continue
            if any(text in word for word in words):
                found.append(int(entry.name))
    return found


def test_what_a_command_writes_for_programs_comes_back(tmp_path: Path) -> None:
    """Under the settings that it is given."""
    (tmp_path / "own").mkdir()
    found = run(["models", "list", "--json"], nobody, {"ROBOCALL_MODELS_URL": str(tmp_path / "own")})
    assert found == "[]\n"


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    """With its last line; each line is passed on."""
    heard: list[str] = []
    with pytest.raises(CommandFailed, match=r"^no model 'nobody' at ") as failure:
        run(["models", "show", "nobody"], heard.append, {"ROBOCALL_MODELS_URL": str(tmp_path)})
    assert heard[-1] == f"robocall: {failure.value}"


def waiting_command(folder: Path) -> list[str]:
    """A replay that reads a pipe to which nobody writes, and so never ends."""
    os.mkfifo(folder / "events.jsonl")
    return ["replay", str(folder / "events.jsonl"), "--decisions", "/dev/null"]


def test_a_command_that_is_killed_says_so(tmp_path: Path) -> None:
    command = waiting_command(tmp_path)

    def kill() -> None:
        wait_until(lambda: processes_with(str(tmp_path)), "the command runs")
        for process in processes_with(str(tmp_path)):
            os.kill(process, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(CommandFailed, match="replay was killed by signal 9"):
        run(command, nobody, {})
    killer.join()


def test_a_command_that_takes_too_long_is_ended_and_says_so(tmp_path: Path) -> None:
    """Whoever asked for it waits no longer, and nothing of it is left."""
    with pytest.raises(CommandFailed, match=r"replay took longer than 0\.1 s and was ended"):
        run(waiting_command(tmp_path), nobody, {}, limit_s=0.1)
    assert not processes_with(str(tmp_path))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_command_ends_with_its_parent_however_that_ends(number: signal.Signals, tmp_path: Path) -> None:
    command = waiting_command(tmp_path)
    program = f"from streams.commands.child import run; run({command!r}, print, {{}})"
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.DEVNULL)
    events = str(tmp_path / "events.jsonl")
    try:
        wait_until(lambda: set(processes_with(events)) - {parent.pid}, "the command runs")
        with (tmp_path / "events.jsonl").open("wb"):  # its reader is there: it waits for events
            parent.send_signal(number)
            parent.wait()
            wait_until(lambda: not processes_with(events), "the command is gone too")
    finally:
        parent.kill()
        parent.wait()


def test_a_command_can_give_way_to_others(tmp_path: Path) -> None:
    """Its process has that niceness; others are as they were."""
    command, seen = waiting_command(tmp_path), []

    def look() -> None:
        wait_until(lambda: processes_with(str(tmp_path)), "the command runs")
        (process,) = processes_with(str(tmp_path))
        wait_until(lambda: os.getpriority(os.PRIO_PROCESS, process) == 19, "it gives way")
        seen.append(process)
        os.kill(process, signal.SIGKILL)

    looker = threading.Thread(target=look)
    looker.start()
    with pytest.raises(CommandFailed):
        run(command, nobody, {}, niceness=19)
    looker.join()
    assert seen


def test_a_command_whose_parent_ended_before_it_began_does_nothing(tmp_path: Path) -> None:
    """The kernel tells it of an end that comes later, not of one that is past."""
    another = str(os.getppid())
    command = [sys.executable, "-m", "streams.commands.child", another, "0", "models", "list", "--json"]
    environment = os.environ | {"ROBOCALL_MODELS_URL": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_where_it_may_not_give_way_it_does_its_work_all_the_same() -> None:
    """A sandbox as that of our units forbids the call."""
    program = """
import os, runpy, sys
def refused(by): raise PermissionError(1, "Operation not permitted")
os.nice = refused
sys.argv = ["child", str(os.getppid()), "19", "--version"]
runpy.run_module("streams.commands.child", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "robocall" in done.stdout
