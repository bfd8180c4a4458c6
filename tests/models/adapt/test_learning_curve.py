"""The learning curve of an adapted model: fewer labels teach, and the same calls judge."""

from dataclasses import replace

import numpy as np
import pytest

from models.adapt import rounds
from models.adapt.adapting import adapt_model, is_learnt_from
from models.adapt.comparing import LOOKS
from models.adapt.learning_curve import learning_curve
from models.adapt.outcome import Choice, Outcome
from models.adapt.rounds import Material
from models.serve.learning_curve import LearningCurve
from models.traffic.truth import Truth
from tests.models.adapt.spans import Made, complaints, made, material_of, taught
from tests.models.adapt.test_adapting import FAST, answers_to


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PARAMETERS", FAST)


def test_its_last_point_is_the_model_that_was_chosen() -> None:
    """Judged on held-back robocalls that nobody learnt from, and on lawful references; fewer callers taught before."""
    span = made(2, 40_000, sees=1.5)
    material = material_of(span, taught(span, complaints(span, 0.6, wrong=0.5)))
    outcome = adapt_model(material, "gbt-base", 7, lambda *_: None)
    said: list[int] = []

    curve = learning_curve(material, outcome, 7, lambda _, done, of: said.append(of - done))

    assert isinstance(curve, LearningCurve)
    assert outcome.chosen is not None
    assert said == [3, 2, 1]
    is_held = ~material.is_learning
    assert 0 < curve.lawful < is_held.sum()
    assert [one.share for one in curve.points] == [0.25, 0.5, 0.75, 1.0]
    robocalls = [one.robocalls for one in curve.points]
    assert robocalls == sorted(robocalls)
    assert robocalls[-1] == int((material.labels.is_positive & material.is_learning).sum())
    assert curve.points[0].groups < curve.points[-1].groups
    assert curve.points[-1].caught[0].share == pytest.approx(caught(material, outcome.scores), abs=0.1)


def caught(material: Material, scores: np.ndarray) -> float:
    """Of all held-back calls that somebody spoke of, at the rate of all references: near what the curve says."""
    held = ~material.is_learning
    positive, lawful = held & material.labels.is_positive, held & material.lawful.is_judging
    highest = np.sort(scores[lawful])[::-1]
    return float((scores[positive] > highest[int(1e-3 * len(highest))]).mean())


def test_where_the_base_stays_there_is_none() -> None:
    """Nothing that was learnt is to run."""
    span = made(2)
    material = material_of(span, {})
    outcome = adapt_model(material, "gbt-base", 7, lambda *_: None)

    assert outcome.choice is not Choice.ADAPTED
    assert learning_curve(material, outcome, 7, lambda *_: None) == "nothing that was learnt is to run"


def test_without_lawful_references_there_is_none_that_could_be_judged() -> None:
    """Answers about callers drawn by lot chose the model, and nobody is known to be lawful."""
    span = made(2, sees=0.5)
    strangers = Made(replace(span.calls, talks=span.calls.talks[:0]), span.is_robocall)

    material, outcome = answered(strangers, complaints(strangers, 0.3))

    found = learning_curve(material, outcome, 7, lambda *_: None)
    assert isinstance(found, str)
    assert found.startswith("0 lawful callers in the held-back part that were not learnt from, 100 needed")


def test_what_was_asked_about_where_the_model_raises_alerts_judges_no_curve() -> None:
    """Nobody else spoke of held-back calls: the whole would win by how they were drawn."""
    span = made(2, sees=0.5)

    material, outcome = answered(span, complaints(span, 0.3, where=is_learnt_from(span.calls)))

    found = learning_curve(material, outcome, 7, lambda *_: None)
    assert isinstance(found, str)
    assert found.startswith("0 labelled callers of robocalls in the held-back part, 30 needed")


def answered(span: Made, said: dict[int, Truth]) -> tuple[Material, Outcome]:
    """What comes of it once an analyst has answered all that is asked: a model that was learnt."""
    for _ in range(LOOKS + 1):
        material = material_of(span, said)
        outcome = adapt_model(material, "gbt-base", 7, lambda *_: None)
        if not outcome.questions:
            break
        said |= answers_to(span, outcome.questions)
    assert outcome.chosen is not None
    return material, outcome
