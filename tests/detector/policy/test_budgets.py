"""What the model's step goes by: earned by a measure, less when that is old or the traffic moved, or by an order."""

from dataclasses import replace

import pytest

from detector.contract.decisions import Action
from detector.contract.errors import SettingInvalid
from detector.policy.budgets import DAY_MS, HOUR_S, Budgets, Cut, EnforceUnmeasured, Given, Measured, in_force

MEASURED_MS = 1_763_600_000_000
MEASURED = Measured("m-1", 12, MEASURED_MS, 50_000, 30_000, 1_000, 100, Cut(2.0, 0.9, 900.0), Cut(5.0, 0.99, 95.0))
OLD_MS = MEASURED_MS + 7 * DAY_MS
LABEL, BLOCK = Action.LABEL, Action.BLOCK
OLD_ENOUGH_S = 3.0 * HOUR_S


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"label_per_million": 10, "block_per_million": 11}, "block_per_million <= label_per_million"),
        ({"block_per_million": 0}, "1 <= block_per_million"),
        ({"label_per_million": 100_001}, "100000"),
        ({"confidence": 0.4}, "confidence"),
        ({"most_step": 0.0}, "most_step"),
        ({"oldest_days": 91}, "oldest_days"),
        ({"windows_h": 25.0}, "windows_h"),
        ({"most_of_all": 0.5}, "most_of_all"),
    ],
)
def test_budgets_out_of_bounds_are_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(SettingInvalid, match=message):
        Budgets(**given)  # type: ignore[arg-type]  # of the case


@pytest.mark.parametrize(("name", "reason"), [("", "a reason"), ("somebody", " "), ("a\nb", "c"), ("x" * 201, "y")])
def test_an_order_has_a_name_and_a_reason(name: str, reason: str) -> None:
    with pytest.raises(SettingInvalid, match="name and reason"):
        EnforceUnmeasured(name, reason)


def test_without_a_measure_everything_is_tried_and_says_why() -> None:
    force = in_force(Budgets(), None, model_version="m-1")

    assert force.state(MEASURED_MS) == "tried"
    given = force.treats(BLOCK, MEASURED_MS, OLD_ENOUGH_S)
    assert (given.action, given.is_tried) == (BLOCK, True)
    assert "robocall budgets measure" in given.why


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (replace(MEASURED, model_version="m-0"), "measured was m-0, not m-1"),
        (replace(MEASURED, label_per_million=2_000), "the policy allows 1,000 and 100"),
        (replace(MEASURED, block_per_million=101), "the policy allows 1,000 and 100"),
        (replace(MEASURED, label=None, block=None, complaints=("too few callers",)), "too few callers"),
    ],
)
def test_a_measure_of_something_else_is_none(measured: Measured, words: str) -> None:
    force = in_force(Budgets(), measured, model_version="m-1")

    assert force.state(MEASURED_MS) == "tried"
    assert words in force.why


def test_a_complaint_silences_whatever_was_measured() -> None:
    force = in_force(Budgets(), MEASURED, model_version="m-1", complaint="the file is damaged")

    assert (force.is_earned, force.why) == (False, "the file is damaged")


def test_a_measure_for_a_smaller_budget_is_in_force() -> None:
    """What keeps a smaller budget keeps this one."""
    force = in_force(Budgets(label_per_million=5_000, block_per_million=500), MEASURED, model_version="m-1")

    assert force.state(MEASURED_MS) == "measured"
    assert "50,000 lawful calls of 30,000 callers, measured 2025-11-20" in force.why


def test_what_was_measured_is_in_force_until_it_is_old() -> None:
    """At the instant at which it is seven days old it counts less: a block is a label, and a label is tried."""
    force = in_force(Budgets(), MEASURED, model_version="m-1")

    assert force.treats(BLOCK, OLD_MS - 1, OLD_ENOUGH_S) == Given(BLOCK, is_tried=False)
    assert force.treats(LABEL, OLD_MS - 1, OLD_ENOUGH_S) == Given(LABEL, is_tried=False)
    block, label = (force.treats(action, OLD_MS, OLD_ENOUGH_S) for action in (BLOCK, LABEL))
    assert (block.action, block.is_tried, label.action, label.is_tried) == (LABEL, False, LABEL, True)
    assert (force.state(OLD_MS - 1), force.state(OLD_MS)) == ("measured", "labels")
    assert "old" in force.said(OLD_MS)


def test_drift_does_what_age_does() -> None:
    force = in_force(Budgets(), MEASURED, model_version="m-1", has_drifted=True)

    assert force.treats(BLOCK, MEASURED_MS, OLD_ENOUGH_S).action is LABEL
    assert force.treats(LABEL, MEASURED_MS, OLD_ENOUGH_S).is_tried
    assert force.state(MEASURED_MS) == "labels"


@pytest.mark.parametrize("age_s", [-1.0, 0.0, OLD_ENOUGH_S - 1])
def test_nothing_is_enforced_before_the_windows_are_some_hours_old(age_s: float) -> None:
    force = in_force(Budgets(), MEASURED, model_version="m-1")

    assert force.treats(BLOCK, MEASURED_MS, age_s).is_tried
    no_wait = in_force(Budgets(windows_h=0.0), MEASURED, model_version="m-1")
    assert not no_wait.treats(BLOCK, MEASURED_MS, age_s).is_tried


def test_a_measure_holds_in_windows_as_old_as_those_that_it_was_made_in() -> None:
    """On the day after a cold start more lawful calls score high than were measured."""
    force = in_force(Budgets(), replace(MEASURED, windows_h=24.0), model_version="m-1")

    young, old = (force.treats(BLOCK, MEASURED_MS, hours * 3_600.0) for hours in (23.9, 24.0))

    assert (young.is_tried, old.is_tried) == (True, False)
    assert young.why == "windows of this trunk group are under 24.0 h old"
    assert "in windows of 24.0 h or more" in force.why


def test_nothing_is_enforced_on_a_call_that_shows_no_number_of_anybody() -> None:
    """Extensions and short codes are no references: no measure speaks of them. An order does."""
    force = in_force(Budgets(), MEASURED, model_version="m-1")
    ordered = in_force(Budgets(enforce_unmeasured=EnforceUnmeasured("M. Lee", "trial")), None, model_version="m-1")

    given = force.treats(BLOCK, MEASURED_MS, OLD_ENOUGH_S, has_caller=False)

    assert (given.action, given.is_tried) == (BLOCK, True)
    assert "shows no calling number" in given.why
    assert not ordered.treats(BLOCK, MEASURED_MS, OLD_ENOUGH_S, has_caller=False).is_tried


@pytest.mark.parametrize(
    ("action", "calls", "expected"),
    [
        (LABEL, 250.0, Given(LABEL, is_tried=False)),
        (LABEL, 251.0, Given(LABEL, is_tried=True, why="label")),
        (BLOCK, 25.0, Given(BLOCK, is_tried=False)),
        (BLOCK, 26.0, Given(LABEL, is_tried=False, why="block")),
        (BLOCK, 250.0, Given(LABEL, is_tried=False, why="block")),
        (BLOCK, 251.0, Given(LABEL, is_tried=True, why="label")),
    ],
)
def test_a_caller_who_alone_would_spend_a_budget_gets_less(action: Action, calls: float, expected: Given) -> None:
    """Of 250,000 calls a day 250 lawful ones may be labelled, and 25 of them blocked."""
    force = in_force(Budgets(), replace(MEASURED, calls_a_day=250_000.0), model_version="m-1")

    given = force.treats(action, MEASURED_MS, OLD_ENOUGH_S, calls)

    assert given[:2] == expected[:2]
    assert bool(given.why) == bool(expected.why)
    assert f"the budget of {expected.why}s" in given.why or not expected.why
    assert "of numbers with up to 250 (blocks 25) calls in 24 h" in force.why
    lapsed = replace(force, has_drifted=True).treats(action, MEASURED_MS, OLD_ENOUGH_S, calls)
    assert lapsed.is_tried is (action is LABEL or calls > 250)
    assert not in_force(Budgets(), MEASURED, model_version="m-1").treats(LABEL, MEASURED_MS, OLD_ENOUGH_S, 1e9).why


def test_an_order_enforces_the_thresholds_of_the_policy_whatever_was_measured() -> None:
    budgets = Budgets(enforce_unmeasured=EnforceUnmeasured("M. Lee", "trial"))

    force = in_force(budgets, MEASURED, model_version="m-0")

    assert (force.state(0), force.cuts) == ("absolute", None)
    assert force.treats(BLOCK, 0, -1.0) == Given(BLOCK, is_tried=False)
    assert "M. Lee, trial" in force.why


def test_an_action_without_a_cut_hits_nothing() -> None:
    force = in_force(Budgets(), replace(MEASURED, block=None), model_version="m-1")

    assert force.cuts is not None
    assert (force.cuts.label_at, force.cuts.block_at) == (2.0, float("inf"))
    assert "no blocks" in force.why


def test_the_floor_is_the_lowest_level_that_can_reach_a_cut() -> None:
    """A margin where there are cuts, else a score."""
    force = in_force(Budgets(), MEASURED, model_version="m-1")

    assert force.floor(0.5) == 2.0
    assert in_force(Budgets(), None, model_version="m-1").floor(0.5) == 0.5
