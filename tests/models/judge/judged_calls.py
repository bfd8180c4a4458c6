"""Labelled calls for the tests of figures: told call by call, or of campaigns of which one began before."""

import numpy as np

from models.data.dataset import Dataset, assemble
from models.traffic.truth import Truth


def calls(rows: list[tuple[str, bool, str, str]]) -> Dataset:
    """One call a row: number, whether it is a robocall, campaign, kind; one second apart."""
    truths = [Truth(robocall, campaign, kind) for _, robocall, campaign, kind in rows]
    numbers = [number for number, *_ in rows]
    return assemble(["f"], np.zeros((len(rows), 1), np.float32), np.arange(len(rows)) * 1_000, numbers, truths)


def begun_before() -> Dataset:
    """Campaign x placed two calls before these three; y begins here, of two calls."""
    truths = [Truth(True, campaign, "flood") for campaign in ("x", "y", "x", "y", "x")] + [Truth(False, "", "person")]
    return assemble(["f"], np.zeros((6, 1), np.float32), np.arange(6), list("abcdef"), truths, {"x": 2})
