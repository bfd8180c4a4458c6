"""Figures as pages write them: with the interval, and a dash for what is not known."""

from models.judge.report.intervals import area, share


def test_a_share_has_its_interval() -> None:
    assert share({"share": 0.25, "low": 0.125, "high": 0.5}) == "0.2500 (0.1250 to 0.5000)"
    assert share({"share": None, "low": 0.0, "high": 1.0}) == "-"


def test_an_area_has_its_interval() -> None:
    assert area({"area": 0.75, "low": 0.625, "high": 0.875}) == "0.750 (0.625 to 0.875)"
    assert area(None) == "-"
