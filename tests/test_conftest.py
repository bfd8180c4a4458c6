"""Settings that hold for every test, whoever runs it."""

import hypothesis


def test_no_property_has_a_deadline() -> None:
    """Outside of CI, Hypothesis would fail an example that takes longer than 200 ms."""
    assert hypothesis.settings().deadline is None
