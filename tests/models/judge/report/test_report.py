"""The report: its figures, as JSON too, and the comparisons in it."""

import json
from pathlib import Path

import numpy as np

from models.judge.report.learnt import learn_first_part
from models.judge.report.report import BATCHES, SCHEMA_VERSION, Judgement, against_best, judge, losses, write
from models.serve.artifact import Model
from tests.models.labelled_calls import dataset


def test_the_json_says_the_same_under_a_version(judgement: Judgement, tmp_path: Path) -> None:
    """What is written is what was judged, readable without this program."""
    write(judgement, tmp_path)

    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))

    assert found == judgement.figures
    assert found["schema_version"] == SCHEMA_VERSION
    assert found["calls"] == len(dataset())


def test_a_model_stands_beside_rules_a_linear_model_and_ablations(judgement: Judgement) -> None:
    """The features of these calls are of numbers by their names, so taking others away changes nothing."""
    found = judgement.figures["compared"]

    assert set(judgement.figures["baselines"]) == {"calls_per_minute", "calls_per_60_minutes", "total_calls"}
    assert found["models"]["numbers only"] == found["models"]["numbers, trunks and attestation"]
    assert 0 < found["judged_calls"] < len(dataset())
    assert found["models"]["logistic regression"]["pr_auc"] > 0.5


def test_calls_that_cannot_be_split_are_judged_all_the_same(model: Model) -> None:
    """One robocall, the first call of all: nothing can be learnt for comparison, and the report says so."""
    data = dataset()
    chosen = np.sort(np.concatenate([np.flatnonzero(data.is_robocall)[:1], np.flatnonzero(~data.is_robocall)]))

    found = judge(model, data.take(chosen), made_ms=0, learnt=learn_first_part).figures

    assert found["robocalls"] == 1
    assert found["compared"]["skipped"].startswith("Not compared: the calibration span lacks")


def test_nothing_is_trained_unless_it_is_asked_for(model: Model) -> None:
    """The report says so."""
    assert "not asked for" in judge(model, dataset(), made_ms=0).figures["compared"]["skipped"]


def test_the_cost_is_told_by_size_of_batch(judgement: Judgement) -> None:
    """A measured time is above zero; how long it may be is no matter of a test."""
    found = judgement.figures["microseconds_per_call"]

    assert [one["calls_in_batch"] for one in found] == list(BATCHES)
    assert all(one["microseconds"] > 0 for one in found)


def test_the_best_baseline_is_chosen_at_each_rate() -> None:
    """At the first rate a catches more, at the second b; the model catches twice and three times as much."""

    def rates(*recalls: float) -> list[dict[str, object]]:
        return [{"rate": rate, "recall": {"share": one}} for rate, one in zip((1e-3, 1e-4), recalls, strict=True)]

    others = {"a": {"at_false_block_rates": rates(0.4, 0.0)}, "b": {"at_false_block_rates": rates(0.3, 0.1)}}

    found = against_best(rates(0.8, 0.3), others)

    assert [(one["best"], round(one["ratio"], 9)) for one in found] == [("a", 2.0), ("b", 3.0)]


def test_nothing_caught_by_a_baseline_gives_no_ratio() -> None:
    """Infinitely many times as many is no figure."""
    rates = [{"rate": 1e-3, "recall": {"share": 0.5}}]
    others = {"a": {"at_false_block_rates": [{"recall": {"share": 0.0}}]}}

    assert against_best(rates, others)[0]["ratio"] is None


def test_it_is_said_where_a_baseline_catches_more() -> None:
    """At 1e-3 beyond the model's interval, at 1e-4 within it; a tie and a rate that nothing is blocked at are none."""

    def rates(*recalls: float) -> list[dict[str, object]]:
        at = zip((1e-2, 1e-3, 1e-4, 1e-5), recalls, strict=True)
        return [{"rate": rate, "recall": {"share": one, "low": one - 0.1, "high": one + 0.1}} for rate, one in at]

    line = {"logistic_regression": {"at_false_block_rates": rates(0.9, 0.8, 0.55, 0.5)}}

    assert losses(rates(0.9, 0.6, 0.5, 0.1), line) == [
        "where 0.001 of the lawful calls are hit, logistic regression catches 0.800 and the model 0.600",
        (
            "where 0.0001 of the lawful calls are hit, logistic regression catches 0.550 and the model 0.500 "
            "(which may be chance)"
        ),
    ]
    assert losses(rates(0.9, 0.8, 0.6, 0.1), line) == []
