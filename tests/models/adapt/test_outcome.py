"""What comes of adapting, and what comes of it where answers come later."""

import numpy as np
import pytest

from models.adapt import rounds
from models.adapt.adapting import adapt_model, is_learnt_from
from models.adapt.found import SHOWN_BY
from models.adapt.outcome import is_unseen
from tests.models.adapt.spans import complaints, made, material_of
from tests.models.adapt.test_adapting import FAST


def test_answers_that_come_later_make_the_candidate_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """It decides by its own margins then, and is measured on what it did not learn from."""
    monkeypatch.setattr(rounds, "PARAMETERS", FAST)
    span = made(2, sees=1.5)
    material = material_of(span, complaints(span, 0.3, where=is_learnt_from(span.calls)))
    outcome = adapt_model(material, "gbt-base", 7, lambda *_: None)
    assert outcome.is_base
    assert outcome.chosen is None
    assert outcome.questions
    assert outcome.answered == 0

    later = outcome.of_candidate(material)

    assert later.choice is later.judged is outcome.judged
    assert later.chosen is outcome.students[outcome.judged]
    assert later.scores is outcome.students[outcome.judged].margins
    assert np.array_equal(later.is_measurable, is_unseen(material))
    assert not later.is_measurable[material.is_learning].any()
    assert outcome.is_measurable.all()
    assert later.facts["chosen"] == outcome.judged.value
    assert SHOWN_BY in later.facts
