"""History is played as fast as a worker decides it, however fast that is; by a clock of the test."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import pytest

from streams.commands.demo.command import PATIENT
from streams.commands.demo.pace import FEW, Pace

SHED_S = int(PATIENT["ROBOCALL_SHED_AFTER_MS"]) / 1e3
TICK_S, LOOK_EVERY, COMMIT_EVERY = 0.01, 10, 50
SLICE = 100
EVENTS = 150_000
DRAWN_A_SECOND = 25_000


class Played(NamedTuple):
    """How long it took, and how long an event waited at most, seconds."""

    took_s: float
    waited_s: float


def played(decided_a_second: Callable[[float], float]) -> Played:
    """Play events, for a worker whose speed depends on the time; what it decides is known at its next commit."""
    pace, tick, sent, decided, committed, waited_s = Pace(0.0), 0, 0, 0.0, 0, 0.0
    waiting: deque[tuple[int, float]] = deque()
    while decided < EVENTS:
        tick += 1
        now_s = tick * TICK_S
        if not pace.may_send and not tick % LOOK_EVERY:
            pace.looked(sent - committed, now_s)
        drawn = min(EVENTS, round(now_s * DRAWN_A_SECOND))
        while pace.may_send and sent + SLICE <= drawn:
            sent += SLICE
            pace.sent(SLICE)
            waiting.append((sent, now_s))
        decided = min(sent, decided + decided_a_second(now_s) * TICK_S)
        while waiting and waiting[0][0] <= decided:
            waited_s = max(waited_s, now_s - waiting.popleft()[1])
        committed = committed if tick % COMMIT_EVERY else int(decided)
    return Played(tick * TICK_S, waited_s)


@pytest.mark.parametrize("decided_a_second", [1_000, 5_000, 20_000, 500_000])
def test_no_call_waits_for_long_and_no_worker_waits(decided_a_second: float) -> None:
    """Nor does a fast one become slower: it is done as soon as everything is drawn."""
    found = played(lambda _: decided_a_second)

    assert found.waited_s < SHED_S / 1.5
    assert found.took_s < 1.15 * EVENTS / min(decided_a_second, DRAWN_A_SECOND) + 1


def test_a_worker_that_becomes_slower_has_time_for_what_is_before_it() -> None:
    """Other work takes two thirds of its machine, now and then."""
    found = played(lambda now_s: 6_000 if now_s % 10 < 5 else 18_000)

    assert found.waited_s < SHED_S


def test_nothing_more_is_sent_before_a_worker_has_decided_something() -> None:
    """Nobody knows its speed before; and where it decides nothing for ever, it is not waited for any longer."""
    pace = Pace(0.0)
    pace.sent(FEW)
    assert pace.may_send
    pace.sent(1)
    assert not pace.may_send

    for now_s in range(1, 20):
        pace.looked(FEW + 1, now_s)
        assert not pace.may_send

    pace.give_up()
    assert pace.may_send


def test_a_worker_that_stood_still_is_slow_whatever_it_was_before() -> None:
    pace = Pace(0.0)
    pace.sent(100_000)
    pace.looked(50_000, 1.0)
    assert pace.may_send
    for now_s in range(2, 6):
        pace.looked(50_000, float(now_s))

    assert not pace.may_send
