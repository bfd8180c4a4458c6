"""`robocall console` as a process: it says where its pages are, serves them without Kafka, and ends when told to."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from streams.console.users import read_users
from tests.streams.console.console_case import make_users
from tests.typed import typed

COMMAND = [sys.executable, "-m", "streams.commands.main", "console"]


def test_it_serves_pages_before_kafka_is_there_and_ends_when_told_to(tmp_path: Path) -> None:
    """Standard error has its log; the port is the one that it says."""
    make_users(tmp_path / "users.json")
    environment = os.environ | {
        "ROBOCALL_CONSOLE_USERS_FILE": str(tmp_path / "users.json"),
        "ROBOCALL_CONSOLE_PORT": "0",
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "ROBOCALL_LOG_FORMAT": "json",
    }
    with subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        up = next(line for line in process.stderr if "console is up" in line)
        pages = json.loads(up)["pages"]
        form = httpx.get(f"{pages}/sign-in")
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()

    assert form.status_code == 200
    assert process.returncode == 0
    assert "console ended" in rest


def test_with_a_provider_it_starts_without_users_and_without_the_provider(tmp_path: Path) -> None:
    """The form says that the provider is away; the file of users is made, for its secret."""
    prefix = "ROBOCALL_CONSOLE_"
    environment = os.environ | {
        f"{prefix}USERS_FILE": str(tmp_path / "users.json"),
        f"{prefix}PORT": "0",
        f"{prefix}OIDC_ISSUER": "http://127.0.0.1:1",
        f"{prefix}OIDC_CLIENT_ID": "console",
        f"{prefix}OIDC_CLIENT_SECRET": "secret of the client",
        f"{prefix}OIDC_CONSOLE_URL": "http://127.0.0.1:8090",
        f"{prefix}OIDC_ROLES": "ops=operator",
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "ROBOCALL_LOG_FORMAT": "json",
    }
    with subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        up = next(line for line in process.stderr if "console is up" in line)
        answer = httpx.get(f"{json.loads(up)['pages']}/sign-in/oidc")
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()

    assert (answer.status_code, "does not answer" in answer.text) == (503, True)
    assert "Password" not in answer.text
    assert "the provider of the sign-in is away" in rest
    assert "secret of the client" not in up + rest
    assert read_users(tmp_path / "users.json").users == ()


def test_without_users_it_says_how_to_add_one(tmp_path: Path) -> None:
    """Nothing is served to nobody."""
    environment = {"ROBOCALL_CONSOLE_USERS_FILE": str(tmp_path / "users.json")}

    answer = typed("console", environment=environment)

    assert answer.exit_code == 1
    assert "robocall console user add NAME --role admin" in str(answer.exception)
