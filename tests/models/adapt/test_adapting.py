"""Learning on the spot as a whole, on made-up calls: it adapts where that is shown to help, and else keeps the base."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from models.adapt import rounds
from models.adapt.adapting import adapt_model, decided, is_learnt_from
from models.adapt.comparing import LOOKS, Cluster
from models.adapt.gate import CONFIDENCE, LIKELY, Proof
from models.adapt.held_back import HeldBackCalls
from models.adapt.outcome import NAMES, Choice, Outcome
from models.adapt.rounds import Student, Way, learn
from models.errors import TrainingDataInvalid
from models.learn.training import Parameters
from models.traffic.truth import UNKNOWN_KIND, Truth
from tests.models.adapt.spans import (
    HOUR_MS,
    Made,
    calls_of,
    complaints,
    early,
    few,
    looked_at,
    made,
    material_of,
    taught,
)

FAST = Parameters(n_trees=25, min_samples_leaf=20, max_features=1.0, learning_rate=0.2)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PARAMETERS", FAST)


def over_two_days(span: Made) -> Made:
    """The same calls, six times as slowly: labels of all that is learnt from are of more than 36 hours."""
    return replace(span, calls=replace(span.calls, at_ms=span.calls.at_ms * 6))


def adapted(span: Made, said: dict[int, Truth], registered: Iterable[int] = ()) -> Outcome:
    return adapt_model(material_of(span, said, registered), "gbt-base", 7, lambda *_: None)


def caught(span: Made, margins: np.ndarray) -> float:
    """Share of the held-back robocalls among as many calls of the highest margins."""
    held = ~is_learnt_from(span.calls)
    is_robocall, scores = span.is_robocall[held], margins[held]
    highest = np.argsort(-scores)[: is_robocall.sum()]
    return float(is_robocall[highest].mean())


def test_it_learns_what_the_base_does_not_see() -> None:
    """Three tenths of the robocalls reported, half as many wrong reports, and some answers: the gate sees the gain."""
    span = made(2, sees=1.5)

    outcome = adapted(span, taught(span, complaints(span, 0.3, wrong=0.5)))

    assert outcome.chosen is not None, outcome.verdict.reason
    assert caught(span, outcome.scores) > caught(span, span.calls.margins) + 0.2
    assert outcome.verdict.callers >= 30
    assert not outcome.is_measurable[is_learnt_from(span.calls)].any()
    assert outcome.is_measurable.any()


def test_what_many_complaints_taught_is_taken_where_a_gain_is_likely() -> None:
    """Half of them wrong, over two days. Nobody who looked has taught it."""
    span = over_two_days(made(2, sees=1.5))
    material = material_of(span, complaints(span, 0.3, wrong=0.5))
    learnt = learn(material, 7, lambda _: None, Way.LABELS)
    assert isinstance(learnt, Student)
    worse = replace(learnt, margins=-learnt.margins)

    taken, kept = (decided(material, {Choice.LABELLED: one}, "gbt-base", 7) for one in (learnt, worse))

    assert (taken.choice, kept.choice) == (Choice.LABELLED, Choice.BASE)
    assert taken.verdict.confidence == LIKELY
    assert "which shows no gain: add complaints and traps, or an analyst's answers" in kept.verdict.reason


@pytest.mark.parametrize("is_long", [False, True])
def test_what_few_complaints_taught_or_those_of_one_day_is_asked_about(*, is_long: bool) -> None:
    """However sure their gain is."""
    span = over_two_days(made(2, sees=1.5)) if is_long else made(2, sees=1.5)

    outcome = adapted(span, complaints(span, 0.3, where=few(span) if is_long else None))

    assert outcome.is_base
    assert outcome.verdict.gain_interval is not None
    assert outcome.verdict.gain_interval[0] > 0
    assert "or answer 20 questions about callers drawn by lot" in outcome.verdict.reason
    assert len(outcome.questions) == 20


def test_what_many_complaints_taught_is_taken_where_nobody_spoke_of_held_back_calls() -> None:
    span = over_two_days(made(2, sees=1.5))

    outcome = adapted(span, complaints(span, 0.3, where=is_learnt_from(span.calls)))

    assert outcome.choice is Choice.LABELLED, outcome.verdict.reason
    assert outcome.verdict.gain is None
    assert not outcome.questions


@pytest.mark.parametrize(
    ("robocallers", "lawful", "confidence"),
    [(9, 0, CONFIDENCE), (10, 0, LIKELY), (5, 5, LIKELY), (4, 6, CONFIDENCE), (0, 20, CONFIDENCE)],
)
def test_ten_callers_that_somebody_looked_at_are_enough_to_teach(
    robocallers: int, lawful: int, confidence: float
) -> None:
    """Five of them said to be robocallers: then a gain need only be likely."""
    span = made(2, sees=1.5)
    said = complaints(span, 0.3, where=few(span)) | looked_at(span, early(span), robocallers, lawful)

    outcome = adapted(span, said)

    assert outcome.verdict.confidence == confidence


@pytest.mark.parametrize("part", ["held back", "calibrates"])
def test_answers_about_what_no_tree_was_fitted_to_teach_nothing(part: str) -> None:
    span = made(2, sees=1.5)
    learning = is_learnt_from(span.calls)
    where = ~learning if part == "held back" else learning & ~early(span)

    outcome = adapted(span, complaints(span, 0.3, where=few(span)) | looked_at(span, where, 12))

    assert outcome.verdict.confidence == CONFIDENCE


def test_what_answers_taught_need_only_be_likely_to_gain() -> None:
    """Few callers judge, so nothing is sure: the same scores with nothing learnt are not taken."""
    span = made(6, sees=2.1)
    material = material_of(span, taught(span, complaints(span, 0.1, wrong=1.0)))
    learnt = learn(material, 7, lambda _: None, Way.LABELS)
    assert isinstance(learnt, Student)

    outcome = decided(material, {Choice.LABELLED: learnt}, "gbt-base", 7)
    sure = HeldBackCalls(material, 7, None).judged(learnt.margins, NAMES[Choice.GROUPED], Proof.SURE)

    assert outcome.choice is Choice.LABELLED, outcome.verdict.reason
    assert (outcome.verdict.confidence, sure.confidence) == (0.6, 0.95)
    assert "which shows no gain" in sure.reason


@pytest.mark.parametrize(("robocallers", "is_taken"), [(24, False), (25, True)])
def test_what_many_answers_taught_is_taken_where_nobody_spoke_of_held_back_calls(
    robocallers: int, *, is_taken: bool
) -> None:
    """Nothing is shown for it or against it. What fewer taught is asked about."""
    span = made(2, sees=1.5)
    learning = is_learnt_from(span.calls)
    said = complaints(span, 0.3, where=learning & few(span)) | looked_at(span, early(span), robocallers)

    outcome = adapted(span, said)

    assert (outcome.chosen is not None) is is_taken, outcome.verdict.reason
    assert outcome.verdict.gain is None
    assert (len(outcome.verdict.volumes), len(outcome.questions)) == ((4, 0) if is_taken else (0, 20))


def test_what_many_answers_taught_stays_where_labels_of_held_back_calls_speak_against_it() -> None:
    span = made(6, sees=2.1)
    material = material_of(span, complaints(span, 0.3) | looked_at(span, early(span), 25))
    learnt = learn(material, 7, lambda _: None, Way.LABELS)
    assert isinstance(learnt, Student)
    worse = replace(learnt, margins=-learnt.margins)

    kept, taken = (decided(material, {Choice.LABELLED: one}, "gbt-base", 7) for one in (worse, learnt))

    assert (kept.choice, taken.choice) == (Choice.BASE, Choice.LABELLED)
    assert "so it is likely to catch less" in kept.verdict.reason
    assert "questions about callers drawn by lot" not in kept.verdict.reason
    assert not kept.questions  # no answer would let it pass


def test_callers_of_one_origin_judge_as_one_campaign() -> None:
    """All that is held back is of ten origins, two of which blocks join: too few to compare by."""
    span = made(2, sees=1.5)
    ten = np.where(span.is_robocall, 7 + span.calls.origin % 10, span.calls.origin)

    said = complaints(span, 0.3, where=few(span))
    outcome = adapted(replace(span, calls=replace(span.calls, origin=ten)), said)

    assert "are of 5 origins, 15 needed" in outcome.verdict.reason


def test_where_nobody_spoke_of_a_robocall_the_base_stays_and_nothing_is_learnt() -> None:
    span = made(2)

    outcome = adapted(span, {})

    assert not outcome.students
    assert outcome.verdict.reason.startswith("0 labelled callers of robocalls in the held-back part, 30 needed")
    assert outcome.scores is span.calls.margins
    assert outcome.is_measurable.all()
    assert not outcome.questions


def test_without_held_back_labels_the_base_stays_and_what_would_tell_is_asked() -> None:
    """The labels of the first and the last third are many: they cannot judge."""
    span = made(2)
    said = complaints(span, 0.4, where=is_learnt_from(span.calls) & few(span))

    outcome = adapted(span, said)

    assert outcome.is_base
    assert outcome.students.keys() == {Choice.LABELLED}
    assert outcome.verdict.reason.startswith("0 labelled callers of robocalls in the held-back part, 30 needed")
    assert "or answer 20 questions about callers drawn by lot" in outcome.verdict.reason
    assert len(outcome.questions) == 20
    assert not is_learnt_from(span.calls)[np.concatenate([one.calls for one in outcome.questions])].any()


def answers_to(span: Made, questions: list[Cluster]) -> dict[int, Truth]:
    """The truth of most calls of each cluster, by an analyst."""
    found: dict[int, Truth] = {}
    for one in questions:
        is_robocall = bool(span.is_robocall[one.labelled].mean() > 0.5)
        said = Truth(is_robocall, "", UNKNOWN_KIND, "analyst", 1.0)
        found |= {int(key): said for key in span.calls.call[one.labelled].tolist()}
    return found


def test_answers_about_callers_drawn_by_lot_show_a_gain_that_nothing_else_can() -> None:
    """Nobody spoke of held-back calls. The same candidate is compared each time, until it is clear."""
    span = made(2, sees=0.5)
    said = complaints(span, 0.3, where=is_learnt_from(span.calls) & few(span))
    first = outcome = adapted(span, said)
    for _ in range(LOOKS):
        said |= answers_to(span, outcome.questions)
        outcome = adapted(span, said)
        if not outcome.questions:
            break

    assert outcome.choice is first.judged
    assert outcome.verdict.answers is not None
    assert outcome.verdict.answers.is_better
    assert np.array_equal(outcome.scores, first.students[first.judged].margins)
    assert caught(span, outcome.scores) > caught(span, span.calls.margins) + 0.2
    assert outcome.facts["gate"]["answers"]["answered"][0] >= 10
    assert outcome.verdict.callers == 0  # by what was said unasked: these answers judge by the lot alone


def test_a_model_that_answers_show_to_be_worse_is_refused() -> None:
    """It ranks by chance, and the base sees a lot. No more is asked then."""
    span = made(2, sees=2.0)
    said = complaints(span, 0.3, where=is_learnt_from(span.calls))
    learnt = learn(material_of(span, said), 7, lambda _: None)
    assert isinstance(learnt, Student)
    by_chance = np.random.default_rng(6).normal(0.0, 1.0, len(span.calls))
    worse = {Choice.ADAPTED: replace(learnt, margins=by_chance)}
    outcome = decided(material_of(span, said), worse, "gbt-base", 7)

    said |= answers_to(span, outcome.questions)
    outcome = decided(material_of(span, said), worse, "gbt-base", 7)

    assert outcome.is_base
    assert outcome.verdict.answers is not None
    assert outcome.verdict.answers.is_worse
    assert outcome.verdict.reason.startswith("an analyst's answers show that it is worse")
    assert not outcome.questions


def test_a_base_that_sees_everything_is_kept() -> None:
    span = made(2)
    perfect = replace(span.calls, margins=np.where(span.is_robocall, 6.0, -6.0) + span.calls.margins / 10)

    outcome = adapted(replace(span, calls=perfect), complaints(span, 0.3))

    assert outcome.students
    assert outcome.chosen is None
    assert "of the labelled robocalls held back" in outcome.verdict.reason


def test_a_base_with_a_group_weight_is_taken_where_it_gains_more_than_what_was_learnt() -> None:
    """The calls around a call tell all; what was learnt passes, too, and gains less."""
    span = made(2, sees=0.5)
    grouped = np.where(span.is_robocall, 6.0, -6.0) + span.calls.margins / 10
    told = replace(span, calls=replace(span.calls, grouped=grouped))

    outcome = adapted(told, taught(told, complaints(told, 0.3)))

    assert outcome.verdicts[Choice.LABELLED].adapts
    assert not outcome.refused
    assert outcome.choice is Choice.GROUPED
    assert outcome.chosen is None
    assert outcome.scores is told.calls.grouped
    assert outcome.is_measurable.all()
    assert outcome.judged is Choice.GROUPED
    assert outcome.facts["candidates"]["base with a group weight"]["passed"] is True


def test_a_base_that_has_a_group_weight_is_judged_by_what_it_decides_by() -> None:
    """There is no second candidate, and what was learnt must beat the group score."""
    span = made(2, sees=1.5)
    perfect = np.where(span.is_robocall, 6.0, -6.0) + span.calls.margins / 10
    material = replace(material_of(span, complaints(span, 0.3)), is_grouped=True)

    outcome = adapt_model(replace(material, calls=replace(span.calls, grouped=perfect)), "gbt-base", 7, lambda *_: None)

    assert Choice.GROUPED not in outcome.verdicts
    assert outcome.is_base
    assert outcome.scores is not span.calls.margins


def test_a_campaign_of_complaints_against_a_bank_teaches_nothing_about_it() -> None:
    """Three hundred calls of a registered sender are reported: ignored, counted, and its calls are no more suspect."""
    span = made(3, sees=1.5)
    bank = 5_555_555
    random = np.random.default_rng(8)
    is_bank = ~span.is_robocall & (random.random(len(span.calls)) < 0.05)
    poisoned = replace(span, calls=replace(span.calls, number=np.where(is_bank, bank, span.calls.number)))
    said = complaints(poisoned, 0.3)
    against = {int(key): Truth(True, "", UNKNOWN_KIND, "subscriber_report", 0.4) for key in span.calls.call[is_bank]}

    outcome = adapted(poisoned, {**said, **against}, [bank])
    honest = adapted(poisoned, said, [bank])

    assert outcome.facts["complaints_about_lawful_references_ignored"] == len(against)
    assert np.array_equal(outcome.students[Choice.LABELLED].margins, honest.students[Choice.LABELLED].margins)


def test_the_facts_say_on_what_it_rests() -> None:
    span = made(2, sees=1.5)

    facts = adapted(span, complaints(span, 0.3, 0.5)).facts

    assert facts["base"] == "gbt-base"
    assert facts["learnt_from"]["begin_ms"] < facts["held_back"]["begin_ms"]
    assert facts["held_back"]["end_ms"] < facts["learnt_from"]["end_ms"]
    assert facts["learnt_from"]["calls"] + facts["held_back"]["calls"] == len(span.calls)
    assert facts["labels_learnt_from"]["subscriber_report"]["robocalls"] > 20
    assert 0 < facts["labels_contradicted"]["subscriber_report"]["robocalls"] < 100
    assert len(facts["purity_by_round"]) == rounds.ROUNDS[Way.LABELS]
    assert 0.0 <= facts["purity_by_round"][0]["by_references"] <= 1.0
    assert 0.0 < facts["taught_as_robocalls"] <= 0.04
    assert facts["gate"]["callers"] >= 30


def test_a_span_of_one_instant_is_refused() -> None:
    with pytest.raises(TrainingDataInvalid, match="give more hours"):
        is_learnt_from(calls_of([1]))


def test_the_last_hours_judge_where_that_is_said_and_all_before_teaches() -> None:
    calls = calls_of([1] * 5 * 3_600)

    assert np.array_equal(is_learnt_from(calls, 1.5), calls.at_ms < calls.at_ms.max() - 1.5 * HOUR_MS)
    with pytest.raises(TrainingDataInvalid, match="the last 5 hours are all of the calls"):
        is_learnt_from(calls, 5.0)
    with pytest.raises(TrainingDataInvalid, match="the last nan hours"):
        is_learnt_from(calls, float("nan"))
