"""The ladder of what is known: each rung is learnt and judged by the code of the commands."""

import numpy as np
import pytest

from benchmarks.adapting.ladder import COLUMNS, HEADINGS, Judging, cells, climbed, facts_of, merged
from models.adapt import rounds
from tests.models.adapt.spans import made
from tests.models.adapt.test_adapting import FAST, complaints, material_of


def test_a_carrier_climbs_from_no_labels_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """All labels catch more than a base that sees little; what was taken is a model of the row or the base."""
    monkeypatch.setattr(rounds, "PARAMETERS", FAST)
    span, later = made(2, 12_000, sees=0.5), made(3, 12_000, sees=0.5)
    judging = Judging(later.calls, ~later.is_robocall, later.is_robocall)
    material = material_of(span, complaints(span, 0.3))
    said: list[str] = []

    found = climbed(material, span.is_robocall, judging, 1, 5_000, said.append)

    assert found["all"][0] > found["shipped"][0] + 0.2
    assert found["taken"] in [found[name] for name in COLUMNS if name != "taken"]
    assert all(0.0 <= found[name][1] <= found[name][0] <= 1.0 for name in COLUMNS if found[name])
    assert found["gate"]["answers"]["answered"] != [0, 0]
    assert any(one.startswith("with answers") for one in said)
    row = {"author": "fourth", "seed": 1} | facts_of(material, span.is_robocall) | found
    assert len(cells(row)) == len(HEADINGS)
    assert cells(row)[1:3] == ["12,000", f"{span.is_robocall.mean():.1%}"]


def test_a_row_takes_the_place_of_an_older_one_of_its_carrier() -> None:
    rows = [{"author": "third", "seed": 2, "calls": 1}, {"author": "fourth", "seed": 1, "calls": 2}]

    found = merged(rows, {"author": "third", "seed": 2, "calls": 3})

    assert [(one["author"], one["calls"]) for one in found] == [("third", 3), ("fourth", 2)]
    assert np.array_equal([one["seed"] for one in merged(found, {"author": "first", "seed": 9, "calls": 4})], [9, 2, 1])
