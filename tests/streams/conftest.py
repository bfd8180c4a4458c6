"""What tests of several rooms share: Redis and Kafka as a command finds them."""

from collections.abc import Callable, Iterator

import pytest
import redis as blocking


@pytest.fixture
def store(
    redis_url: str,
    kafka_bootstrap: str,
    fresh_topics: Callable[[int], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator["blocking.Redis"]:
    """A client of an empty Valkey that the settings name, beside empty topics; it is emptied afterwards."""
    fresh_topics(3)
    monkeypatch.setenv("ROBOCALL_REDIS_URL", redis_url)
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    with blocking.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client
        client.flushdb()
