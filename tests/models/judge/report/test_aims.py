"""Whether an aim is met, and by how much it is missed."""

from typing import Any

import pytest

from models.judge.report.aims import AIMS, Aim, figure


@pytest.mark.parametrize(
    ("value", "is_most", "met", "words"),
    [
        (0.6, False, True, "met"),
        (0.4, False, False, "missed by 0.1"),
        (0.6, True, False, "missed by 0.1"),
        (None, True, False, "missed"),
    ],
)
def test_an_aim_says_by_how_much_it_is_missed(value: float | None, is_most: bool, met: bool, words: str) -> None:
    """What is not found at all is a miss without a figure."""
    aim = Aim("share", 0.5, lambda _: (value, "(flood)"), is_most)
    found: dict[str, dict[str, Any]] = {"held out": {}}

    assert aim.is_met(found) == met
    assert aim.row(found)[3] == words


def test_a_campaign_that_is_mostly_never_stopped_misses_its_aim() -> None:
    """The slowest of the spread kinds counts, and never is slower than any count."""

    def kind(median: float | None) -> dict[str, Any]:
        return {"stopped_at_rates": [{"campaigns": 1, "median": median}]}

    found = {"held out": {"kinds": {"campaigns": {"snowshoe": kind(None), "low_and_slow": kind(3)}}}}
    (aim,) = (one for one in AIMS if "spread" in one.what)

    assert not aim.is_met(found)
    assert "snowshoe" in aim.row(found)[2]


def test_a_kind_whose_campaigns_all_began_before_says_nothing_of_how_soon_they_are_stopped() -> None:
    """The other kinds tell; where there is none of them the aim is missed for want of calls."""
    (aim,) = (one for one in AIMS if "spread" in one.what)
    unseen, seen = (
        {"stopped_at_rates": [one]} for one in ({"campaigns": 0, "median": None}, {"campaigns": 2, "median": 3.0})
    )

    def found(kinds: dict[str, Any]) -> dict[str, dict[str, Any]]:
        return {"held out": {"kinds": {"campaigns": kinds}}}

    assert aim.is_met(found({"snowshoe": unseen, "low_and_slow": seen}))
    assert aim.row(found({"snowshoe": unseen}))[2:] == ("- (none seen from its first call)", "missed")


@pytest.mark.parametrize(
    ("recall", "rule", "met", "words"),
    [
        (0.6, 0.2, True, "3 (at 0.001)"),
        (0.6, 0.5, False, "1.2 (at 0.001)"),
        (0.6, 0.0, True, "1,200 (at 0.001, at least: the rules catch none)"),
        (0.0, 0.0, False, "0 (at 0.001, at least: the rules catch none)"),
    ],
)
def test_a_rule_that_catches_nothing_counts_as_if_it_had_caught_one_call(
    recall: float, rule: float, met: bool, words: str
) -> None:
    """Of 2,000 robocalls 0.6 are 1,200 times that one; a model that catches nothing either is no better."""
    (aim,) = (one for one in AIMS if "best rate rule" in one.what)
    found = {
        "held out": {
            "at_false_block_rates": [{"rate": 1e-3, "recall": {"share": recall, "calls": 2_000}}],
            "against_best_rule": [{"ratio": recall / rule if rule else None}],
        }
    }

    assert aim.is_met(found) == met
    assert aim.row(found)[2] == words


def test_the_worst_kind_is_hit_least_and_the_worst_class_most() -> None:
    """Of campaigns few hits are bad, of lawful callers many."""

    def shares(**kinds: float) -> dict[str, Any]:
        return {kind: {"at_rates": [{"share": share}]} for kind, share in kinds.items()}

    figures = {"kinds": {"campaigns": shares(flood=0.9, wangiri=0.2), "lawful": shares(person=0.0, survey=0.01)}}
    of_kind, of_class = (aim for aim in AIMS if "of every kind" in aim.what or "lawful class" in aim.what)

    assert of_kind.cell(figures) == "0.2 (wangiri)"
    assert of_class.cell(figures) == "0.01 (survey)"


def test_what_is_found_elsewhere_stands_beside_an_aim() -> None:
    """With a word on where, as in the held-out worlds; whether it is met does not depend on it."""
    aim = Aim("share", 0.5, lambda figures: (figures["share"], "(flood)"))

    assert aim.cell({"share": 0.25}) == "0.25 (flood)"
    assert aim.is_met({"held out": {"share": 0.5}, "second author": {"share": 0.25}})


def test_figures_have_three_digits() -> None:
    """Large ones are whole; nothing found is a dash."""
    assert [figure(value) for value in (None, 0.01234, 12.345, 1_234.5)] == ["-", "0.0123", "12.3", "1,234"]
