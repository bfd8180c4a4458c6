"""What tests of several commands share."""

from collections.abc import Iterator

import pytest
from redis import Redis

from streams.redis.connection import ACTIVE_MODEL, SHADOW_MODEL


@pytest.fixture
def redis(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """A client of the Valkey that the commands use; which models are active and shadow is gone afterwards."""
    monkeypatch.setenv("ROBOCALL_REDIS_URL", redis_url)
    with Redis.from_url(redis_url) as client:
        client.delete(ACTIVE_MODEL, SHADOW_MODEL)
        yield client
        client.delete(ACTIVE_MODEL, SHADOW_MODEL)
