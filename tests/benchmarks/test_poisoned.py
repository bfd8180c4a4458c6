"""Complaints about one lawful caller: who it is, what is said, and what a row shows."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.adapting.carriers import Wanted
from benchmarks.adapting.ladder import Counted, Judging
from benchmarks.adapting.poisoned import COMPLAINT, HEADINGS, cells, complained, hit, learnt, targets_of
from models.adapt import rounds
from tests.models.adapt.spans import Made, complaints, made, material_of
from tests.models.adapt.test_adapting import FAST

BANK = 5_555_555


def with_bank(span: Made, seed: int) -> Made:
    """One lawful call of twenty is of one number."""
    is_bank = ~span.is_robocall & (np.random.default_rng(seed).random(len(span.calls)) < 0.05)
    return replace(span, calls=replace(span.calls, number=np.where(is_bank, BANK, span.calls.number)))


def test_the_busiest_lawful_number_is_complained_about_and_the_row_says_what_came_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rounds, "PARAMETERS", FAST)
    span, later = with_bank(made(2, 12_000, sees=0.5), 1), with_bank(made(3, 12_000, sees=0.5), 2)
    material = material_of(span, complaints(span, 0.3))
    judging = Judging(later.calls, ~later.is_robocall, later.is_robocall, later.kinds)
    found = Counted(material, span.is_robocall, judging)
    wanted = Wanted("fourth", 1, 8.0, 5.0, 1.0)
    against = material.calls.number == BANK

    labels = complained(material.labels, against)

    assert targets_of(found, 1).tolist() == [BANK]
    assert labels.is_positive[against].all()
    assert (labels.weight[against] == COMPLAINT).all()
    assert np.array_equal(labels.weight[~against], material.labels.weight[~against])
    assert not labels.is_looked_at[against].any()
    honest, poisoned = (
        learnt(found, one, wanted, 5_000, np.array([BANK]), lambda *_: None) for one in (material.labels, labels)
    )
    assert honest["caught"] != poisoned["caught"]
    assert poisoned["targets"][0] < 0.05
    shipped = hit(found, later.calls.margins, np.array([BANK]))
    row = {"author": "fourth", "seed": 1, "targets": 1, "complaints": 600, "labels": 400}
    row |= {"shipped": shipped, "honest": honest, "poisoned": poisoned}
    assert len(cells(row)) == len(HEADINGS)
    assert cells(row)[:3] == ["fourth 1", "1", "600 of 1,000"]
