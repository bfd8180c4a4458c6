"""The desk on a real Kafka and Valkey, for those tests of a browser that do something there."""

from pathlib import Path

import pytest

from tests.integration.console.everything import Everything, everything_on
from tests.processes import needs_chromium
from tests.streams.console.conftest import make_desk
from tests.streams.console.desk.desk_case import MakeDesk

__all__ = ["everything", "make_desk"]


@pytest.fixture(scope="session")
def chromium() -> str:
    """For tests that open a page: asked for first, so that nothing else is started where there is no browser."""
    return needs_chromium()


@pytest.fixture
def everything(make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Everything:
    """A console with something on each of its pages, not started yet."""
    return everything_on(make_desk, tmp_path, monkeypatch)
