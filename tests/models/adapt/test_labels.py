"""Labels and their bounds: a campaign of complaints against somebody lawful, and one number that has them all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.adapt.calls import Lawful, lawful_in
from models.adapt.labels import MOST_OF_ONE, Labels, bounded, cleared_in, clusters_of, labels_of, within
from models.traffic.truth import UNKNOWN_KIND, Truth
from tests.models.adapt.spans import calls_of

KEYS = st.lists(st.integers(0, 4), min_size=1, max_size=40)


def said(source: str, weight: float = 0.4, *, is_robocall: bool = True) -> Truth:
    return Truth(is_robocall, "", UNKNOWN_KIND, source, weight)


def nobody(n: int) -> Lawful:
    return Lawful(*np.zeros((3, n), np.bool_))


def test_a_campaign_of_complaints_about_a_bank_is_ignored_and_counted() -> None:
    """An analyst's word on the bank counts all the same, and so do complaints about others."""
    bank, other = 9, 5
    calls = calls_of([bank, bank, bank, other])
    complaints = {1: said("subscriber_report"), 2: said("honeypot"), 3: said("analyst"), 4: said("subscriber_report")}

    found = labels_of(calls, lawful_in(calls, np.array([bank])), complaints)

    assert found.ignored == 2
    assert found.is_positive.tolist() == [False, False, True, True]
    assert found.by_source(np.ones(4, np.bool_)) == {
        "analyst": {"robocalls": 1, "lawful": 0},
        "subscriber_report": {"robocalls": 1, "lawful": 0},
    }


def test_who_an_analyst_or_redress_cleared_is_a_registered_sender() -> None:
    """By the call that was cleared, whoever shows no number aside; a subscriber's word clears nobody."""
    calls = calls_of([3, 4, 5, 0, 6])
    by = ("analyst", "redress", "subscriber_report", "analyst", "analyst")
    words = {place + 1: said(source, is_robocall=place == 4) for place, source in enumerate(by)}

    everywhere = np.ones(len(calls), np.bool_)
    assert cleared_in(calls, words, everywhere).tolist() == [3, 4]
    assert cleared_in(calls, words, calls.number != 4).tolist() == [3]


def test_a_label_is_of_its_call_and_not_of_the_number() -> None:
    calls = calls_of([5, 5, 5])

    found = labels_of(
        calls, nobody(3), {2: said("subscriber_report"), 3: said("redress", 0.7, is_robocall=False), 77: said("x")}
    )

    assert found.weight.tolist() == [0.0, 0.4, 0.7]
    assert found.is_positive.tolist() == [False, True, False]
    assert isinstance(found, Labels)


def test_one_number_has_no_more_than_a_twentieth_of_the_weight() -> None:
    """80 complaints about one number, and 120 about as many others: 200 x 0.05 = 10 are left of the 80."""
    key = np.array([1] * 80 + list(range(2, 122)), np.int64)

    found = bounded(np.ones(200), [key])

    assert found[:80].sum() == pytest.approx(MOST_OF_ONE * 200)
    assert found[80:].tolist() == [1.0] * 120


@given(KEYS, st.floats(0.05, 1.0))
def test_no_key_is_above_its_bound_and_nothing_grows(keys: list[int], most: float) -> None:
    key = np.array(keys, np.int64)
    weight = np.random.default_rng(len(keys)).random(len(keys))

    found = bounded(weight, [key, key[::-1]], most)

    assert (found <= weight + 1e-12).all()
    for one in (key, key[::-1]):
        totals = [found[one == value].sum() for value in set(keys) - {0}]
        assert all(total <= most * weight.sum() + 1e-9 for total in totals)


@given(KEYS, st.integers(1, 5))
def test_of_each_key_the_highest_scores_are_within(keys: list[int], most: int) -> None:
    key = np.array(keys, np.int64)
    scores = np.random.default_rng(len(keys)).permutation(len(keys)).astype(np.float64)

    found = within(scores, [key], most)

    for value in set(keys):
        here = key == value
        wanted = here.sum() if value == 0 else min(most, here.sum())
        assert found[here].sum() == wanted
        if value and found[here].any() and (~found[here]).any():
            assert scores[here & found].min() > scores[here & ~found].max()


def test_callers_are_one_where_they_share_a_number_or_a_block() -> None:
    """1 and 2 share a block, 2 and 3 a number's other block; calls without either stand alone."""
    found = clusters_of(np.array([1, 2, 2, 4, 0, 0]), np.array([10, 10, 11, 12, 0, 0]))

    assert len({*found[:3].tolist()}) == 1
    assert len({*found.tolist()}) == 4
    assert len(clusters_of(np.zeros(0, np.int64), np.zeros(0, np.int64))) == 0
