"""What tests of the conformance kit share: topics as a pilot has them."""

from collections.abc import Callable

import pytest

from streams.settings import Settings, load_settings


@pytest.fixture
def settings(kafka_bootstrap: str, fresh_topics: Callable[..., list[str]]) -> Settings:
    """Those of empty topics."""
    fresh_topics(12)
    return load_settings(kafka_bootstrap_servers=kafka_bootstrap)
