"""A worker that runs one small model, and a registry beside it with another: for tests of switching and watching."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from streams.redis.connection import ACTIVE_MODEL, SHADOW_MODEL
from tests.models.small_model import save_small_model
from tests.processes import PATIENT


@pytest.fixture
def two_models(
    kafka_bootstrap: str, redis_url: str, fresh_topics: Callable[..., list[str]], tmp_path: Path
) -> dict[str, str]:
    """A worker that runs `first`, and a registry beside it that has `second` too."""
    fresh_topics(12)
    for seed, name in ((1, "first"), (2, "second")):
        save_small_model(tmp_path / "models" / name, seed=seed)
    with Redis.from_url(redis_url) as client:
        client.delete(ACTIVE_MODEL, SHADOW_MODEL)
    return {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ROBOCALL_REDIS_URL": redis_url,
        "ROBOCALL_MODEL_DIR": str(tmp_path / "models" / "first"),
        "ROBOCALL_CONSUMER_GROUP": f"two-models-{time.time_ns()}",
        **PATIENT,
    }
