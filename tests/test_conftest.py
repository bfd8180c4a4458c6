"""Settings that hold for every test, whoever runs it."""

import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

from streams.local.services import KAFKA_VARIABLE, REDIS_VARIABLE
from tests.conftest import MOST_AT_A_TIME, pytest_xdist_auto_num_workers


def test_no_property_has_a_deadline() -> None:
    """Outside of CI, Hypothesis would fail an example that takes longer than 200 ms."""
    assert hypothesis.settings().deadline is None


@pytest.mark.parametrize("variable", [KAFKA_VARIABLE, REDIS_VARIABLE])
def test_services_that_were_configured_are_used_by_one_test_at_a_time(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests empty topics and keys: two at a time would do so to each other."""
    for name in (KAFKA_VARIABLE, REDIS_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    assert 1 <= pytest_xdist_auto_num_workers() <= MOST_AT_A_TIME
    monkeypatch.setenv(variable, "configured:1")
    assert pytest_xdist_auto_num_workers() == 0


def test_files_with_slow_tests_come_first_and_none_is_torn_apart(tmp_path: Path) -> None:
    """Else the slowest file may begin last, and one processor waits for the other."""
    (tmp_path / "test_a.py").write_text("def test_1(): pass\n")
    (tmp_path / "test_b.py").write_text("import pytest\ndef test_1(): pass\n@pytest.mark.slow\ndef test_2(): pass\n")
    (tmp_path / "test_c.py").write_text("def test_1(): pass\n")
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_collection_modifyitems\n")
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]).stdout
    names = [line.rpartition("/")[2] for line in listed.splitlines() if "::" in line]
    assert names == ["test_b.py::test_1", "test_b.py::test_2", "test_a.py::test_1", "test_c.py::test_1"]
