"""The learning curve of an adapted model: fewer labels teach, and the same calls judge."""

import numpy as np
import pytest

from models.adapt import rounds
from models.adapt.adapting import Choice, adapt
from models.adapt.learning_curve import learning_curve
from models.adapt.rounds import Material
from tests.models.adapt.spans import made
from tests.models.adapt.test_adapting import FAST, complaints, material_of


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PARAMETERS", FAST)


def test_its_last_point_is_the_model_that_was_chosen() -> None:
    """Judged on held-back robocalls that nobody learnt from, and on lawful references; fewer callers taught before."""
    span = made(2, sees=1.5)
    material = material_of(span, complaints(span, 0.3, wrong=0.5))
    outcome = adapt(material, "gbt-base", 7, lambda *_: None)
    said: list[int] = []

    curve = learning_curve(material, outcome, 7, lambda _, done, of: said.append(of - done))

    assert curve is not None
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
    outcome = adapt(material, "gbt-base", 7, lambda *_: None)

    assert outcome.choice is not Choice.ADAPTED
    assert learning_curve(material, outcome, 7, lambda *_: None) is None
