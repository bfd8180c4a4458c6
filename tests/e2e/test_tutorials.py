"""Every command of README and of the tutorials runs in the order of its page, against a broker that the page starts.

A block of `console` holds commands after `$ ` and what they print. A block of `sh` is for the reader alone: it
installs, or it names a cluster that a test does not have.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streams.local.services import free_ports
from tests.processes import ROOT, needs_kcat

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
PAGES = [ROOT / "README.md", *TUTORIALS]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
PROMPT = "$ "
MARK = "\x1e"
NUMBER_OR_ID = re.compile(r"\b[0-9a-f]{12,}\b|\d[\d,.:]*")
NEEDED = ("curl", "jq")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    """Numbers and ids may differ, and `...` stands for anything; all other words are as shown, in that order."""
    _needs_tools()
    steps = commands(page.read_text(encoding="utf-8"))

    printed = run([command for command, _ in steps], tmp_path)

    for (command, shown), output in zip(steps, printed, strict=True):
        for line in shown:
            assert pattern(line).search(normal(output)), f"{command}\nshows: {line}\nprinted:\n{output}"


def test_a_line_that_is_not_printed_is_missed() -> None:
    """The comparison forgives numbers, ids and `...`, and nothing else."""
    printed = normal("ok  12 partitions of 0315728d36f8b8560f345c466d4e2713\nerror 7\n")

    assert pattern("ok  3 partitions of aaaaaaaaaaaa").search(printed)
    assert pattern("... 8").search(printed)
    assert not pattern("ok  3 topics").search(printed)
    assert not pattern("partitions").search(printed)


def test_a_command_goes_on_after_a_pipe_or_a_backslash() -> None:
    """Lines up to the last of a command belong to it, the rest is its output."""
    page = "```console\n$ a |\n    b\nout\n$ c \\\n  d\n```\n```sh\n$ never\n```\n"

    assert commands(page) == [("a |\n    b", ["out"]), ("c \\\n  d", [])]


def test_there_is_a_tutorial_for_each_user() -> None:
    """A moved folder must not pass for one that runs. The first quarter of an hour is walked in a browser elsewhere."""
    stems = [page.stem for page in TUTORIALS]
    assert stems == ["data-scientist", "first-quarter-of-an-hour", "platform-engineer", "switch-vendor"]


def commands(page: str) -> list[tuple[str, list[str]]]:
    """Each command of a page with the lines that it shows as printed."""
    steps: list[tuple[str, list[str]]] = []
    goes_on = False
    for line in "".join(BLOCK.findall(page)).splitlines():
        if line.startswith(PROMPT):
            steps.append((line.removeprefix(PROMPT), []))
        elif goes_on:
            steps[-1] = (f"{steps[-1][0]}\n{line}", [])
        else:
            steps[-1][1].append(line)
            continue
        goes_on = line.endswith(("|", "\\"))
    return steps


def run(lines: list[str], folder: Path) -> list[str]:
    """Run commands in one shell, in a folder of their own; return what each of them printed, errors included."""
    port = str(free_ports(1)[0])
    script = "".join(f"printf '{MARK}'\n{line.replace('6066', port)}\n" for line in lines)
    end = "set +e; kill -9 $(jobs -p) 2>/dev/null; robocall local down --delete >/dev/null 2>&1"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROBOCALL_")}
    done = subprocess.run(
        ["bash", "-euc", f"trap '{end}' EXIT\n{script}"],
        cwd=folder,
        env=kept
        | {
            "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
            "PYTHONPATH": str(ROOT),
            "ROBOCALL_WEB_PORT": port,
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_DATA_HOME": str(folder / "data"),
            "COLUMNS": "120",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=850,
        check=False,
    )
    printed = done.stdout.split(MARK)[1:]
    assert done.returncode == 0, f"{lines[len(printed) - 1]}\n{done.stdout[-3_000:]}"
    return printed


def normal(text: str) -> str:
    """Every number and id becomes the same sign, and runs of spaces one space."""
    return "\n".join(" ".join(NUMBER_OR_ID.sub("#", line).split()) for line in text.splitlines())


def pattern(line: str) -> re.Pattern[str]:
    """A shown line as an expression for a whole printed line."""
    parts = [re.escape(normal(part)) for part in line.split("...")]
    return re.compile(f"^{'.*'.join(parts)}$", re.MULTILINE)


def _needs_tools() -> None:
    needs_kcat()
    missing = [tool for tool in NEEDED if shutil.which(tool) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"not installed, and CI must not pass without: {', '.join(missing)}")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
