"""The desk on a real Kafka and Valkey, for those tests of a browser that do something there."""

from pathlib import Path

import pytest

from tests.conftest import FreshTopics
from tests.integration.console.everything import Everything, everything_on
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
    """A desk with its archive, register and lists."""
    return desk_maker(kafka_bootstrap, valkey, fresh_topics, tmp_path, monkeypatch)


@pytest.fixture
def everything(make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Everything:
    """A console with something on each of its pages, not started yet."""
    return everything_on(make_desk, tmp_path, monkeypatch)
