"""Whoever promotes a model hears what the workers make of it: by real switches and followers, on a real Valkey."""

import asyncio
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import load
from streams.commands.models.artifacts import models
from streams.commands.models.following import Answers, ModelRefused
from streams.redis.connection import ACTIVE_MODEL, MODELS_TOLD, Guard, connect
from streams.redis.lists import ListFollower
from streams.redis.worker_reports import Refusal, WorkerHealth, WorkerReport, tell
from streams.screening.build import make_screener
from streams.settings import load_settings
from streams.worker.model_switch import ModelSwitch
from streams.worker.telling.reporting import Reporting
from tests.models.small_evaluation import save_small_evaluation
from tests.models.small_model import save_small_model
from tests.valkey_process import ValkeyProcess, run
from tests.waiting import wait_until

HEALTH = (None, WorkerHealth("ok", {"1": 0}), WorkerHealth("lists_unknown", {"0": 1_200, "3": 34}))


@pytest.fixture
def forced(tmp_path: Path) -> list[str]:
    """Options that promote any model, after a gate that takes no time."""
    (tmp_path / "evaluation").mkdir()
    return [*save_small_evaluation(tmp_path / "evaluation"), "--force", "a test", "--wait-s", "600"]


@pytest.fixture
def own_valkey(valkey: ValkeyProcess, monkeypatch: pytest.MonkeyPatch) -> ValkeyProcess:
    """What commands speak to: nobody else's workers tell of themselves there."""
    monkeypatch.setenv("ROBOCALL_REDIS_URL", valkey.url)
    return valkey


@pytest.fixture
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Version of a model in a registry, beside the configured one."""
    for seed, name in ((1, "running"), (2, "good")):
        save_small_model(tmp_path / "made" / name, seed=seed)
    monkeypatch.setenv("ROBOCALL_MODEL_DIR", str(tmp_path / "made" / "running"))
    monkeypatch.setenv("ROBOCALL_MODELS_URL", str(tmp_path / "registry"))
    return str(told(typed("add", str(tmp_path / "made" / "good"), "--json"))["version"])


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(models, list(arguments))


def told(result: Result) -> Any:
    """What a command tells a program: its last line, behind those of the workers' logs."""
    return json.loads(result.stdout.splitlines()[-1])


def said() -> Any:
    """What `models status` tells a program."""
    return told(typed("status", "--json"))


def alarmed(said: WorkerReport) -> WorkerReport:
    return replace(said, alarms=("features",))


@contextmanager
def worker(name: str, registry: Path, redis_url: str) -> Iterator[None]:
    """What of a worker has to do with models, in a thread: it follows their names and tells what becomes of them."""
    done = threading.Event()

    async def main() -> None:
        settings = load_settings(redis_url=redis_url)
        screener = make_screener(settings, shared_trunks=False)
        client, guard = connect(settings), Guard()
        switch = ModelSwitch(screener, registry)
        lists = ListFollower(client, guard, screener, on_model=switch, on_shadow=switch.shadow, interval_s=0.01)
        report = Reporting(client, guard, lambda: switch.told(name, lists.told), alarmed)
        tasks = [asyncio.create_task(run) for run in (lists.run(), report.run())]
        await asyncio.to_thread(done.wait)
        for task in tasks:
            task.cancel()
        await client.aclose()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def wait_for_workers(count: int) -> None:
    wait_until(lambda: len(said()["workers"]) == count, f"{count} workers tell of themselves")


def test_a_promotion_tells_that_the_workers_run_it(
    own_valkey: ValkeyProcess, good: str, forced: list[str], tmp_path: Path
) -> None:
    """It waits until each does; `status` says the same, and a rollback waits too."""
    registry = tmp_path / "registry"
    with worker("w-1", registry, own_valkey.url), worker("w-2", registry, own_valkey.url):
        wait_for_workers(2)
        before = said()
        promoted = typed("promote", good, *forced)
        after = said()
        back = typed("rollback", "--wait-s", "600", "--json")
        shown = typed("status")

    assert promoted.exit_code == 0, promoted.output
    assert f"2 of 2 workers run {good}" in promoted.stderr
    running = load(tmp_path / "made" / "running", schema_id=FEATURE_SCHEMA_ID).version
    assert (before["promoted"], {one["model"] for one in before["workers"]}) == (None, {running})
    assert (after["promoted"], [one["model"] for one in after["workers"]]) == (good, [good, good])
    assert all(one["since_ms"] > before["workers"][0]["since_ms"] for one in after["workers"])
    assert told(back)["workers"] == {"run": ["w-1", "w-2"], "refuse": {}, "wait": {}}
    assert f"2 of 2 workers run {running}" in shown.stderr
    assert "w-2 raises the alarm features: the features of the calls have moved away" in shown.stdout


def test_a_refusal_reaches_whoever_promoted(
    own_valkey: ValkeyProcess, good: str, forced: list[str], tmp_path: Path
) -> None:
    """One worker has another registry: status 1 with its reason in one line, and once put right, repeating helps."""
    registry, other = tmp_path / "registry", tmp_path / "elsewhere"
    with worker("w-1", registry, own_valkey.url), worker("w-2", other, own_valkey.url):
        wait_for_workers(2)
        promoted = typed("promote", good, *forced, "--json")
        shown = typed("status")
        shutil.copytree(registry / good, other / good)
        again = typed("promote", good, "--wait-s", "600")

    assert promoted.exit_code == 1
    assert isinstance(promoted.exception, ModelRefused)
    answers = told(promoted)["workers"]
    assert (answers["run"], list(answers["refuse"]), answers["wait"]) == (["w-1"], ["w-2"], {})
    why = answers["refuse"]["w-2"]
    assert str(other) in why
    assert "\n" not in str(promoted.exception)
    assert f"1 of 2 workers keep their model: w-2: {why}; " in str(promoted.exception)
    assert f"w-2 refused {good} at " in shown.stdout.replace("\n", " ")
    assert f"1 of 2 workers run {good}, which is promoted" in shown.stderr
    assert again.exit_code == 0, again.output
    assert f"2 of 2 workers run {good}" in again.stderr


def test_status_says_how_each_worker_does(own_valkey: ValkeyProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """In 80 columns, versions whole. A worker of an earlier version says nothing of it."""
    monkeypatch.setenv("COLUMNS", "80")
    told = [WorkerReport(f"w-{n}", "gbt-0123456789ab", 1, health=health) for n, health in enumerate(HEALTH)]

    async def tells(client: Redis) -> None:
        for one in told:
            await tell(client, one)

    run(tells, own_valkey.url)
    lines = typed("status").stdout.splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:4]] for line in lines if "│" in line]

    assert max(map(len, lines)) <= 80
    assert [(worker, model) for worker, _, model in cells if worker] == [(one.worker, one.model) for one in told]
    assert " ".join(said for _, said, _ in cells).split() == ["-", "ok,", "0", "lists", "unknown,", "1,234"]


def test_without_a_worker_nobody_is_waited_for(own_valkey: ValkeyProcess, good: str, forced: list[str]) -> None:
    """The promotion stands, and the line says that nobody has told of itself."""
    promoted = typed("promote", good, *forced)

    assert promoted.exit_code == 0, promoted.output
    assert "no worker tells of itself" in promoted.stderr
    assert "no worker tells of itself" in typed("status").stderr
    with BlockingRedis.from_url(own_valkey.url) as client:
        assert (client.get(ACTIVE_MODEL), client.get(MODELS_TOLD)) == (good.encode(), b"1")


def test_an_answer_to_an_earlier_announcement_is_none() -> None:
    """Nor is a refusal while the model is being loaded again."""
    refused = (Refusal("active", "gbt-2", "damaged", 5), Refusal("shadow", "gbt-1", "damaged", 6))
    states = [
        WorkerReport("early", "gbt-1", 1, told=1, refused=refused),
        WorkerReport("again", "gbt-1", 1, told=2, loading="gbt-2", refused=refused),
        WorkerReport("other", "gbt-3", 1, told=2),
        WorkerReport("refuses", "gbt-1", 1, told=2, refused=refused),
        WorkerReport("runs", "gbt-2", 1, told=3, refused=refused),
    ]

    answers = Answers.of(states, "gbt-2", 2)

    assert answers.run == ["runs"]
    assert answers.refuse == {"refuses": "damaged"}
    assert answers.wait == {
        "early": "has not heard of it",
        "again": "is loading it (damaged)",
        "other": "runs gbt-3",
    }
