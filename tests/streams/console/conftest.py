"""The desk on a real Kafka and Valkey."""

from pathlib import Path

import pytest

from tests.conftest import FreshTopics
from tests.streams.console.desk.desk_case import MakeDesk, desk_maker
from tests.valkey_process import ValkeyProcess


@pytest.fixture
def make_desk(
    kafka_bootstrap: str,
    valkey: ValkeyProcess,
    fresh_topics: FreshTopics,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> MakeDesk:
    """A function that makes a desk; keyword arguments are settings of a console."""
    return desk_maker(kafka_bootstrap, valkey, fresh_topics, tmp_path, monkeypatch)
