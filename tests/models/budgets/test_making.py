"""From references to thresholds: what is not supported is silent, and a threshold moves step by step."""

import msgspec
import numpy as np
import pytest

from detector.policy.budgets import Budgets, in_force
from detector.policy.settings import StandingBlocks
from models.budgets.audit import LAWFUL, ROBOCALL, UNKNOWN, Answers, AuditedCalls, lots_of
from models.budgets.bounds import ReferenceCalls
from models.budgets.making import NOTHING_LEFT, Subject, asked_by_lot, make, outlives, why_nobody
from models.budgets.measure import Group, Measure
from models.budgets.references import References

STANDING = StandingBlocks()


def calls_of(count: int, shift: float = 0.0) -> ReferenceCalls:
    """Callers with one call each, their margins from 0 up to 10, both moved by `shift`."""
    callers = np.arange(count)
    return ReferenceCalls(np.linspace(0.0, 10.0, count) + shift, callers, callers * 3_600_000)


FEW = calls_of(10)


def references(count: int, shift: float = 0.0, everybody: ReferenceCalls = FEW) -> References:
    """Those registered senders, nobody who talked both ways, and as all calls ten that show nothing."""
    return found_of(calls_of(count, shift), None, everybody)


def found_of(
    registered: ReferenceCalls | None,
    reciprocal: ReferenceCalls | None,
    everybody: ReferenceCalls,
    answers: Answers | None = None,
) -> References:
    """Reference calls, and answers about all calls: none by default."""
    n = len(everybody.margins)
    said = np.full(n, UNKNOWN, np.int8) if answers is None else answers
    keys = np.arange(n)
    audited = AuditedCalls(
        everybody.margins,
        everybody.callers,
        everybody.at_ms,
        lots_of(keys, everybody.callers, everybody.at_ms, b"lot"),
        said,
    )
    return References(registered, reciprocal, everybody, audited)


def measured(
    found: References,
    last: Measure | None = None,
    budgets: Budgets = Budgets(),  # noqa: B008
    windows_h: float = 30.0,
) -> Measure:
    subject = Subject(
        model_version="gbt-0123456789ab",
        partitions=12,
        calibrated=lambda margin: margin / 100,
        begin_ms=0,
        end_ms=86_400_000,
        written_ms=90_000_000,
        scored=1_000,
        windows_h=windows_h,
        traffic=None,
    )
    return make(subject, found, budgets, STANDING, last)


def test_thresholds_keep_their_budgets() -> None:
    """Of 50,000 callers, evenly between 0 and 10: 1 in 1,000 is from 9.99 on, less what is not certain."""
    found = measured(references(50_000))

    assert found.label is not None
    assert found.block is not None
    assert 9.990 < found.label.margin < 9.993
    assert found.label.most_per_million <= 1_000
    assert found.block.margin > 9.999
    assert found.block.most_per_million <= 100
    assert found.label.score == pytest.approx(found.label.margin / 100)
    assert found.complaints == ()


@pytest.mark.parametrize(("windows_h", "wanted"), [(1.0, 3.0), (7.5, 7.5), (30.0, 24.0)])
def test_a_budget_that_is_spent_to_its_end_holds_in_windows_like_the_measured_ones(
    windows_h: float, wanted: float
) -> None:
    """Where all calls count as lawful there is room, and the hours of the policy are enough."""
    by_senders = measured(references(50_000), windows_h=windows_h)
    by_all = measured(found_of(None, None, calls_of(50_000)), windows_h=windows_h)

    assert by_senders.windows_h == by_senders.measured().windows_h == wanted
    assert by_all.label is not None
    assert by_all.label.is_of_all
    assert by_all.windows_h == 3.0


def test_an_action_that_the_callers_do_not_support_stays_silent_and_says_why() -> None:
    """5,000 callers show 1,000 in a million, and cannot show 100: that takes 29,958."""
    found = measured(references(5_000))

    assert found.label is not None
    assert found.block is None
    (complaint,) = found.complaints
    assert "nothing is blocked: there are 10 callers, 29,958 are needed" in complaint


def test_an_action_that_the_references_do_not_support_goes_by_all_calls() -> None:
    """5,000 lawful callers show 1,000 in a million; 40,000 callers of any kind show 100, as if all were lawful."""
    found = measured(references(5_000, everybody=calls_of(40_000, shift=3.0)), budgets=Budgets(most_of_all=10_000))

    assert found.label is not None
    assert found.block is not None
    assert (found.label.is_of_all, found.block.is_of_all) == (False, True)
    assert found.label.margin <= 10.0 < found.block.margin
    assert (found.registered, found.reciprocal) == (Group(5_000, 5_000), Group(0, 0))
    assert found.everybody == Group(40_000, 40_000)
    assert not found.measured().is_of_all
    assert found.measured().callers == 5_000


def test_all_calls_count_where_that_spends_more() -> None:
    """References that a model happens to hit most do not forbid what would be kept if every call were lawful."""
    found = measured(references(5_000, shift=4.0, everybody=calls_of(40_000)))

    assert found.label is not None
    assert found.block is not None
    assert found.label.is_of_all
    assert found.label.margin <= 10.0
    assert found.label.margin < found.block.margin


def test_without_references_all_calls_count_as_lawful() -> None:
    found = measured(found_of(None, None, calls_of(40_000)))

    assert found.label is not None
    assert found.label.is_of_all
    assert found.measured().is_of_all
    assert found.measured().callers == 40_000


def test_people_and_organisations_each_keep_the_budget() -> None:
    """Of half a million people no more than one in 1,000 is hit either, though senders alone would allow far more."""
    senders, people = calls_of(5_000, shift=-6.0), calls_of(500_000)

    found = measured(found_of(senders, people, calls_of(600_000, shift=0.05)))

    assert found.label is not None
    assert not found.label.is_of_all
    assert found.label.margin == pytest.approx(9.99, abs=1e-4)
    assert found.label.most_per_million == pytest.approx(1_000, rel=1e-3)


def test_of_all_calls_ten_times_the_budget_are_hit_at_most() -> None:
    """A list of senders without those who are most like robocallers would let half of all calls be hit, or more."""
    senders, everybody = calls_of(40_000, shift=-5.0), calls_of(40_000)

    found, more = (
        measured(found_of(senders, None, everybody), budgets=Budgets(most_of_all=times)) for times in (10.0, 600.0)
    )

    assert found.label is not None
    assert more.label is not None
    assert found.label.margin == pytest.approx(9.9, abs=1e-3)
    assert more.label.margin == pytest.approx(4.992, abs=2e-3)
    assert found.label.wanted_margin == found.label.margin


def test_a_step_that_ends_above_what_all_calls_allow_is_silent() -> None:
    """Senders would allow it at once; a measure moves a threshold by a step, which is not enough for the others."""
    before = measured(found_of(calls_of(40_000, shift=-20.0), None, calls_of(40_000, shift=-4.0)))

    found = measured(found_of(calls_of(40_000, shift=-20.0), None, calls_of(40_000)), before)

    assert found.label is not None
    assert found.label.margin == pytest.approx(6.9, abs=1e-3)
    assert found.label.found_per_million == 0.0
    assert found.label.most_per_million > 1_000
    assert found.measured().label is None


def test_a_threshold_falls_by_a_step_at_most() -> None:
    """New traffic would allow 3 less; a step of 1 is taken, and the budget is kept there all the more."""
    before = measured(references(50_000))

    found = measured(references(50_000, shift=-3.0), before)

    assert before.label is not None
    assert found.label is not None
    assert found.label.margin == pytest.approx(before.label.margin - 1.0)
    assert found.label.wanted_margin == pytest.approx(before.label.margin - 3.0)
    assert found.label.found_per_million == 0.0
    assert found.measured().label is not None


def test_a_threshold_that_would_have_to_rise_by_more_is_silent_until_it_has() -> None:
    """Three steps lead there: two are too low for the budget, so nothing is hit meanwhile."""
    last = measured(references(50_000))
    states = []
    for _ in range(3):
        last = measured(references(50_000, shift=3.0), last)
        assert last.label is not None
        states.append((round(last.label.margin), last.measured().label is not None, len(last.complaints)))

    assert states == [(11, False, 2), (12, False, 2), (13, True, 0)]


def test_small_moves_are_made_at_once() -> None:
    before = measured(references(50_000))

    found = measured(references(50_000, shift=0.5), before)

    assert before.label is not None
    assert found.label is not None
    assert found.label.margin == pytest.approx(before.label.margin + 0.5)


def test_afresh_there_is_no_last_one() -> None:
    found = measured(references(50_000, shift=30.0))

    assert found.label is not None
    assert found.label.margin == pytest.approx(found.label.wanted_margin)


def test_standing_blocks_are_part_of_the_budget_of_blocks() -> None:
    """One caller blocked ten times in a minute would be blocked 990 times more: its margins do not fit any more."""
    count = 60_000
    margins = np.concatenate([np.zeros(count), np.full(10, 5.0), np.full(990, 1.0)])
    callers = np.concatenate([np.arange(count), np.zeros(1_000, np.int64)])
    at_ms = np.concatenate([np.full(count, -10_000_000), np.arange(1_000)])
    calls = ReferenceCalls(margins, callers, at_ms)
    many = found_of(calls, None, FEW)

    found = measured(many, budgets=Budgets(label_per_million=5_000, block_per_million=1_000))

    assert found.block is not None
    assert found.block.margin > 5.0
    assert found.label is not None
    assert found.label.margin <= 5.0


@pytest.mark.parametrize("per_million", [501, 506, 1_000, 1_009])
def test_a_budget_that_is_spent_to_the_last_call_is_kept(per_million: int) -> None:
    """Of all calls just ten times the budget are hit: rounding does not silence the action."""
    many, senders = calls_of(100_000), calls_of(10_000, shift=-9.0)
    budgets = Budgets(label_per_million=per_million, block_per_million=1)

    found = measured(found_of(senders, None, many), budgets=budgets)

    assert found.label is not None
    assert per_million - 1 <= found.label.most_per_million <= per_million
    assert found.measured().label is not None
    assert not [one for one in found.complaints if "labelled" in one]


def test_answers_let_more_be_hit_than_all_calls_do_and_are_named() -> None:
    """Everybody drawn by lot is a robocaller: thirty times as many labels, and as many blocks, as lawful calls may be.

    The next measure, without answers, moves the threshold by a step at most, and is silent until it is high enough.
    """
    everybody = calls_of(40_000)
    robocallers = np.full(40_000, ROBOCALL, np.int8)

    found = measured(found_of(None, None, everybody, robocallers))

    assert found.label is not None
    assert found.block is not None
    assert found.label.margin == pytest.approx(9.7, abs=1e-3)
    assert found.block.margin == pytest.approx(9.97, abs=1e-3)
    assert isinstance(found.label.answers, int)
    assert 60 < found.label.answers <= 400
    assert not found.label.is_of_all
    assert (found.label.found_per_million, found.label.most_per_million) == (0.0, 1_000)
    force = found.measured()
    assert (force.answers, force.calls, force.callers) == (found.label.answers, 40_000, 40_000)
    assert in_force(Budgets(), force, model_version=found.model_version).why.startswith("labels from margin 9.70")
    steep = found_of(None, None, ReferenceCalls(everybody.margins * 10, everybody.callers, everybody.at_ms))
    later = measured(steep, found)
    assert later.label is not None
    assert later.label.margin == pytest.approx(10.7, abs=1e-3)
    assert later.measured().label is None
    assert "nothing is labelled: the budget wants margin" in later.complaints[0]


def test_labels_are_asked_about_first_then_blocks_and_then_each_once_more() -> None:
    """At last as low as any answer could lead. With senders that lead there nobody is asked."""
    everybody, answers = calls_of(40_000), np.full(40_000, UNKNOWN, np.int8)
    budgets = Budgets()
    reached = [(10.0, 10.0)]  # margins for labels and blocks; a hundredth is one call in a thousand
    for _ in range(60):
        found = found_of(None, None, everybody, answers)
        measure = measured(found)
        assert measure.label is not None
        assert measure.block is not None
        at = measure.label.margin, measure.block.margin
        if at != reached[-1]:
            reached.append(at)
        asked = asked_by_lot(found, budgets, STANDING, measure)
        if not asked:
            break
        answers[np.concatenate(asked)] = ROBOCALL

    assert [(round(label, 2), round(block, 3)) for label, block in reached[2:]] == [
        *((9.9, 10.0), (9.85, 10.0)),
        *((9.85, 9.99), (9.85, 9.985)),
        *((9.8, 9.985), (9.7, 9.985)),
        *((9.7, 9.98), (9.7, 9.97)),
    ]
    senders = found_of(calls_of(400_000, shift=-20.0), None, everybody)
    vouched = measured(senders, budgets=Budgets(most_of_all=100))
    assert not asked_by_lot(senders, Budgets(most_of_all=100), STANDING, vouched)
    lowest = "they begin as low as answers can lead"
    assert why_nobody(found, budgets, STANDING, measured(found)) == f"labels: {lowest}; blocks: {lowest}"


def test_it_is_said_why_nobody_is_asked() -> None:
    """Each answer said "lawful": no further one would help. For blocks there were too few callers from the first on."""
    everybody = calls_of(20_000)
    found = found_of(None, None, everybody, np.full(20_000, LAWFUL, np.int8))
    measure = measured(found)

    assert not asked_by_lot(found, Budgets(), STANDING, measure)
    said = why_nobody(found, Budgets(), STANDING, measure)
    assert said == f"labels: {NOTHING_LEFT}; blocks: there are too few callers"


def test_large_budgets_end_at_the_lowest_margin() -> None:
    """Fifteen times 70,000 in a million are more than all calls."""
    everybody = calls_of(40_000)
    budgets = Budgets(label_per_million=70_000)

    found = measured(found_of(None, None, everybody, np.full(40_000, ROBOCALL, np.int8)), budgets=budgets)

    assert found.label is not None
    assert found.label.margin == 0.0


@pytest.mark.parametrize(
    ("highest", "lawful", "days", "stays"),
    [
        (1_200, 0, 1, True),
        (600, 39, 1, True),
        (600, 41, 1, False),
        (1_200, 0, 7, False),
        (40, 4, 1, True),
        (40, 5, 1, False),
    ],
)
def test_a_measure_by_answers_outlives_a_day_without_them(highest: int, lawful: int, days: int, stays: bool) -> None:
    """Not one that is old, or that answers of the new day speak against.

    Of 40,000 calls 40 may be lawful ones that are labelled, and 4 lawful ones that are blocked: those from 120 on.
    """
    everybody, answers = calls_of(40_000), np.full(40_000, UNKNOWN, np.int8)
    last = measured(found_of(None, None, everybody, np.full(40_000, ROBOCALL, np.int8)))
    answers[40_000 - highest : 40_000 - highest + lawful] = LAWFUL
    found = found_of(None, None, everybody, answers)
    later = msgspec.structs.replace(measured(found), end_ms=last.end_ms + days * 86_400_000)

    assert outlives(last, later, found, Budgets(), STANDING) is stays
    assert not outlives(later, last, found, Budgets(), STANDING)


def test_blocks_by_answers_outlive_a_day_without_them_where_labels_go_by_senders() -> None:
    everybody, senders, budgets = calls_of(400_000), calls_of(20_000, shift=-0.5), Budgets(most_of_all=1_000)
    last = measured(found_of(senders, None, everybody, np.full(400_000, ROBOCALL, np.int8)), budgets=budgets)
    found = found_of(senders, None, everybody)
    later = msgspec.structs.replace(measured(found, budgets=budgets), end_ms=last.end_ms + 86_400_000)
    assert last.label is not None
    assert not last.label.answers
    assert outlives(last, later, found, budgets, STANDING)


def test_a_lower_budget_and_standing_blocks_of_lawful_callers_end_a_measure_by_answers() -> None:
    """Three calls of a lawful caller would be blocked, four may be: but thirty more follow while its block stands."""
    everybody = calls_of(40_000)
    last = measured(found_of(None, None, everybody, np.full(40_000, ROBOCALL, np.int8)))
    answers, its = np.full(40_000, UNKNOWN, np.int8), np.r_[0:30, 39_997:40_000]
    answers[its] = LAWFUL
    alone = found_of(None, None, everybody, answers)
    later = msgspec.structs.replace(measured(alone), end_ms=last.end_ms + 1)
    assert outlives(last, later, alone, Budgets(), STANDING)
    assert not outlives(last, later, alone, Budgets(label_per_million=999), STANDING)
    assert not outlives(last, later, alone, Budgets(block_per_million=99), STANDING)
    callers, at_ms = everybody.callers.copy(), everybody.at_ms.copy()
    callers[its], at_ms[its] = 40_000, np.r_[3_000:33_000:1_000, 0:3_000:1_000]
    callers = np.unique(callers, return_inverse=True)[1]
    together = found_of(None, None, ReferenceCalls(everybody.margins, callers, at_ms), answers)
    assert outlives(last, later, together, Budgets(), STANDING)  # ten blocks would bring one about
    assert not outlives(last, later, together, Budgets(), StandingBlocks(after_blocks=3))
