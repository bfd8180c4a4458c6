"""`robocall adapt --watch` as a process: what it is told to do, how it ends, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.archive.files import ArchiveStore
from streams.commands.adapt.command import adapt
from streams.commands.adapt.watching import UNFINISHED
from streams.kafka.topics import CALL_EVENTS
from tests.models.small_model import save_small_model
from tests.processes import ROOT
from tests.streams.archive.archive_case import DAY_MS, encoded, put, setup
from tests.streams.commands.test_child import processes_with
from tests.waiting import HANG_S, wait_until


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--watch"], "--watch takes --archive"),
        (["--watch", "--archive", "--from", "2026-11-24"], "--watch takes --archive, and neither --events nor --from"),
        (["--watch", "--archive", "--json"], "neither --strict nor --json"),
        (["--archive"], "--archive needs --from and a later --to"),
        (["--promote", "--archive"], "--promote is for --watch"),
        (["--watch", "--archive", "--at", "25:00"], "'25:00' does not match"),
        (["--watch", "--archive", "--judge-h", "24"], "--judge-h must leave some of the 24 hours of --span-h"),
        (["--watch", "--archive"], "say where your models are"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(adapt, [*arguments, "--out", str(tmp_path / "own")])
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.stderr.split())
    assert not (tmp_path / "own").exists()


@pytest.fixture
def environment(tmp_path: Path, redis_url: str) -> dict[str, str]:
    """An archive of yesterday and today."""
    store = ArchiveStore(str(tmp_path / "archive"))
    now_ms = time.time_ns() // 1_000_000
    today_ms = now_ms - now_ms % DAY_MS
    put(store, CALL_EVENTS, [encoded(setup(1))], at_ms=today_ms - DAY_MS)
    put(store, CALL_EVENTS, [encoded(setup(2))], first=1, at_ms=today_ms)
    os.mkfifo(tmp_path / "said.jsonl")
    (tmp_path / "policy.yaml").write_text("minimum_samples: []\n")
    save_small_model(tmp_path / "base")
    return {
        "ROBOCALL_ARCHIVE_URL": str(tmp_path / "archive"),
        "ROBOCALL_MODELS_URL": str(tmp_path / "registry"),
        "ROBOCALL_MODEL_DIR": str(tmp_path / "base"),
        "ROBOCALL_REDIS_URL": redis_url,
    }


def started(environment: dict[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    """A watch whose night begins at once and never ends: its feedback is a pipe into which nobody writes."""
    command = [sys.executable, "-m", "streams.commands.main", "adapt", "--archive", "--watch", "--at", "00:00"]
    command += ["--feedback", str(folder / "said.jsonl"), "--partitions", "3", "--policy", str(folder / "policy.yaml")]
    command += ["--curve", "--judge-h", "6"]
    with (folder / "watch.log").open("ab") as log:
        return subprocess.Popen(
            [*command, "--out", str(folder / "own")], cwd=ROOT, env=os.environ | environment, stderr=log
        )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_night_that_is_ended_leaves_nothing_behind(
    number: signal.Signals, environment: dict[str, str], tmp_path: Path
) -> None:
    """Told to stop, it ends at once with status 0. After kill -9 its command is gone too, and the next start cleans.

    The command has the partitions and the policy of the watch as settings: `models promote` has no options for them.
    """
    unfinished = tmp_path / "own" / UNFINISHED
    watch = started(environment, tmp_path)
    try:
        wait_until(lambda: processes_with(str(unfinished)), "it learns")
        wait_until(unfinished.exists, "it writes")
        settings = Path(f"/proc/{processes_with(str(unfinished))[0]}/environ").read_text().split("\0")
        typed = Path(f"/proc/{processes_with(str(unfinished))[0]}/cmdline").read_text().split("\0")
        assert {"--curve", "--judge-h", "6.0"} <= set(typed)
        assert {"ROBOCALL_PARTITIONS=3", f"ROBOCALL_POLICY_FILE={tmp_path / 'policy.yaml'}"} <= set(settings)
        assert started(environment, tmp_path).wait(HANG_S) == 2, "a second one is refused"
        watch.send_signal(number)
        status = watch.wait(HANG_S)
    finally:
        watch.kill()
        watch.wait()
    wait_until(lambda: not processes_with(str(unfinished)), "its command is gone")
    lines = [json.loads(line) for line in (tmp_path / "watch.log").read_text().splitlines() if line.startswith("{")]
    if number is signal.SIGKILL:
        again = started(environment | {"ROBOCALL_ARCHIVE_URL": str(tmp_path / "elsewhere")}, tmp_path)
        wait_until(lambda: b"night waits" in (tmp_path / "watch.log").read_bytes(), "the next one begins")
        again.terminate()
        assert again.wait(HANG_S) == 0
    else:
        assert status == 0
        assert lines[-1]["event"] == "stopped"
    assert {path.name for path in (tmp_path / "own").iterdir()} <= {"watch.json", "watch.lock"}
