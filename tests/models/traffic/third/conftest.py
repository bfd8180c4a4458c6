"""One carrier of the third author, which the tests of its parts share."""

import pytest

from models.traffic.third.carrier import Carrier


@pytest.fixture(scope="module")
def carrier() -> Carrier:
    """A carrier whose calls nobody has made yet."""
    return Carrier(5, calls_per_second=10.0, history_s=3_600.0, span_s=7_200.0, robocall_share=0.08)
