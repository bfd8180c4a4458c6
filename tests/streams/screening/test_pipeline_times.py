"""Events that are counted without an answer, or at another time than they say."""

import msgspec
import numpy as np
import pytest

from detector.columns.clocks import ClockTolerance
from detector.features.table import FEATURE_NAMES, INDEX, N_FEATURES
from detector.policy.policy import Thresholds
from detector.testing import ids
from models.serve.reference import Reference
from models.watch.drift import DriftWatch
from models.watch.shadow import Shadow
from models.watch.watched import WatchedModel
from streams.screening.answers import Waiting
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


@pytest.mark.parametrize("cut", [0, 37, 80])
def test_catching_up_comes_to_the_state_of_deciding(cut: int) -> None:
    """As if decided up to the cut, then decided: same answers after it, same windows and memory."""
    caught, through = world(Choosy(1.0), []), world(Choosy(1.0), [])
    values = traffic(40)

    for start in range(0, cut, 16):
        part = values[start : min(start + 16, cut)]
        caught.catch_up(part, [0] * len(part), [0] * len(part))
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

    worker.catch_up(traffic(10), [0] * 20, [0] * 20)
    worker.process(traffic(15)[20:], [0] * 10, decided_time_ms=None)

    watched.shadow.settle()
    assert watched.failure is None
    assert watched.drift.drift(thresholds).calls == 5
    assert sum(watched.shadow.pairs.values()) == 5
    assert worker.screener.classifier is watched


def test_warming_up_counts_and_judges_nothing() -> None:
    """Windows as after deciding, and nobody held."""
    warm, through = world(Certain(0.999), []), world(Certain(0.999), [])

    warm.warm_up([*traffic(40), b"{"], [0] * 81, [0] * 81)
    in_batches(through, traffic(40), 16)

    assert state(warm)[0] == state(through)[0]
    assert state(warm)[1:] == ([None] * 7, [])
    assert state(through)[2] != []


@pytest.mark.parametrize("method", ["process", "catch_up", "warm_up"])
def test_a_wrong_clock_is_put_right_where_arrivals_are_known(method: str) -> None:
    """Seven hours ahead; windows are where they were with a right clock, answers show the time that was sent."""
    wrong, right = world(Certain(0.0), [], ClockTolerance()), world(Certain(0.0), [], ClockTolerance())
    skewed = [
        msgspec.json.encode(
            {k: v + 7 * HOUR_MS if k.endswith("time_ms") else v for k, v in msgspec.json.decode(value).items()}
        )
        for value in traffic(10)
    ]
    arrivals = [START_MS + 500 * number for number in range(20)]
    partitions = [0] * 20

    if method == "process":
        processed = wrong.process(skewed, partitions, decided_time_ms=START_MS, arrivals_ms=arrivals)
        assert processed.skewed == 20
        answers = [msgspec.json.decode(decision) for decision in processed.decisions]
        assert [answer["setup_time_ms"] for answer in answers] == [START_MS + 7 * HOUR_MS + n for n in range(10)]
        assert ids(processed.screening) == [answer["decision_id"] for answer in answers]
    else:
        getattr(wrong, method)(skewed, partitions, arrivals)
    in_batches(right, traffic(10), 20)

    assert state(wrong) == state(right)


def test_without_arrivals_or_tolerance_times_are_as_sent() -> None:
    """A replay from a file goes by event time alone."""
    values = traffic(10)
    tolerant, strict = world(Certain(0.0), [], ClockTolerance()), world(Certain(0.0), [])

    replayed = tolerant.process(values, [0] * 20, decided_time_ms=None)
    untouched = strict.process(values, [0] * 20, decided_time_ms=None, arrivals_ms=[START_MS + 9 * HOUR_MS] * 20)

    assert (replayed.skewed, untouched.skewed) == (0, 0)
    assert state(tolerant) == state(strict)


def test_a_call_that_waited_is_counted_and_passes() -> None:
    """One late, one shed, one judged; and the late one's place in the windows is kept."""
    one = world(Certain(0.999), [])
    waiting = Waiting(START_MS + 10_000, deadline_ms=2_000, shed_after_ms=500)
    values = [setup(number) for number in range(3)]

    processed = one.process(
        values,
        [0] * 3,
        decided_time_ms=waiting.now_ms,
        arrivals_ms=[waiting.now_ms - 2_500, waiting.now_ms - 600, waiting.now_ms - 20],
        waiting=waiting,
    )

    answers = [msgspec.json.decode(decision) for decision in processed.decisions]
    assert [(a["decided_by"], a["reasons"][0]["code"]) for a in answers] == [
        ("fail_open", "late"),
        ("fail_open", "overload"),
        ("model", "model"),
    ]
    assert list(processed.late) == [2]
    assert processed.screening.features[2, INDEX["number_attempts_1h"]] == 3
