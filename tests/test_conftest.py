"""Settings that hold for every test, whoever runs it."""

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
