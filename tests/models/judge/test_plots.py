"""Plots are PNG pictures that show what they are given, whatever the figures are."""

import struct

import numpy as np
import pytest

from models.judge import plots
from models.judge.evaluation import share_of

SCORES = np.linspace(0.0, 1.0, 200)
IS_ROBOCALL = SCORES + np.tile([0.3, -0.3], 100) > 0.6


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height in pixels, from the header of a PNG."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return int(width), int(height)


def test_each_is_a_picture_of_one_width() -> None:
    found = [
        plots.recall_by_false_block_rate(SCORES, IS_ROBOCALL),
        plots.recall_by_false_block_rate(SCORES, IS_ROBOCALL, {"a rule": SCORES[::-1]}),
        plots.precision_by_recall(SCORES, IS_ROBOCALL),
        plots.calibration(SCORES, IS_ROBOCALL),
    ]

    assert {size_of(one)[0] for one in found} == {6 * plots.DPI}
    assert len(set(found)) == len(found)


def test_the_same_figures_give_the_same_bytes() -> None:
    """They lie in artifacts, whose files have digests."""
    assert plots.calibration(SCORES, IS_ROBOCALL) == plots.calibration(SCORES, IS_ROBOCALL)


def test_bars_have_room_for_each_kind() -> None:
    """Also for a kind without calls, and for a name that would begin a formula."""
    few = {"flood": share_of(np.array([True, False]))}
    many = few | {f"kind$ {number}": share_of(np.array([], np.bool_)) for number in range(20)}

    assert size_of(plots.shares("Caught", many))[1] > size_of(plots.shares("Caught", few))[1]


@pytest.mark.parametrize("is_robocall", [np.ones(5, np.bool_), np.zeros(5, np.bool_)])
def test_calls_of_one_class_are_drawn_too(is_robocall: np.ndarray) -> None:
    """A report of few calls is better than none."""
    assert size_of(plots.recall_by_false_block_rate(np.arange(5.0), is_robocall))
