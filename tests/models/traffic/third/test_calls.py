"""What becomes of the third author's calls."""

import numpy as np
import pytest

from models.traffic.third.calls import Manner, outcome
from models.traffic.third.carrier import Carrier


def test_persons_answer_and_hang_up_as_their_manner_says(carrier: Carrier) -> None:
    """Who answers is answered 200, numbers that do not exist fail, and machines take a share of the rest."""
    dead = np.arange(20_000) < 5_000

    ends = outcome(carrier, 20_000, Manner(0.6, 60.0, voicemail=0.2, bad=dead))

    assert set(ends["status"][dead].tolist()) == {404, 484, 480, 503}
    assert np.mean(ends["status"][~dead] == 200) == pytest.approx(0.8, abs=0.02)
    assert (ends["talk"][ends["status"] == 200] >= 0.4).all()
    assert (ends["talk"][ends["status"] != 200] == 0).all()


def test_callers_let_it_ring_as_long_as_their_patience_says(carrier: Carrier) -> None:
    """Some give up much sooner."""
    ends = outcome(carrier, 20_000, Manner(0.0, 60.0, voicemail=0.0, busy=0.0, patience_s=(20.0, 30.0)))

    ring = ends["ring"][ends["status"] == 487]
    assert ring.max() <= 30.0
    assert 0.8 < np.mean(ring >= 20.0) < 0.95


def test_nobody_is_engaged_where_no_line_is(carrier: Carrier) -> None:
    assert 486 not in outcome(carrier, 5_000, Manner(0.5, 60.0, busy=0.0))["status"]
