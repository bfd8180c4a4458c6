"""A real server for every test here, empty and free to be killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.valkey_process import ValkeyProcess


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyProcess]:
    """Runs at the start of the test."""
    process = ValkeyProcess(tmp_path)
    process.start()
    yield process
    process.kill()
