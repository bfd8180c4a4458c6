"""The ladder of what is known: each rung is learnt and judged by the code of the commands."""

from typing import Any

import pytest

from benchmarks.adapting.carriers import Wanted
from benchmarks.adapting.ladder import COLUMNS, HEADINGS, Judging, cells, climbed, days_of, facts_of
from benchmarks.adapting.rows import merged
from models.adapt import rounds
from tests.models.adapt.spans import complaints, made, material_of
from tests.models.adapt.test_adapting import FAST


def test_a_carrier_climbs_from_no_labels_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """All labels catch more than a base that sees little; what was taken is a model of the row or the base."""
    monkeypatch.setattr(rounds, "PARAMETERS", FAST)
    span, later = made(2, 12_000, sees=0.5), made(3, 12_000, sees=0.5)
    judging = Judging(later.calls, ~later.is_robocall, later.is_robocall, later.kinds)
    material = material_of(span, complaints(span, 0.3))
    said: list[str] = []

    found = climbed(material, span.is_robocall, judging, 1, 2, 5_000, said.append)

    assert found["all"][0] > found["shipped"][0] + 0.2
    assert found["taken"] in [found[name] for name in COLUMNS if name != "taken"]
    assert all(0.0 <= found[name][1] <= found[name][0] <= 1.0 for name in COLUMNS if found[name])
    assert found["gate"]["answers"]["answered"] != [0, 0]
    assert any(one.startswith("with answers") for one in said)
    kinds = found["kinds"]["all"]
    assert list(kinds) == ["lawful", "robocalls"]
    hit, robocalls = kinds["robocalls"]["flood"]
    assert (hit / robocalls, robocalls) == (found["all"][0], later.is_robocall.sum())
    hit, lawful = kinds["lawful"]["person"]
    assert (hit, lawful) == (int(lawful * 1e-3), (~later.is_robocall).sum())
    row = (
        {"author": "fourth", "seed": 1, "hours": 48.0, "partitions": 12, "judged": {"robocalls": 9, "lawful": 1_000}}
        | facts_of(material, span.is_robocall)
        | found
    )
    assert len(cells(row)) == len(HEADINGS)
    carrier = "fourth 1, 48 h, 12 partitions"
    assert cells(row)[:4] == [carrier, "12,000", f"{span.is_robocall.mean():.1%}", "9 / 1,000"]


def test_a_row_takes_the_place_of_an_older_one_of_its_carrier() -> None:
    def row(author: str, seed: int, hours: float, calls: int) -> dict[str, Any]:
        return {"author": author, "seed": seed, "hours": hours, "partitions": 1, "calls": calls}

    rows = [row("third", 2, 8, 1), row("fourth", 1, 8, 2)]

    found = merged(rows, row("third", 2, 8, 3))

    assert [(one["author"], one["calls"]) for one in found] == [("third", 3), ("fourth", 2)]
    assert [one["seed"] for one in merged(found, row("first", 9, 8, 4))] == [9, 2, 1]
    assert [one["hours"] for one in merged(found, row("third", 2, 72, 5))] == [8, 72, 8]


def test_answers_teach_on_each_day_that_was_begun() -> None:
    spans = (8.0, 24.0, 25.0, 72.0)
    assert [days_of(Wanted("fourth", 1, hours, 5.0, 5.0)) for hours in spans] == [1, 1, 2, 3]
