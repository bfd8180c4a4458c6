"""What the console is told of models, from a real registry and a real Valkey."""

import asyncio
from pathlib import Path

import pytest

from detector.features.table import FEATURE_SCHEMA_ID
from models.store.registry import Registry
from streams.commands.console.model_facts import model_facts
from streams.redis.connection import connect
from streams.redis.worker_reports import WorkerReport, tell
from streams.settings import load_settings
from tests.models.small_model import save_small_model

WORKER = WorkerReport("w-of-the-facts", "gbt-1", 1_763_600_000_000, alarms=("scores",))


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A registry with one model, which nobody has promoted."""
    folder = save_small_model(tmp_path / "made")
    monkeypatch.setenv("ROBOCALL_MODEL_DIR", str(folder))
    monkeypatch.setenv("ROBOCALL_MODELS_URL", str(tmp_path / "registry"))
    return Registry(tmp_path / "registry").add(folder, schema_id=FEATURE_SCHEMA_ID)[0].version


@pytest.mark.usefixtures("redis")
def test_registry_measure_and_workers_are_asked(version: str) -> None:
    settings = load_settings()
    asyncio.run(said(WORKER))

    facts = model_facts(settings)

    assert (facts.promoted, [one.version for one in facts.artifacts], facts.complaints) == (None, [version], [])
    assert facts.enforcement.startswith("tried: ")
    assert WORKER in facts.workers
    assert "scores" in facts.alarms


async def said(worker: WorkerReport) -> None:
    client = connect(load_settings())
    try:
        assert await tell(client, worker)
    finally:
        await client.aclose()


def test_what_is_away_is_said_beside_the_rest(version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Redis does not answer, and a policy file is wrong."""
    monkeypatch.setenv("ROBOCALL_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("ROBOCALL_POLICY_FILE", str(tmp_path / "nowhere.yaml"))

    facts = model_facts(load_settings())

    assert [one.version for one in facts.artifacts] == [version]
    assert (facts.workers, facts.enforcement) == ([], "")
    redis, policy = facts.complaints
    assert "Redis" in redis
    assert "nowhere.yaml" in policy
