"""Two models compared by answers: who is asked about is drawn by lot, and equally good models win by chance only."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from models.adapt.calls import Calls
from models.adapt.comparing import ASKED, BATCH, LOOKS, Comparison, Drawn, answers_in, compared, drawn
from models.adapt.labels import Labels
from models.budgets.bounds import Floats
from tests.models.adapt.spans import calls_of

N = 40_000
SIDE = BATCH // 2


def span() -> Calls:
    """Two calls of each caller; every third caller has a block as well, which is its own."""
    number = np.arange(N) // 2 + 1
    calls = calls_of(number.tolist())
    return replace(calls, block=np.where(number % 3 == 0, number + N, 0))


def scores(seed: int) -> Floats:
    return np.random.default_rng(seed).normal(0.0, 1.0, N)


def draw(seed: int = 7, calls: Calls | None = None) -> list[Drawn]:
    return drawn(calls or span(), np.arange(N) % 10 != 0, scores(1), scores(2), seed)


def no_labels() -> Labels:
    return Labels(np.zeros(N, np.bool_), np.zeros(N), np.zeros(N, np.int64), ("analyst", "subscriber_report"), 0)


def answered(found: list[Drawn], candidate: list[bool], base: list[bool], labels: Labels | None = None) -> Labels:
    """The first callers of either model are answered about, in the order in which they were drawn."""
    labels = labels or no_labels()
    for is_of_candidate, answers in ((True, candidate), (False, base)):
        mine = [one for one in found if one.is_of_candidate is is_of_candidate]
        for one, is_robocall in zip(mine, answers, strict=False):
            labels.is_robocall[one.cluster.labelled], labels.weight[one.cluster.labelled] = is_robocall, 1.0
    return labels


def verdict(candidate: int, base: int, of: int = SIDE) -> Comparison:
    """So many of the answers about either model's alerts are robocalls, the first ones."""
    found = draw()
    mine, others = ([place < count for place in range(of)] for count in (candidate, base))
    return compared(found, answers_in(found, answered(found, mine, others)))[0]


def test_as_many_of_either_model_are_drawn_and_only_calls_on_which_they_differ() -> None:
    """No caller twice, and none of the calls that may not be drawn."""
    found = draw()

    places = np.concatenate([one.cluster.calls for one in found])
    assert len(found) == BATCH * LOOKS
    assert sum(one.is_of_candidate for one in found[:BATCH]) == SIDE
    assert len(np.unique(places)) == len(places)
    assert (places % 10 != 0).all()
    first, second = scores(1), scores(2)
    for one in found:
        mine, other = (second, first) if one.is_of_candidate else (first, second)
        assert (mine[one.cluster.calls] > other[one.cluster.calls]).all()
    assert {one.cluster.kind for one in found} == {"block", "number"}


def test_the_draw_is_the_same_each_time_and_another_one_by_another_seed() -> None:
    def places(seed: int) -> list[list[int]]:
        return [one.cluster.calls.tolist() for one in draw(seed)]

    assert places(7) == places(7)
    assert places(7) != places(8)


def test_who_has_more_alerts_is_drawn_earlier_more_often() -> None:
    """One caller has 1,000 of 4,000 calls of the first turn: in 40 draws it is first about ten times."""
    calls = span()
    first, second = np.zeros(N), np.zeros(N)
    second[:400] = 1.0
    first[400:] = np.linspace(0.5, 0.6, N - 400)
    calls = replace(calls, number=np.where(np.arange(N) < 1000, 1, np.arange(N) + 1), block=np.zeros(N, np.int64))

    ones = [drawn(calls, np.ones(N, np.bool_), first, second, seed) for seed in range(40)]

    leading = [next(one for one in found if one.is_of_candidate).cluster.calls[0] for found in ones]
    assert 4 <= sum(place == 0 for place in leading) <= 20


@pytest.mark.parametrize(
    ("candidate", "base", "is_better", "is_worse"),
    [(10, 5, True, False), (10, 6, False, False), (5, 10, False, True), (5, 5, False, False)],
)
def test_twenty_answers_decide_where_they_are_clear(candidate: int, base: int, is_better: bool, is_worse: bool) -> None:
    """Ten of ten against five has a chance of 0.013 were both alike, against six of 0.031."""
    found = verdict(candidate, base)

    assert (found.is_better, found.is_worse) == (is_better, is_worse)
    assert found.answered == (SIDE, SIDE)
    assert found.robocalls == (base, candidate)
    assert found.missing == (0 if is_better or is_worse else BATCH)


def test_each_volume_has_its_turn() -> None:
    """Drawn by calls alone, most would be of the greatest volume."""
    turns = [one.volume for one in draw() if one.is_of_candidate]

    assert turns == [ASKED[-1 - place % len(ASKED)] for place in range(LOOKS * SIDE)]


@pytest.mark.parametrize("seed", range(3))
def test_the_chance_is_that_of_all_ways_to_deal_the_answers_of_each_volume(seed: int) -> None:
    """Counted out: how many of the ways have as many robocalls on the candidate's side, and half of those as many."""
    random, found = np.random.default_rng(seed), draw()
    mine, others = ((random.random(SIDE) < share).tolist() for share in (0.8, 0.5))
    ways = [0]
    for volume in ASKED:
        turns = [place for place in range(SIDE) if found[2 * place].volume == volume]
        dealt = [mine[place] for place in turns] + [others[place] for place in turns]
        here = [sum(hand) for hand in combinations(dealt, len(turns))]
        ways = [before + more for before in ways for more in here]

    chance = compared(found, answers_in(found, answered(found, mine, others)))[0].chance

    assert chance == pytest.approx(np.mean([(one > sum(mine)) + (one == sum(mine)) / 2 for one in ways]))


def test_nothing_is_decided_before_a_batch_is_whole() -> None:
    found = verdict(9, 0, of=9)

    assert (found.is_better, found.answered, found.missing) == (False, (0, 0), 2)


def test_whoever_was_not_answered_about_is_asked_again_and_later_ones_count() -> None:
    """Complaints are no answers."""
    found = draw()
    skipped = next(one for one in found if one.is_of_candidate)
    rest = [one for one in found if one is not skipped]
    labels = answered(rest, [True] * SIDE, [False] * (SIDE - 1))
    labels.weight[skipped.cluster.labelled], labels.source[skipped.cluster.labelled] = 0.4, 1

    before, ask = compared(found, answers_in(found, labels))
    after, _ = compared(found, answers_in(found, answered(rest, [True] * SIDE, [False] * SIDE)))

    assert before.missing == len(ask) == 1
    assert after.is_better
    assert after.answered == (SIDE, SIDE)


def test_answers_beyond_the_last_look_do_not_count() -> None:
    found = draw()
    even = [place % 2 == 0 for place in range(LOOKS * SIDE)]

    comparison, ask = compared(found, answers_in(found, answered(found, even, even)))

    assert (comparison.is_better, comparison.is_worse, comparison.missing, ask) == (False, False, 0, [])


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_equally_good_models_win_by_chance_only(share: float) -> None:
    """Over three looks in at most one of twenty cases."""
    random, found = np.random.default_rng(3), draw()
    wins = 0
    for _ in range(200):
        mine, others = ((random.random(LOOKS * SIDE) < share).tolist() for _ in range(2))
        wins += compared(found, answers_in(found, answered(found, mine, others)))[0].is_better

    assert wins <= 16


def test_a_model_that_is_much_better_wins_mostly() -> None:
    """Nine of ten of its own alerts are robocalls, and four of ten of the base's."""
    random, found = np.random.default_rng(4), draw()
    wins = 0
    for _ in range(50):
        mine, others = ((random.random(LOOKS * SIDE) < share).tolist() for share in (0.9, 0.4))
        wins += compared(found, answers_in(found, answered(found, mine, others)))[0].is_better

    assert wins >= 40


def test_models_that_do_not_differ_are_nothing_to_ask_about() -> None:
    found = drawn(span(), np.ones(N, np.bool_), scores(1), scores(1), 7)

    assert found == []
    assert compared(found, answers_in(found, no_labels()))[0].missing == 0
