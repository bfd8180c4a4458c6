"""What is asked: the highest clusters where the teacher is weak, else those near the border, and none that is known."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.adapt import rounds
from models.adapt.asking import MOST_CALLS, Aim, Asking, ask, ranking, top_of
from models.adapt.calls import Calls, Lawful, Mask
from models.adapt.labels import Labels
from models.adapt.rounds import Material
from tests.models.adapt import spans as hearing
from tests.models.adapt.spans import calls_of, made
from tests.models.adapt.test_adapting import FAST

N = 4_000
SURE, NEAR, FEW = slice(0, 40), slice(100, 180), slice(300, 306)
"""Calls far above the border, forty above it and as many below, and six of the same scores."""
PURE = slice(3_000, 3_012)
"""Calls of twelve callers, as high as the first."""


def span(family: str = "block") -> Calls:
    """Three clusters among calls that each have a key of their own and are far below. The highest 2 % are 80 calls."""
    margins = np.full(N, -8.0)
    keys = np.arange(N, dtype=np.int64) + 10_000
    for key, (where, margin) in enumerate(((SURE, 6.0), (NEAR, 0.0), (FEW, 0.0)), 1):
        margins[where] = margin
        keys[where] = key
    made = calls_of(list(range(1, N + 1)), margins=margins.tolist())
    return replace(made, block=keys) if family == "block" else replace(made, number=keys)


def no_labels() -> Labels:
    return Labels(np.zeros(N, np.bool_), np.zeros(N), np.zeros(N, np.int64), ("analyst",), 0)


def said(where: slice, weight: float) -> Labels:
    """All calls of a cluster are labelled as robocalls."""
    labels = no_labels()
    labels.is_robocall[where], labels.weight[where] = True, weight
    return labels


def material_of(calls: Calls, labels: Labels | None = None, references: Mask | None = None) -> Material:
    """Everything is learnt from, but for the last two hundred calls."""
    nobody = np.zeros(N, np.bool_)
    lawful = Lawful(nobody if references is None else references, nobody, nobody)
    return Material(calls, labels or no_labels(), lawful, np.arange(N) < N - 200, ("one",), 1)


def asked(calls: Calls, labels: Labels | None = None, references: Mask | None = None, most: int = 20) -> Asking:
    """Of a carrier whose top answers have found pure: twelve callers of the highest calls."""
    labels = labels or no_labels()
    labels.is_robocall[PURE], labels.weight[PURE] = True, 1.0
    calls.margins[PURE] = 6.0
    return ask(material_of(calls, labels, references), None, most)


def places(where: slice) -> list[int]:
    return list(range(where.start, where.stop))


@pytest.mark.parametrize("family", ["block", "number"])
def test_clusters_near_the_border_are_asked_about_by_what_an_answer_moves(family: str) -> None:
    """Half of eighty calls, half of six; whose calls are far from the border is not asked about."""
    found = asked(span(family))

    assert [one.cluster.calls.tolist() for one in found.questions] == [places(NEAR), places(FEW)]
    assert {one.cluster.kind for one in found.questions} == {family}
    assert [round(one.moves) for one in found.questions] == [40, 3]
    assert [abs(one.score - found.border) < 0.1 for one in found.questions] == [True, True]
    assert found.share == 0.02
    assert [one.cluster.labelled.tolist() for one in found.questions] == [places(NEAR), places(FEW)]


def test_no_more_is_asked_than_is_wanted() -> None:
    (one,) = asked(span(), most=1).questions

    assert one.cluster.calls.tolist() == places(NEAR)


def test_what_somebody_who_looked_has_said_is_not_asked_again() -> None:
    """A complaint settles nothing."""
    assert [one.cluster.calls.tolist() for one in asked(span(), said(NEAR, 1.0)).questions] == [places(FEW)]
    assert len(asked(span(), said(NEAR, 0.4)).questions) == 2


def test_lawful_references_are_not_asked_about() -> None:
    references = np.zeros(N, np.bool_)
    references[NEAR] = True

    assert [one.cluster.calls.tolist() for one in asked(span(), references=references).questions] == [places(FEW)]


def test_a_call_is_in_one_question() -> None:
    """Of a number and a block with the same calls and some more, the larger one is asked about."""
    calls = span("number")
    block: NDArray[np.int64] = np.zeros(N, np.int64)
    block[NEAR.start : FEW.stop] = 5
    calls.margins[NEAR.start : FEW.stop] = 0.0

    found = asked(replace(calls, block=block)).questions

    assert [one.cluster.kind for one in found] == ["block"]
    assert found[0].cluster.calls.tolist() == list(range(NEAR.start, FEW.stop))


def test_an_origin_is_not_asked_about() -> None:
    """Its calls may be of several callers: one answer about all of them would be wrong of some."""
    calls = replace(span("number"), number=np.zeros(N, np.int64))

    found = ask(material_of(replace(calls, origin=np.full(N, 5))), None, 20)

    assert found.questions == []


def test_of_a_large_cluster_some_calls_are_labelled_evenly_over_its_time() -> None:
    """The first and the last among them; the question is about all of its calls."""
    calls = span()
    calls.block[100:1_300] = 2
    calls.margins[100:1_300] = 0.0

    (one, *_) = asked(calls).questions

    assert len(one.cluster.calls) == 1_200
    assert len(one.cluster.labelled) == len(set(one.cluster.labelled.tolist())) == MOST_CALLS
    assert (one.cluster.labelled[0], one.cluster.labelled[-1]) == (100, 1_299)
    assert set(np.diff(one.cluster.labelled).tolist()) <= {3, 4, 5}
    assert one.moves <= MOST_CALLS / 2


def test_where_nobody_has_answered_the_highest_are_asked_about() -> None:
    """The cluster that the teacher is surest of as well: whether it is right is what is not known."""
    found = ask(material_of(span()), None, 20)

    assert found.aim is Aim.HIGHEST
    assert [one.cluster.calls.tolist() for one in found.questions] == [places(NEAR), places(SURE), places(FEW)]
    assert [round(one.moves) for one in found.questions] == [80, 40, 6]


def test_what_was_learnt_from_answers_ranks_the_clusters() -> None:
    """Twelve callers of the top were answered about, most of them lawful: the base's ranking does not count."""
    labels = said(PURE, 1.0)
    labels.is_robocall[PURE.start + 2 : PURE.stop] = False
    calls = span()
    calls.margins[PURE] = 6.0
    learnt = np.linspace(-9.0, -30.0, N)[::-1].copy()
    learnt[FEW] = 9.0

    found = ask(material_of(calls, labels), learnt, 1)

    assert found.aim is Aim.HIGHEST
    assert found.questions[0].cluster.calls.tolist() == places(FEW)


def test_a_top_is_pure_by_answers_about_calls_learnt_from() -> None:
    calls = span()
    calls.margins[PURE] = 6.0
    material = material_of(calls, said(PURE, 1.0))
    complained = replace(material, labels=replace(material.labels, sources=("subscriber_report",)))
    held = replace(material, is_learning=np.arange(N) < PURE.start)

    assert [top_of(one).is_pure for one in (material, complained, held)] == [True, False, False]


@pytest.mark.parametrize("family", ["block", "number"])
def test_what_was_asked_about_before_is_not_asked_again_though_nobody_answered(family: str) -> None:
    """A cluster of which at least half was asked about; of another one the other calls are."""
    was_asked = np.zeros(N, np.bool_)
    was_asked[NEAR.start : NEAR.start + 40] = was_asked[SURE.start : SURE.start + 10] = True

    found = ask(material_of(span(family)), None, 2, was_asked)

    assert [one.cluster.calls.tolist() for one in found.questions] == [places(SURE), places(FEW)]
    assert [one.cluster.labelled.tolist() for one in found.questions] == [places(SURE)[10:], places(FEW)]


def test_calls_that_are_held_back_are_not_asked_about() -> None:
    """Nor labelled: an answer about them could teach nothing."""
    material = replace(material_of(span()), is_learning=np.arange(N) >= NEAR.start + 20)

    found = ask(material, None, 20)

    assert [one.cluster.calls.tolist() for one in found.questions][:2] == [places(NEAR)[20:], places(FEW)]


def test_the_highest_are_those_of_the_calls_that_nobody_judged() -> None:
    """Where answers fill the top, the next ones are asked about."""
    labels = said(slice(0, 200), 1.0)
    labels.is_robocall[0:100] = False
    calls = span()
    calls.margins[0:200], calls.margins[FEW] = 6.0, -2.0

    found = ask(material_of(calls, labels), None, 1)

    assert found.aim is Aim.HIGHEST
    assert found.questions[0].cluster.calls.tolist() == places(FEW)


def test_a_model_ranks_what_is_asked_once_somebody_looked_at_a_robocaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PARAMETERS", FAST)
    calls = made(5)
    heard = hearing.complaints(calls, 0.3)
    told: list[int] = []

    assert ranking(hearing.material_of(calls, heard), 7, told.append) is None
    assert not told
    found = ranking(
        hearing.material_of(calls, heard | hearing.looked_at(calls, hearing.early(calls), 5)), 7, told.append
    )
    assert found is not None
    assert found[calls.is_robocall].mean() > found[~calls.is_robocall].mean() + 1
    assert told == [1, 2]
