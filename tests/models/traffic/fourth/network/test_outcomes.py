"""Calls end as their kind does, within what is possible."""

import numpy as np
import pytest

from models.traffic.fourth.attempts import make
from models.traffic.fourth.network.outcomes import BEHAVIOURS, BY_CALLING, BY_NETWORK, Ends, ends, number_of

SIZE = 20_000


def _ended(behaviour: str, *, in_service: bool = True, trap: bool = False) -> Ends:
    attempts = make(np.zeros(SIZE, dtype=np.int64), 1, 2, customer=0, behaviour=number_of(behaviour), kind=0)
    return ends(attempts, np.full(SIZE, in_service), np.full(SIZE, trap), np.random.default_rng(4))


@pytest.mark.parametrize("behaviour", list(BEHAVIOURS))
def test_what_is_answered_has_a_talk_and_all_else_has_none(behaviour: str) -> None:
    found = _ended(behaviour)

    assert np.array_equal(found.talk_ms > 0, found.status == 200)
    assert np.all((found.talk_ms > 0) | (found.talk_ms == -1))
    assert np.all(found.ring_ms > 0)
    assert np.all(found.ring_ms < 600_000)
    assert np.all(found.cause[found.status == 200] == 16)


def test_who_rings_once_is_hardly_ever_answered_and_gives_up_within_seconds() -> None:
    found = _ended("ring_once")
    is_cancelled = found.status == 487

    assert np.mean(found.status == 200) < 0.12
    assert np.median(found.ring_ms[is_cancelled]) < 3_500
    assert np.all(found.released_by[is_cancelled] == BY_CALLING)


def test_people_who_know_each_other_answer_and_talk_longer_than_those_who_are_robocalled() -> None:
    """Half of the talks with robots are over within seconds."""
    known, robot = _ended("known"), _ended("robot")
    short = [np.mean(one.talk_ms[one.talk_ms > 0] <= 6_000) for one in (known, robot)]

    assert np.mean(known.status == 200) > np.mean(robot.status == 200) + 0.1
    assert short[0] < 0.15 < short[1]
    assert np.mean(known.talk_ms[known.talk_ms > 0] > 120_000) > 0.2


def test_padded_talks_are_as_long_as_conversations() -> None:
    padded, known = _ended("padded"), _ended("known")

    assert np.median(padded.talk_ms[padded.talk_ms > 0]) > np.median(known.talk_ms[known.talk_ms > 0])


def test_numbers_without_a_subscriber_fail_at_once_and_traps_are_answered() -> None:
    dead, trap = _ended("robot", in_service=False), _ended("robot", in_service=False, trap=True)

    assert set(np.unique(dead.status).tolist()) == {404, 480, 484}
    assert np.all(dead.released_by == BY_NETWORK)
    assert np.all(trap.status == 200)
