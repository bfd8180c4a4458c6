"""The gate by simulated scores: it lets a better model through, keeps the base where nothing is shown, and refuses."""

from dataclasses import replace

import numpy as np
import pytest

from models.adapt.comparing import Comparison
from models.adapt.gate import (
    CONFIDENCE,
    FEWEST_CALLERS,
    FEWEST_CAMPAIGNS,
    FEWEST_REFERENCES,
    LIKELY,
    HeldBack,
    Proof,
    Verdict,
    Volume,
    few_labels,
    few_references,
    judge,
)

N, LAWFUL = 20_000, 3_000
ADAPTED = "the adapted model"


def held(*, adapted_sees: float, lawful_rise: float = 0.0, callers: int = 150, seed: int = 1) -> HeldBack:
    """Three calls each of labelled callers, a third of the labels wrong; the base sees robocalls by two."""
    random = np.random.default_rng(seed)
    is_robocall = np.arange(N) < 1_000
    base = random.normal(0.0, 1.0, N) + 2.0 * is_robocall
    adapted = random.normal(0.0, 1.0, N) + adapted_sees * is_robocall
    is_lawful = np.arange(N) >= N - LAWFUL
    adapted[is_lawful] += lawful_rise
    right, wrong = 2 * callers, callers
    labelled = np.sort(
        np.concatenate(
            [
                random.choice(1_000, right, replace=False),
                random.choice(np.arange(1_000, N - LAWFUL), wrong, replace=False),
            ]
        )
    )
    weight = np.zeros(N)
    weight[labelled] = 0.4
    caller = np.arange(3 * callers) // 3
    return HeldBack(base, adapted, weight, caller, caller, is_lawful, np.arange(N) // 2 + 1)


def test_a_better_model_takes_the_place_of_the_base() -> None:
    """Despite of a third of wrong labels."""
    verdict = judge(held(adapted_sees=3.0), ADAPTED, 1)

    assert verdict.adapts
    assert verdict.gain_interval is not None
    assert verdict.gain_interval[0] > 0
    assert verdict.callers == 150
    assert verdict.references == LAWFUL // 2
    assert all(one.caught is not None and one.caught[1] > one.caught[0] for one in verdict.volumes[1:])


@pytest.mark.parametrize("sees", [2.0, 1.5, 0.0])
def test_a_model_that_is_no_better_leaves_the_base(sees: float) -> None:
    verdict = judge(held(adapted_sees=sees), ADAPTED, 1)

    assert not verdict.adapts
    assert verdict.reason.startswith("at equal alerts the adapted model catches ")
    assert "which shows no gain" in verdict.reason
    assert "\n" not in verdict.reason


def test_equal_models_pass_by_chance_only() -> None:
    """Of forty pairs that are equally good one may pass: the interval is of 95 %, and one side of it counts."""
    passed = sum(judge(held(adapted_sees=2.0, callers=40, seed=seed), ADAPTED, seed).adapts for seed in range(40))

    assert passed <= 3


def test_a_model_that_hits_more_lawful_references_is_refused() -> None:
    """It catches as much, and at the cost of those who are known as lawful."""
    verdict = judge(held(adapted_sees=5.0, lawful_rise=3.7), ADAPTED, 1, Proof.PRESUMED)

    assert not verdict.adapts
    assert "hits 0.40% of the calls of lawful references where 0.5% of calls raise an alert" in verdict.reason


@pytest.mark.parametrize("is_one_caller", [True, False])
def test_neither_one_caller_nor_one_campaign_decides(*, is_one_caller: bool) -> None:
    """Three hundred labels of one, which only the adapted model finds, against forty others."""
    random = np.random.default_rng(5)
    base, adapted = random.normal(0.0, 1.0, (2, N))
    adapted[:300] += 9.0
    base[300:340] += 9.0
    weight = np.zeros(N)
    weight[:340] = 0.4
    campaign = np.concatenate([np.zeros(300, np.int64), np.arange(1, 41)])
    caller = campaign if is_one_caller else np.arange(340)
    is_lawful, number = np.arange(N) >= N - LAWFUL, np.arange(N) + 1

    verdict = judge(HeldBack(base, adapted, weight, caller, campaign, is_lawful, number), ADAPTED, 1, Proof.LIKELY)

    assert not verdict.adapts
    assert verdict.gain is not None
    assert verdict.gain < 0


def test_callers_of_one_campaign_rise_and_fall_together() -> None:
    """Of forty campaigns of five callers the adapted model finds 24 and the base 16: by callers that were sure."""
    random = np.random.default_rng(5)
    base, adapted = random.normal(0.0, 1.0, (2, N))
    caller = np.arange(200)
    campaign = caller // 5
    adapted[:200][campaign < 24] += 9.0
    base[:200][campaign >= 24] += 9.0
    weight = np.zeros(N)
    weight[:200] = 0.4
    is_lawful, number = np.arange(N) >= N - LAWFUL, np.arange(N) + 1

    alone, together = (
        judge(HeldBack(base, adapted, weight, caller, unit, is_lawful, number), ADAPTED, 1)
        for unit in (caller, campaign)
    )

    assert alone.callers == together.callers == 200
    assert alone.gain == pytest.approx(together.gain)
    assert (alone.adapts, together.adapts) == (True, False)


def test_the_same_gives_the_same() -> None:
    assert judge(held(adapted_sees=2.5), ADAPTED, 3) == judge(held(adapted_sees=2.5), ADAPTED, 3)


def test_too_few_of_either_kind_is_said_with_what_would_help() -> None:
    assert few_labels(FEWEST_CALLERS, FEWEST_CAMPAIGNS) == few_references(FEWEST_REFERENCES) == ""
    assert few_labels(29, 29).startswith(
        "29 labelled callers of robocalls in the held-back part, 30 needed: add feedback"
    )
    assert "are of 14 origins, 15 needed" in few_labels(30, 14)
    assert "99 lawful callers" in few_references(99)


def answers(*, better: bool = False, worse: bool = False, missing: int = 0) -> Comparison:
    return Comparison((10, 10), (4, 9), 0.01, better, worse, missing)


def unclear(*, gain: float = 0.01, hit_more: float = -0.01) -> Verdict:
    """A gain that what was said unasked does not show, and references hit more or not."""
    volume = Volume(0.01, (0.2, 0.3), (0.001, 0.002), (hit_more, 0.02))
    return Verdict("which shows no gain", 40, 200, gain, (-0.2, 0.1), (volume,))


def test_a_likely_gain_is_enough_where_it_is_asked_for() -> None:
    """The same interval, narrower: a gain is likely long before it is sure."""
    slight = held(adapted_sees=2.5)
    sure, likely = judge(slight, ADAPTED, 1), judge(slight, ADAPTED, 1, Proof.LIKELY)

    assert sure.gain == likely.gain
    assert sure.gain_interval is not None
    assert likely.gain_interval is not None
    assert sure.gain_interval[0] < 0 < likely.gain_interval[0]
    assert (sure.adapts, likely.adapts) == (False, True)
    assert (sure.confidence, likely.confidence) == (CONFIDENCE, LIKELY)
    assert "95% sure of" in sure.reason


@pytest.mark.parametrize(("sees", "is_taken"), [(3.0, True), (2.0, True), (1.0, False)])
def test_what_is_presumed_to_be_better_is_taken_unless_it_is_likely_to_catch_less(
    sees: float, *, is_taken: bool
) -> None:
    """The second is as good as the base, and nothing shows a gain."""
    scores = held(adapted_sees=sees)
    likely, presumed = (judge(scores, ADAPTED, 1, proof) for proof in (Proof.LIKELY, Proof.PRESUMED))

    assert presumed.adapts is is_taken, presumed.reason
    assert likely.adapts is (sees > 2.0)
    assert (likely.gain, likely.gain_interval) == (presumed.gain, presumed.gain_interval)
    assert is_taken or "so it is likely to catch less" in presumed.reason


def test_the_base_itself_is_no_worse_than_the_base() -> None:
    same = held(adapted_sees=2.0)

    assert judge(replace(same, candidate=same.base), ADAPTED, 1, Proof.PRESUMED).adapts


@pytest.mark.parametrize(("lawful_rise", "is_taken"), [(0.0, True), (2.5, False)])
def test_where_labels_are_too_few_what_is_presumed_still_must_not_hit_more_lawful_references(
    lawful_rise: float, *, is_taken: bool
) -> None:
    scores = held(adapted_sees=2.0, lawful_rise=lawful_rise)

    verdict = judge(replace(scores, weight=np.zeros(N)), ADAPTED, 1, Proof.PRESUMED)

    assert verdict.adapts is is_taken, verdict.reason
    assert (verdict.gain, verdict.gain_interval, verdict.confidence) == (None, None, None)
    assert [one.caught for one in verdict.volumes] == [None] * 4
    assert verdict.callers == 150


@pytest.mark.parametrize(
    ("callers", "robocallers", "accused", "hours", "proof"),
    [
        (9, 9, 39, 48.0, Proof.BY_LOT),
        (40, 4, 39, 48.0, Proof.BY_LOT),
        (10, 5, 39, 48.0, Proof.LIKELY),
        (24, 24, 39, 48.0, Proof.LIKELY),
        (24, 24, 40, 36.0, Proof.UNOPPOSED),
        (0, 0, 40, 36.0, Proof.UNOPPOSED),
        (0, 0, 40, 35.9, Proof.BY_LOT),
        (10, 5, 40, 35.9, Proof.LIKELY),
        (25, 5, 5, 8.0, Proof.PRESUMED),
        (25, 5, 40, 48.0, Proof.PRESUMED),
    ],
)
def test_the_more_was_said_the_less_must_be_shown(
    callers: int, robocallers: int, accused: int, hours: float, proof: Proof
) -> None:
    assert Proof.of_taught(callers, robocallers, accused, hours) is proof


def test_a_gain_of_complaints_of_one_day_shows_nothing() -> None:
    """Answers about callers drawn by lot do."""
    found = judge(held(adapted_sees=4.0), ADAPTED, 1, Proof.BY_LOT)

    assert found.gain is not None
    assert found.gain > 0
    assert "give two days, or answer what `robocall ask` asks" in found.reason
    assert found.with_answers(ADAPTED, answers(better=True)).adapts


def test_answers_show_a_gain_that_complaints_do_not() -> None:
    found = unclear().with_answers(ADAPTED, answers(better=True))

    assert found.adapts
    assert found.as_json()["answers"]["robocalls"] == (4, 9)


def test_answers_do_not_outweigh_complaints_that_say_the_contrary() -> None:
    """Where what was said unasked suffices to compare, it must say that the candidate catches more, too."""
    found = unclear(gain=-0.001).with_answers(ADAPTED, answers(better=True))

    assert found.reason.startswith("an analyst's answers alone show a gain (robocalls where the adapted model alone")
    assert found.reason.endswith("9 of 10, where the base model alone does: 4 of 10), but which shows no gain")


@pytest.mark.parametrize(
    ("hit", "is_taken"), [((0.0009, 0.004), False), ((0.004, 0.0009), False), ((0.0011, 0.004), True)]
)
def test_references_are_compared_where_a_budget_may_let_calls_be_hit(
    hit: tuple[float, float], *, is_taken: bool
) -> None:
    volume = Volume(0.05, (0.2, 0.3), hit, (0.0001, 0.004))
    verdict = Verdict("which shows no gain", 40, 200, 0.01, (-0.2, 0.1), (volume,))

    assert verdict.with_answers(ADAPTED, answers(better=True)).adapts is is_taken


def test_answers_do_not_excuse_references_that_are_hit_more() -> None:
    found = unclear(hit_more=0.001).with_answers(ADAPTED, answers(better=True))

    assert "of the calls of lawful references" in found.reason


def test_a_model_that_answers_show_to_be_worse_is_refused_whatever_complaints_say() -> None:
    found = judge(held(adapted_sees=4.0), ADAPTED, 1).with_answers(ADAPTED, answers(worse=True))

    assert found.reason.startswith("an analyst's answers show that it is worse (robocalls where the adapted model ")
    assert "raises an alert: 9 of 10, where the base model alone does: 4 of 10" in found.reason


@pytest.mark.parametrize(("gain", "hit_more", "is_final"), [(0.01, 0.0, False), (0.0, 0.0, True), (0.01, 0.001, True)])
def test_no_answers_are_asked_for_that_could_not_let_it_pass(gain: float, hit_more: float, *, is_final: bool) -> None:
    """It promised that answers may help, and whatever they said the base stayed."""
    verdict = unclear(gain=gain, hit_more=hit_more)

    asked = verdict.with_answers(ADAPTED, answers(missing=20))
    answered = verdict.with_answers(ADAPTED, answers(better=True))

    assert verdict.is_final is is_final
    assert ("or answer 20 questions" in asked.reason) is not is_final
    assert answered.adapts is not is_final


def test_what_passes_is_not_final() -> None:
    assert not replace(unclear(gain=-0.001), reason="").is_final


def test_where_answers_are_missing_the_reason_says_how_many() -> None:
    found = unclear().with_answers(ADAPTED, answers(missing=20))

    assert found.reason.startswith("which shows no gain; or answer 20 questions about callers drawn by lot, so far ")
