"""What tests of cases share: a topic for them."""

from collections.abc import Callable

import pytest

from streams.settings import Settings, load_settings


@pytest.fixture
def settings(kafka_bootstrap: str, fresh_topics: Callable[[int], list[str]]) -> Settings:
    """Those of empty topics with two partitions."""
    fresh_topics(2)
    return load_settings(kafka_bootstrap_servers=kafka_bootstrap)
