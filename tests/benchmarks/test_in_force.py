"""What is in force by answers: more with more of them, and within the budget."""

from dataclasses import replace

import numpy as np

from benchmarks.adapting.in_force import DAYS, HEADINGS, Later, cells, in_force
from benchmarks.adapting.ladder import Judging
from tests.models.adapt.spans import made


def test_answers_let_more_be_caught_and_no_more_lawful_calls_hit_than_may_be() -> None:
    """A model that tells all but a few; counted on another span.."""
    span, later = made(2, 30_000, sees=3.0), made(3, 30_000, sees=3.0)
    judging = Judging(later.calls, ~later.is_robocall, later.is_robocall, later.kinds)
    measured = np.ones(30_000, np.bool_)

    once = Later(later.calls.margins, np.ones(30_000))
    steps = in_force(span.calls, measured, span.calls.margins, span.is_robocall, judging, once, 1)

    assert len(steps) == len(DAYS)
    assert [one["answered"] for one in steps[:3]] == [0, 40, 80]
    first, last = steps[0], steps[-1]
    assert 0 < first["caught"] < 0.05
    assert last["caught"] > 3 * first["caught"]
    assert last["found"] <= 1_000
    assert last["hit"] <= 2_000
    carrier = {"author": "fourth", "seed": 1, "hours": 48.0, "partitions": 12}
    row = carrier | {"took": "base", "taken": [0.5, 0.2], "in_force": steps}
    assert len(cells(row)) == len(HEADINGS)
    assert cells(row)[:3] == ["fourth 1, 48 h, 12 partitions", "base", "0.500"]

    busy = Later(once.scores, np.where(later.is_robocall, 1e6, 1.0))
    none = in_force(span.calls, measured, span.calls.margins, span.is_robocall, judging, busy, 1)
    assert [one["hit"] for one in none] == [one["hit"] for one in steps]
    assert {one["caught"] for one in none} == {0.0}


def test_calls_without_a_number_are_never_hit() -> None:
    span, later = made(2, 12_000, sees=3.0), made(3, 12_000, sees=3.0)
    hidden = replace(later.calls, is_number=np.zeros(12_000, np.bool_))
    judging, measured = Judging(hidden, ~later.is_robocall, later.is_robocall, later.kinds), np.ones(12_000, np.bool_)

    once = Later(hidden.margins, np.ones(12_000))
    steps = in_force(span.calls, measured, span.calls.margins, span.is_robocall, judging, once, 1)

    assert {one["caught"] for one in steps} == {0.0}
