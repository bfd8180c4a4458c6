"""What several verdicts on one call come to, worked out by hand from the table of weights."""

from itertools import permutations
from typing import Any

import pytest

from detector.contract.events import FeedbackSource
from models.data.verdicts import REPORTS_THAT_COUNT, WEIGHTS, Joined, Said, combined
from models.traffic.truth import Truth

CALL, LINE, NUMBER = Joined
REPORT = "subscriber_report"
near: Any = pytest.approx


def said(verdict: str, source: str, joined: Joined = CALL, time_ms: int = 0, campaign: str = "") -> Said:
    return Said(verdict == "robocall", source, joined, time_ms, campaign)


def test_every_source_of_the_contract_has_weights_and_exactness_never_weighs_less() -> None:
    """Above 0, at most 1."""
    assert set(FeedbackSource) <= set(WEIGHTS)
    for by in WEIGHTS.values():
        assert 1.0 >= by[CALL] >= by[LINE] >= by[NUMBER] > 0.0


def test_one_verdict_is_the_label_with_its_source_weight_and_campaign() -> None:
    only = said("robocall", "traceback", NUMBER, campaign="warranty")
    assert combined([only]) == Truth(True, "warranty", "unknown", "traceback", near(0.8))


def test_the_kind_is_the_latest_that_the_heavier_side_names() -> None:
    """What the lighter side calls it, and who names none, changes nothing."""
    verdicts = [
        Said(True, "analyst", CALL, 1, kind="flood"),
        Said(True, "honeypot", CALL, 2, kind="survey_scam"),
        Said(True, "traceback", CALL, 3),
        Said(False, REPORT, CALL, 4, kind="person"),
    ]
    for some in permutations(verdicts):
        found = combined(some)
        assert found is not None
        assert (found.is_robocall, found.kind) == (True, "survey_scam")


def test_agreeing_sources_add_up_and_the_heaviest_is_named() -> None:
    """1 - (1 - 0.4)(1 - 0.9) = 0.94."""
    found = combined([said("robocall", REPORT), said("robocall", "honeypot", LINE)])
    assert found == Truth(True, "", "unknown", "honeypot", near(0.94))


def test_a_later_complaint_does_not_outweigh_an_analyst() -> None:
    """1.0 against 0.4: lawful, with 0.6. The latest verdict had won, whoever said it."""
    found = combined([said("legitimate", "analyst", time_ms=1), said("robocall", REPORT, time_ms=2)])
    assert found == Truth(False, "", "unknown", "analyst", near(0.6))


@pytest.mark.parametrize("reports", [REPORTS_THAT_COUNT, 5_000])
def test_any_number_of_complaints_about_a_number_weighs_little_more_than_half(reports: int) -> None:
    """1 - 0.9 ** 7 = 0.5217: a campaign of complaints against a bank does not outweigh the analyst who knows it."""
    many = [said("robocall", REPORT, NUMBER, time_ms) for time_ms in range(reports)]
    alone = combined(many)
    assert alone is not None
    assert alone.weight == pytest.approx(0.5217, abs=1e-4)
    assert combined([*many, said("legitimate", "analyst", NUMBER)]) == Truth(
        False, "", "unknown", "analyst", near(0.7 - 0.5217, abs=1e-4)
    )


def test_of_complaints_about_a_number_the_latest_count() -> None:
    """Seven that say lawful came after a thousand that did not."""
    early = [said("robocall", REPORT, NUMBER, time_ms) for time_ms in range(1_000)]
    late = [said("legitimate", REPORT, NUMBER, 5_000 + time_ms) for time_ms in range(REPORTS_THAT_COUNT)]
    found = combined(early + late)
    assert found is not None
    assert not found.is_robocall


def test_one_source_speaks_once_by_its_most_exact_verdict_then_by_its_latest() -> None:
    """The analyst judged the number later than the call; and corrected the verdict on the call."""
    wrong = said("robocall", "analyst", CALL, 1)
    corrected = said("legitimate", "analyst", CALL, 2)
    of_number = said("robocall", "analyst", NUMBER, 3)
    assert combined([wrong, corrected, of_number]) == Truth(False, "", "unknown", "analyst", 1.0)


def test_what_weighs_the_same_on_both_sides_is_no_label() -> None:
    assert combined([said("robocall", "analyst"), said("legitimate", "traceback")]) is None


def test_of_one_instant_the_lawful_verdict_of_a_source_counts() -> None:
    """A lawful call taken for a robocall costs more than the other way round."""
    found = combined([said("robocall", "analyst", CALL, 5), said("legitimate", "analyst", CALL, 5)])
    assert found == Truth(False, "", "unknown", "analyst", 1.0)


def test_the_order_in_which_verdicts_come_changes_nothing() -> None:
    verdicts = [
        said("robocall", REPORT, NUMBER, 3, "a"),
        said("legitimate", "redress", LINE, 2),
        said("robocall", "traceback", NUMBER, 1, "b"),
        said("robocall", "traceback", NUMBER, 1, "c"),
        said("legitimate", REPORT, NUMBER, 3),
    ]
    assert len({combined(list(order)) for order in permutations(verdicts)}) == 1
