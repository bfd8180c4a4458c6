"""Figures of a report: against values worked out by hand, and against slow twins on random calls."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.dataset import assemble
from models.errors import TrainingDataInvalid
from models.judge.evaluation import (
    FALSE_BLOCK_RATES,
    Z_95,
    at_number_rates,
    at_rates,
    at_threshold,
    attestation_of,
    by_campaign,
    measure,
    precision_at,
    precision_recall_curve,
    wilson,
)
from models.traffic.truth import Truth
from tests.models.judge.judged_calls import begun_before, calls

THRESHOLDS = {"block_at": 0.9, "label_at": 0.5}

SMALL_CALLS = st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.integers(0, 20)), min_size=1, max_size=80)
"""Score, whether it is a robocall, and calling number."""

TIED_CALLS = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=60)
"""Scores of few values, so that most calls share theirs with others."""


def test_wilson_interval_of_eight_in_ten() -> None:
    """Textbook value: 0.490 to 0.943."""
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=5e-5)


def test_wilson_interval_of_none_in_ten_thousand_bounds_the_rate() -> None:
    """No false block among n calls bounds the rate at about 3.84 / n, and without calls nothing is known."""
    low, high = wilson(0, 10_000)

    assert low == 0.0
    assert high == pytest.approx(3.84e-4, rel=0.01)
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 3_000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_wilson_ends_are_where_the_score_test_just_does_not_reject(counts: tuple[int, int]) -> None:
    """The twin bisects for the shares p at which |found - p| is 1.96 standard errors of p, which defines the ends."""
    hits, trials = counts
    share = hits / trials

    def is_plausible(p: float) -> bool:
        return (share - p) ** 2 * trials <= Z_95**2 * p * (1 - p)

    def end(outside: float) -> float:
        inside = share
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if is_plausible(middle) else (inside, middle)
        return inside

    expected = (0.0 if hits == 0 else end(0.0), 1.0 if hits == trials else end(1.0))
    assert wilson(hits, trials) == pytest.approx(expected, abs=1e-9)


def test_threshold_counts_calls_at_it_as_hit() -> None:
    """Two of three robocalls and one of two lawful calls reach 0.5: recall 2/3, rate 1/2, precision 2/3."""
    found = at_threshold(np.array([0.5, 0.9, 0.1, 0.5, 0.2]), np.array([True, True, True, False, False]), 0.5)

    assert found["recall"]["share"] == pytest.approx(2 / 3)
    assert found["false_block_rate"]["share"] == 0.5
    assert found["precision"] == pytest.approx(2 / 3)


@given(TIED_CALLS)
def test_precision_recall_points_are_those_of_thresholds(pairs: list[tuple[int, bool]]) -> None:
    """Every point is what some threshold gives, and all robocalls are caught at the last one."""
    scores = np.array([score for score, _ in pairs], np.float64)
    truth = np.array([robocall for _, robocall in pairs])
    possible = {
        (
            int(truth[scores >= limit].sum()) / max(int(truth.sum()), 1),
            int(truth[scores >= limit].sum()) / int((scores >= limit).sum()),
        )
        for limit in np.unique(scores)
    }

    curve = precision_recall_curve(scores, truth)

    assert {(recall, precision) for recall, precision in curve} <= possible
    assert curve[-1][0] == (1.0 if truth.any() else 0.0)


def test_precision_at_a_base_rate_weighs_by_it() -> None:
    """Half of one robocall in 100 caught, and 1 in 1,000 of 99 lawful calls hit: 0.005 / (0.005 + 0.00099)."""
    recall, false = {"share": 0.5, "low": 0.4, "high": 0.6}, {"share": 0.001, "low": 0.0, "high": 0.002}

    found = precision_at(0.01, recall, false)

    assert found["precision"] == pytest.approx(0.005 / 0.00599)
    assert found["low"] == pytest.approx(0.004 / (0.004 + 0.00198))


def test_a_rate_is_told_to_be_beyond_the_sample() -> None:
    """Of 20,000 lawful calls 20 may be hit at 1e-3, which is enough to tell, and 2 at 1e-4, which is not."""
    found = {one["rate"]: one["sample"] for one in at_rates(np.arange(20_000.0), np.arange(20_000) < 0)}

    assert found[1e-3] == {"lawful": 20_000, "lawful_allowed": 20, "is_enough": True}
    assert found[1e-4] == {"lawful": 20_000, "lawful_allowed": 2, "is_enough": False}


@given(SMALL_CALLS.filter(lambda rows: not all(robocall for _, robocall, _ in rows)))
def test_a_number_is_hit_with_any_of_its_lawful_calls(rows: list[tuple[int, bool, int]]) -> None:
    """The twin tries every threshold and counts the lawful numbers that have a call at or above it."""
    data = calls([(f"n{number}", robocall, "", "k") for _, robocall, number in rows])
    scores = np.array([score for score, *_ in rows], np.float64)
    lawful = {number for _, robocall, number in rows if not robocall}

    best = dict.fromkeys(FALSE_BLOCK_RATES, 0)
    for limit in range(9):
        hit = {number for score, robocall, number in rows if not robocall and score >= limit}
        caught = sum(robocall and score >= limit for score, robocall, _ in rows)
        for rate in FALSE_BLOCK_RATES:
            if len(hit) <= int(rate * len(lawful)):
                best[rate] = max(best[rate], caught)

    for entry in at_number_rates(data, scores):
        recall = entry["recall"]
        assert round((recall["share"] or 0) * recall["calls"]) == best[entry["rate"]]


def test_the_interval_by_campaign_is_wider_where_campaigns_are_caught_whole() -> None:
    """Ten campaigns of 100 calls, five of them caught: as uncertain as 5 of 10, not as 500 of 1,000."""
    cluster = np.repeat(np.arange(10), 100)

    found = by_campaign(cluster < 5, cluster)

    low, high = wilson(500, 1_000)
    assert found["low"] < low - 0.1
    assert found["high"] > high + 0.1


def test_calls_are_counted_from_the_first_of_their_campaign() -> None:
    """From 1, each campaign by itself; lawful calls have no position."""
    data = calls([("a", True, "x", "k"), ("b", False, "", "k"), ("a", True, "y", "k"), ("c", True, "x", "k")])

    assert data.position.tolist() == [1, 0, 1, 2]


def test_positions_are_those_in_the_whole_campaign() -> None:
    """Calls from the fourth on are the last two of x, whose first call here is its third."""
    data = begun_before()
    scores = np.array([0.1, 0.1, 0.95, 0.1, 0.1, 0.0])

    found = measure(data, scores, scores, THRESHOLDS)["positions"]

    assert data.position.tolist() == [3, 1, 4, 2, 5, 0]
    assert [(one["from_call"], one["blocked"]["calls"]) for one in found] == [(1, 5), (4, 2)]
    assert found[1]["blocked"]["share"] == 0.5


def test_a_campaign_is_judged_by_calls_of_one_attestation_though_its_first_call_has_another() -> None:
    """Its first call is unsigned, the two signed A come after it: the second of these is the first that is blocked."""
    names = ("call_attested_a", "call_attested_b", "call_attested_c", "call_verification_failed")
    rows = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], np.float32)
    data = assemble(names, rows, np.arange(4), list("xxxn"), [Truth(True, "c", "flood")] * 3 + [Truth(False, "", "k")])
    scores = np.array([0.6, 0.6, 0.95, 0.1])

    found = measure(data, scores, scores, THRESHOLDS)["attestations"]["A"]["robocalls"]["calls_until_blocked"]

    assert (found["campaigns"], found["began_before"], found["median"]) == (1, 0, 2.0)


def test_attestation_is_read_from_the_features() -> None:
    """A failed verification counts as failed whatever level the signature claims; unsigned is none."""
    names = ("call_attested_a", "call_attested_b", "call_attested_c", "call_verification_failed")
    rows = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0]], np.float32)
    data = assemble(names, rows, np.arange(5), ["n"] * 5, [Truth(False, "", "k")] * 5)

    found = attestation_of(data)

    assert found is not None
    assert found.tolist() == ["A", "B", "C", "failed", "none"]


def test_robocalls_and_lawful_calls_are_told_by_attestation() -> None:
    """Of two A-attested robocalls of one campaign the second is blocked; the unsigned lawful call is not."""
    names = ("call_attested_a", "call_attested_b", "call_attested_c", "call_verification_failed")
    rows = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], np.float32)
    truths = [Truth(True, "c", "flood"), Truth(True, "c", "flood"), Truth(False, "", "person")]
    data = assemble(names, rows, np.arange(3), ["x", "x", "n"], truths)
    scores = np.array([0.6, 0.95, 0.1])

    found = measure(data, scores, scores, THRESHOLDS)["attestations"]

    assert set(found) == {"A", "none"}
    assert found["A"]["robocalls"]["blocked"]["share"] == 0.5
    assert found["A"]["robocalls"]["calls_until_blocked"]["median"] == 2.0
    assert found["A"]["lawful"]["blocked"]["calls"] == 0
    assert found["none"]["lawful"]["blocked"]["share"] == 0.0


def test_lawful_classes_are_told_with_numbers_and_reasons() -> None:
    """Three reminders of two numbers, both of one reaching 0.5: 2 of 3 calls, 1 of 2 numbers, for feature f1."""
    rows = np.array([[0, 1], [0, 2], [0, 0], [0, 0]], np.float32)
    truths = [Truth(False, "", "reminder")] * 3 + [Truth(True, "c", "flood")]
    data = assemble(["f0", "f1"], rows, np.arange(4), ["n", "n", "m", "x"], truths)
    scores = np.array([0.6, 0.95, 0.1, 0.99])

    found = measure(data, scores, scores, THRESHOLDS, lambda rows: rows.astype(np.float64))["kinds"]["lawful"]

    assert found["reminder"]["labelled_or_blocked"]["share"] == pytest.approx(2 / 3)
    assert found["reminder"]["numbers_labelled"]["share"] == 0.5
    assert found["reminder"]["reasons"] == {"f1": 2}


def test_calls_of_one_kind_only_are_refused() -> None:
    """Without lawful calls there is no rate to hold a threshold to."""
    data = calls([("n", True, "c", "flood")] * 3)

    with pytest.raises(TrainingDataInvalid, match="both needed"):
        measure(data, np.ones(3), np.ones(3), THRESHOLDS)
