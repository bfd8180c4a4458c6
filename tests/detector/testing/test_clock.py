"""A clock that moves only when it is told to."""

import pytest

from detector.testing import START_MS, ManualClock


def test_it_stands_until_it_is_moved() -> None:
    clock = ManualClock(START_MS)

    assert (clock(), clock()) == (START_MS, START_MS)
    assert clock.advance(250) == clock() == START_MS + 250


def test_it_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="back"):
        ManualClock(START_MS).advance(-1)
