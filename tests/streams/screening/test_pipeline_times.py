"""Events that are counted without an answer, or at another time than they say."""

import msgspec
import numpy as np
import pytest

from detector.columns.clocks import ClockTolerance
from detector.features.table import FEATURE_NAMES, INDEX, N_FEATURES
from detector.policy.settings import Thresholds
from detector.testing import ids
from models.serve.reference import Reference
from models.watch.drift import DriftWatch
from models.watch.shadow import Shadow
from models.watch.watched import WatchedModel
from streams.screening.lateness import Waiting
from streams.wire.record_columns import records_of
from tests.streams.screening.pipeline_case import (
    HOUR_MS,
    START_MS,
    Certain,
    Choosy,
    in_batches,
    setup,
    state,
    traffic,
    world,
)

TOLERANCE = ClockTolerance(ahead_ms=60_000, behind_ms=1_800_000)


@pytest.mark.parametrize("cut", [0, 37, 80])
def test_catching_up_comes_to_the_state_of_deciding(cut: int) -> None:
    """As if decided up to the cut, then decided: same answers after it, same windows and memory."""
    caught, through = world(Choosy(1.0), []), world(Choosy(1.0), [])
    values = traffic(40)

    for start in range(0, cut, 16):
        part = values[start : min(start + 16, cut)]
        caught.catch_up(records_of(part))
    after = in_batches(caught, values[cut:], 16)

    decided = in_batches(through, values, 16)
    assert after == decided[len(decided) - len(after) :]
    assert state(caught) == state(through)
    assert caught.screener.standing.changes() == []


def test_drift_and_shadow_count_what_is_decided_and_not_what_is_caught_up_with() -> None:
    """Ten calls that were decided before, then five new ones: the watchers have seen five."""
    random = np.random.default_rng(3)
    rows = random.random((200, N_FEATURES), np.float32)
    reference = Reference.measure(rows, random.random(200), np.ones((200, N_FEATURES)))
    model, thresholds = Certain(0.5), Thresholds()
    watched = WatchedModel(
        model,
        DriftWatch(reference, FEATURE_NAMES, 0),
        Shadow(model, Certain(0.999), lambda: thresholds, lambda _: None),
        lambda: 0,
    )
    assert watched.drift is not None
    assert watched.shadow is not None
    worker = world(watched, [])

    worker.catch_up(records_of(traffic(10)))
    worker.process(records_of(traffic(15)[20:]), decided_time_ms=None)

    watched.shadow.settle()
    assert watched.failure is None
    assert watched.drift.drift(thresholds).calls == 5
    assert sum(watched.shadow.pairs.values()) == 5
    assert worker.screener.classifier is watched


def test_warming_up_counts_and_judges_nothing() -> None:
    """Windows as after deciding, and nobody held."""
    warm, through = world(Certain(0.999), []), world(Certain(0.999), [])

    warm.warm_up(records_of([*traffic(40), b"{"]))
    in_batches(through, traffic(40), 16)

    assert state(warm)[0] == state(through)[0]
    assert state(warm)[1:] == ([None] * 7, [])
    assert state(through)[2] != []


@pytest.mark.parametrize("method", ["process", "catch_up", "warm_up"])
def test_a_wrong_clock_is_put_right_where_arrivals_are_known(method: str) -> None:
    """Seven hours ahead; windows are where they were with a right clock, answers show the time that was sent.

    hours  0         1 ...                          7
           |---------+------------------------------|
    sent                                            * what the event says, and the answer repeats
    came   *                                          arrival: more than the tolerance before it
    counts *                                          the windows count it here
    """
    wrong, right = world(Certain(0.0), [], TOLERANCE), world(Certain(0.0), [], TOLERANCE)
    skewed = [
        msgspec.json.encode(
            {k: v + 7 * HOUR_MS if k.endswith("time_ms") else v for k, v in msgspec.json.decode(value).items()}
        )
        for value in traffic(10)
    ]
    arrived = records_of(skewed, arrivals_ms=[START_MS + 500 * number for number in range(20)])

    if method == "process":
        batch = wrong.process(arrived, decided_time_ms=START_MS)
        assert batch.skewed == 20
        answers = [msgspec.json.decode(decision) for decision in batch.answers.decisions]
        assert [answer["setup_time_ms"] for answer in answers] == [START_MS + 7 * HOUR_MS + n for n in range(10)]
        assert ids(batch.screening) == [answer["decision_id"] for answer in answers]
    else:
        getattr(wrong, method)(arrived)
    in_batches(right, traffic(10), 20)

    assert state(wrong) == state(right)


def test_without_arrivals_or_tolerance_times_are_as_sent() -> None:
    """A replay from a file goes by event time alone."""
    values = traffic(10)
    tolerant, strict = world(Certain(0.0), [], TOLERANCE), world(Certain(0.0), [])

    replayed = tolerant.process(records_of(values), decided_time_ms=None)
    arrived = records_of(values, arrivals_ms=[START_MS + 9 * HOUR_MS] * 20)
    untouched = strict.process(arrived, decided_time_ms=None)

    assert (replayed.skewed, untouched.skewed) == (0, 0)
    assert state(tolerant) == state(strict)


def test_a_call_that_waited_is_counted_and_passes() -> None:
    """One late, one shed, one judged; and the late one's place in the windows is kept.

    The batch begins at 0; each call is drawn from its arrival until then.

        ms   -2500        -2000                      -600   -500          -20   0
               |------------+--------------------------+------+------------+----|
        call 0 *=======================================================------->| late: beyond the deadline
        call 1                                         *======================>| overload: beyond shed_after_ms
        call 2                                                            *====>| judged
                            ^ deadline_ms                      ^ shed_after_ms
    """
    one = world(Certain(0.999), [])
    waiting = Waiting(START_MS + 10_000, deadline_ms=2_000, shed_after_ms=500)
    arrived = [waiting.now_ms - waited_ms for waited_ms in (2_500, 600, 20)]

    batch = one.process(
        records_of([setup(number) for number in range(3)], arrivals_ms=arrived),
        decided_time_ms=waiting.now_ms,
        waiting=waiting,
    )

    answers = [msgspec.json.decode(decision) for decision in batch.answers.decisions]
    assert [(a["decided_by"], a["reasons"][0]["code"]) for a in answers] == [
        ("fail_open", "late"),
        ("fail_open", "overload"),
        ("model", "model"),
    ]
    assert list(batch.answers.late) == [2]
    assert batch.answers.arrivals_ms.tolist() == arrived
    assert batch.screening.features[2, INDEX["number_attempts_1h"]] == 3
