"""The difference of two clocks, from how long records seem to have waited."""

import pytest

from streams.kafka.broker_clock import FEWEST, SAMPLES, BrokerClock


def compared(*waits_ms: int) -> BrokerClock:
    clock = BrokerClock()
    clock.compare(0.0, 1_000_000, {0: 1_000_000})
    for second, wait_ms in enumerate(waits_ms):
        clock.compare(float(second), 1_000_000 + wait_ms, {0: 1_000_000})
    return clock


@pytest.mark.parametrize(("least_ms", "ahead_s"), [(3, 0.003), (3_002, 3.002), (-1_500, -1.5)])
def test_the_least_wait_is_the_difference(least_ms: int, ahead_s: float) -> None:
    """Pauses of ours only add to it."""
    assert compared(*[least_ms + 400] * FEWEST, least_ms).ahead_s == ahead_s


def test_little_seen_says_nothing() -> None:
    """The first records of a backlog, or of a process that was frozen, have waited indeed."""
    assert compared(*[9_000] * (FEWEST - 1)).ahead_s == 0.0


def test_a_clock_that_was_set_right_is_soon_forgotten() -> None:
    assert compared(*[-3_000] * FEWEST, *[2] * SAMPLES).ahead_s == 0.002


def test_a_sample_a_second_is_enough() -> None:
    clock = BrokerClock()
    assert clock.is_due(100.0)
    clock.compare(99.0, 5, {0: 5})
    assert clock.is_due(100.0)
    clock.compare(100.0, 5, {0: 5})
    assert not clock.is_due(100.9)
    assert clock.is_due(101.0)


def test_what_waited_for_a_worker_to_start_is_no_sample() -> None:
    """Twelve partitions with a backlog of 4 s each end one after the other; what comes then was fetched at once."""
    clock = BrokerClock()
    for partition in range(12):
        clock.compare(float(partition), 4_000, {partition: 0})
    assert clock.ahead_s == 0.0
    for second in range(FEWEST):
        clock.compare(20.0 + second, 4_002, {second: 4_000})
    assert clock.ahead_s == 0.002
