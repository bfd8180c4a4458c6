"""Compile once, before several workers would do the same at a time."""

import pytest

from detector.windows import WindowEngine


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """The compiled code is in its cache."""
    WindowEngine.warm()
