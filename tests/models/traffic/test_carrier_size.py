"""A carrier is drawn as big as the calls that are asked for, within what can be generated."""

from random import Random

import pytest

from models.traffic.carrier_size import drawn_size, log_uniform


@pytest.mark.parametrize("calls", [1_000.0, 30_000.0, 1_000_000.0])
@pytest.mark.parametrize("seed", range(20))
def test_what_is_judged_has_the_calls_asked_for_and_lasts_twenty_minutes(seed: int, calls: float) -> None:
    """The rate gives way where so few calls are asked for; the history is at most four times as long."""
    calls_per_second, history_hours, hours = drawn_size(Random(seed), calls)

    judged_hours = hours - history_hours
    assert calls_per_second * judged_hours * 3_600 == pytest.approx(calls)
    assert judged_hours * 3_600 > 1_199.9
    assert calls_per_second <= 40.0
    assert 0.0 < history_hours <= min(3.0, 4.001 * judged_hours)


def test_half_of_the_draws_are_below_the_geometric_mean() -> None:
    """Between 1 and 100 that is 10."""
    random = Random(1)
    drawn = [log_uniform(random, 1.0, 100.0) for _ in range(4_000)]

    assert min(drawn) >= 1.0
    assert max(drawn) <= 100.0
    assert sum(value < 10.0 for value in drawn) / 4_000 == pytest.approx(0.5, abs=0.03)
