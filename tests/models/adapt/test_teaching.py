"""A lesson: the top is taught as robocalls, a gap is left out, references and labels have their say."""

import numpy as np
import pytest

from models.adapt.calls import Lawful, Mask
from models.adapt.labels import Labels
from models.adapt.teaching import GAP, SPOKEN_SHARE, UNSPOKEN, Lesson, lesson, lesson_of_labels, purity

N = 1_000


def flags(*places: int) -> Mask:
    found = np.zeros(N, np.bool_)
    found[list(places)] = True
    return found


def taught(*, labels: Labels | None = None, lawful: Lawful | None = None, number: np.ndarray | None = None) -> Lesson:
    """Scores fall from call to call; a twentieth is taught, so the first fifty are the top."""
    keys = [np.arange(1, N + 1) if number is None else number]
    nothing = Labels(flags(), np.zeros(N), np.zeros(N, np.int64), (), 0)
    nobody = Lawful(flags(), flags(), flags())
    return lesson(-np.arange(N, dtype=np.float64), keys, labels or nothing, lawful or nobody, 0.05)


def test_the_top_is_robocalls_the_next_are_left_out_and_the_rest_is_lawful() -> None:
    found = taught()

    assert np.flatnonzero(found.is_robocall).tolist() == list(range(50))
    assert np.flatnonzero(~found.is_taught).tolist() == list(range(50, 100))


def test_references_that_are_learnt_from_are_lawful_whatever_their_score() -> None:
    """The others of them may be taught as robocalls: they tell how callers fare whom nobody vouches for."""
    references = flags(0, 1, 60)

    found = taught(lawful=Lawful(references, flags(0, 60), references))

    assert not found.is_robocall[[0, 60]].any()
    assert found.weight[[0, 60]].tolist() == [1.0, 1.0]
    assert found.is_robocall[1]


def test_one_number_is_a_twentieth_of_the_robocalls_and_the_next_come_in_its_place() -> None:
    """Forty of the fifty highest are one number's: two of them are taught, ten of others, and 38 of the next fifty."""
    number = np.arange(1, N + 1)
    number[:40] = 5_000

    found = taught(number=number)

    assert found.is_robocall[:40].sum() == 2
    assert np.flatnonzero(found.is_robocall)[2:].tolist() == list(range(40, 88))
    assert found.is_taught[:100].sum() == 50


def test_labels_count_by_their_weight_and_for_their_own_call() -> None:
    """A robocall at the bottom, a lawful call at the top, one in the gap, and one that the teacher says too."""
    weight = np.zeros(N)
    weight[[900, 3, 70, 4]] = 0.4
    number = np.arange(1, N + 1)
    number[800:900] = number[900]
    labels = Labels(flags(900, 70, 4), weight, np.zeros(N, np.int64), ("subscriber_report",), 0)

    found = taught(labels=labels, number=number)

    assert found.is_robocall[[900, 70, 4]].all()
    assert not found.is_robocall[3]
    assert not found.is_robocall[800:900].any()
    assert found.weight[4] == 1.0
    assert found.weight[3] == 0.4
    assert found.weight[[900, 70]] == pytest.approx(0.05 * 1.2)  # of the robocalls labelled a twentieth each


def of_labels(labels: Labels, references: Mask, number: np.ndarray) -> Lesson:
    """Scores fall from call to call; nobody has an origin or a block."""
    keys = [number, np.zeros(N, np.int64), np.zeros(N, np.int64)]
    return lesson_of_labels(-np.arange(N, dtype=np.float64), keys, labels, Lawful(references, references, references))


def test_of_labels_alone_the_highest_that_nobody_spoke_of_are_left_out() -> None:
    """A labelled robocall and a lawful one of the highest stay; of those far below, one is labelled."""
    weight = np.zeros(N)
    weight[[3, 4, 900]] = [0.4, 1.0, 1.0]
    labels = Labels(flags(3, 900), weight, np.zeros(N, np.int64), ("analyst",), 0)

    found = of_labels(labels, flags(5, 950), np.arange(1, N + 1))

    left_out = set(range(round(GAP * N) + 1)) - {3, 4, 5}
    assert set(np.flatnonzero(~found.is_taught).tolist()) == left_out
    assert np.flatnonzero(found.is_robocall).tolist() == [3, 900]
    assert found.weight[[5, 950]].tolist() == [1.0, 1.0]
    assert found.weight[700] == UNSPOKEN
    unspoken = found.weight[~found.is_robocall].sum() - found.weight[4]
    assert found.weight[[3, 900]].sum() == pytest.approx(SPOKEN_SHARE * unspoken)


def test_a_labelled_caller_counts_by_the_square_root_of_its_calls() -> None:
    """Robocallers of one call and of twenty, thirty of either, and a lawful caller of four calls."""
    number = np.arange(1, N + 1) + 10_000
    number[100:104] = 1
    robocalls = flags(*range(200, 230))
    labels = Labels(robocalls, robocalls.astype(np.float64), np.zeros(N, np.int64), ("analyst",), 0)
    labels.weight[100:104] = 1.0
    for caller in range(30):  # so many that a twentieth of the whole bounds none
        here = slice(300 + 20 * caller, 320 + 20 * caller)
        number[here], labels.is_robocall[here], labels.weight[here] = 2 + caller, True, 1.0

    found = of_labels(labels, flags(), number)

    one = found.weight[200]
    assert found.weight[300:320].sum() == pytest.approx(np.sqrt(20) * one)
    assert found.weight[100:104].sum() == pytest.approx(2 * one)
    assert not found.is_robocall[100:104].any()


def test_robocallers_that_somebody_looked_at_count_as_much_as_all_others() -> None:
    """Forty answers of full weight, and thirty complaints of a third of it."""
    number = np.arange(1, N + 1) + 10_000
    looked, complained = np.arange(200, 240), np.arange(300, 330)
    weight, source = np.zeros(N), np.zeros(N, np.int64)
    weight[looked], weight[complained], source[complained] = 1.0, 0.35, 1
    labels = Labels(weight > 0, weight, source, ("analyst", "subscriber_report"), 0)

    found = of_labels(labels, flags(), number)

    unspoken = found.weight[~found.is_robocall].sum()
    for some in (looked, complained):
        assert found.weight[some].sum() == pytest.approx(SPOKEN_SHARE / 2 * unspoken)


def test_purity_is_what_references_and_labels_say_of_the_top() -> None:
    """One of twenty references is in a top of 10 %: half of it is like them. Labels there: 0.8 right, 0.4 wrong."""
    top = np.arange(N) < 100
    references = np.isin(np.arange(N), [0, *range(500, 519)])
    weight = np.zeros(N)
    weight[[1, 2, 3]] = 0.4
    labels = Labels(flags(1, 2), weight, np.zeros(N, np.int64), ("a",), 0)

    found = purity(top, labels, Lawful(references, flags(), references))

    assert found["by_references"] == pytest.approx(0.5)
    assert found["by_labels"] == pytest.approx(2 / 3)
    assert (found["references_in_top"], found["references"]) == (1, 20)
