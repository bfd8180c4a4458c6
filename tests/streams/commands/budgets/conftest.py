"""What tests of `robocall budgets` share: a model of the test's own, for measures lie beside it."""

from pathlib import Path

import pytest

from tests.models.small_model import save_small_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that finds many calls in a short time suspicious."""
    return save_small_model(tmp_path / "own")
