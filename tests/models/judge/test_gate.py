"""The gate says of every measure what was found, what is allowed, and whether that is enough."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.policy.budgets import Cut, Measured
from detector.policy.settings import Thresholds
from models.data.dataset import Dataset
from models.errors import TolerancesInvalid
from models.judge.gate import Line, Tolerances, compare, passes, read_tolerances
from models.serve.artifact import Model
from models.serve.scorer import UNCALIBRATED, TreeScorer
from tests.models.serve.stumps import stump

LAWFUL, ROBOCALLS = 2_000, 1_000
THRESHOLDS = Thresholds(label_at=0.6, label_clear=0.5, block_at=0.9, block_clear=0.6)


def calls(truth_column: NDArray[np.bool_] | None = None) -> Dataset:
    """2,000 lawful calls of two classes and 1,000 robocalls of two kinds; feature 0 tells them apart."""
    is_robocall = np.arange(LAWFUL + ROBOCALLS) >= LAWFUL
    told = is_robocall if truth_column is None else truth_column
    kind = np.where(is_robocall, 2 + (np.arange(LAWFUL + ROBOCALLS) % 2), np.arange(LAWFUL + ROBOCALLS) % 2)
    kind[:10] = 4
    count = np.arange(LAWFUL + ROBOCALLS, dtype=np.int64)
    return Dataset(
        feature_names=("told", "noise"),
        rows=np.column_stack([told, np.zeros(len(told))]).astype(np.float32),
        setup_time_ms=count,
        number=count,
        is_robocall=is_robocall,
        campaign=np.where(is_robocall, 0, -1).astype(np.int64),
        position=np.where(is_robocall, count - LAWFUL + 1, 0),
        kind=kind.astype(np.int64),
        kinds=("person", "reminder", "flood", "snowshoe", "rare"),
        weight=np.ones(len(count)),
        source=np.zeros_like(count),
        sources=("",),
    )


def model(yes: float, no: float) -> Model:
    """Answers with one log-odds where feature 0 is set, and another where it is not."""
    return Model(TreeScorer(stump(feature=0, low=no, high=yes, n_features=2), UNCALIBRATED), {"version": "gbt-test"})


def by_measure(lines: list[Line]) -> dict[str, Line]:
    return {line.measure: line for line in lines}


def test_a_model_passes_against_itself() -> None:
    """Every line; a class of ten calls is shown and not judged."""
    lines = compare(calls(), model(4, -4), model(4, -4), THRESHOLDS, Tolerances())

    assert passes(lines)
    assert by_measure(lines)["lawful blocked, rare"].passed is None
    assert by_measure(lines)["recall at 0.001"].candidate == 1.0
    assert by_measure(lines)["recall at 0.001, flood"].calls == ROBOCALLS // 2


def test_a_model_that_tells_nothing_is_refused() -> None:
    """It loses all recall, whole and in each kind; the running model's figure less the tolerance is the limit."""
    lines = by_measure(compare(calls(), model(4, -4), model(0, 0), THRESHOLDS, Tolerances()))

    assert not passes(list(lines.values()))
    recall = lines["recall at 0.001"]
    assert (recall.running, recall.candidate, recall.allowed, recall.passed) == (1.0, 0.0, 0.99, False)
    assert lines["recall at 0.001, snowshoe"].passed is False


def test_a_lawful_class_that_is_blocked_more_fails_its_own_line() -> None:
    """Three of 995 reminders are hit by the candidate alone: 0.003 where 0.001, one call of them, is allowed."""
    data = calls()
    reminders = np.flatnonzero((data.kind == 1) & ~data.is_robocall)[:3]
    data.rows[reminders, 1] = 1.0
    worse = Model(
        TreeScorer(stump(feature=1, low=-4.0, high=4.0, n_features=2), UNCALIBRATED), {"version": "gbt-worse"}
    )

    lines = by_measure(compare(data, model(4, -4), worse, THRESHOLDS, Tolerances()))

    line = lines["lawful blocked, reminder"]
    assert (line.running, line.candidate, line.passed) == (0.0, 3 / line.calls, False)
    assert line.allowed == 1 / line.calls
    assert lines["lawful blocked, person"].passed is True


def test_a_tolerance_decides() -> None:
    """The same loss passes where the table allows it."""
    lenient = Tolerances(
        recall_at_1e_3=1.0,
        recall_at_1e_4=1.0,
        recall_per_kind=1.0,
        recall_share=1.0,
        expected_calibration_error=1.0,
    )

    assert passes(compare(calls(), model(4, -4), model(0, 0), THRESHOLDS, lenient))


def test_small_steps_down_do_not_add_up() -> None:
    """Running hits 5 of 995 reminders: 1 more is within the tolerance, but not where the limit is at 5 or below."""
    data = calls()
    reminders = np.flatnonzero((data.kind == 1) & ~data.is_robocall)
    data.rows[reminders[:5], 0] = 1.0
    data.rows[reminders[:6], 1] = 1.0
    candidate = Model(TreeScorer(stump(feature=1, low=-4.0, high=4.0, n_features=2), UNCALIBRATED), {"version": "gbt"})
    share = 5 / len(reminders)

    for limit, allowed in ((1.0, share + 0.002), (share, share), (share / 2, share)):
        table = Tolerances(blocked_per_lawful_class=0.002, most_blocked_per_lawful_class=limit)
        lines = by_measure(compare(data, model(4, -4), candidate, THRESHOLDS, table))

        line = lines["lawful blocked, reminder"]
        assert line.allowed == pytest.approx(allowed)
        assert line.passed is (limit == 1.0)


def test_a_kind_of_which_little_is_caught_is_not_given_up() -> None:
    """The running model catches 20 of 500 calls, 0.04: less than the tolerance of 0.05, so half of it must be kept."""
    data = calls()
    data.rows[:] = 0.0
    data.rows[np.flatnonzero(data.kind == 3)[:20], 0] = 1.0

    line = by_measure(compare(data, model(4, -4), model(0, 0), THRESHOLDS, Tolerances()))["recall at 0.001, snowshoe"]

    assert (line.running, line.allowed, line.passed) == (0.04, 0.02, False)


def test_calibration_is_a_line_of_its_own() -> None:
    """The candidate ranks as well and promises too little: log-odds 1 where every such call is a robocall."""
    lines = by_measure(compare(calls(), model(8, -8), model(1, -1), THRESHOLDS, Tolerances()))

    assert lines["recall at 0.0001"].passed is True
    assert lines["calibration error"].passed is False
    assert lines["calibration error"].candidate == pytest.approx(1 / (1 + np.e), abs=1e-9)


def test_tolerances_are_read_from_a_file(tmp_path: Path) -> None:
    """Those that stand in it; the others keep their defaults."""
    file = tmp_path / "tolerances.toml"
    file.write_text("recall_at_1e_3 = 0.2\nfewest_calls = 7\n")

    assert read_tolerances(file) == Tolerances(recall_at_1e_3=0.2, fewest_calls=7)
    assert read_tolerances(None) == Tolerances()


@pytest.mark.parametrize(
    "text",
    ["recall = 0.1", "recall_at_1e_3 = 2", "recall_at_1e_3 = 'x'", "fewest_calls = 0", "fewest_calls = 0.5", "="],
)
def test_a_file_of_tolerances_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    """Unknown names and values out of range, in one sentence with the file's name."""
    file = tmp_path / "tolerances.toml"
    file.write_text(text)

    with pytest.raises(TolerancesInvalid, match="tolerances"):
        read_tolerances(file)


def test_whoever_promotes_loads_neither_trainer_nor_scikit_learn() -> None:
    """Both take seconds, and a comparison of two finished models needs neither."""
    program = (
        "import sys, models.judge.gate\n"
        "print([name for name in sys.modules if name == 'sklearn' or name.startswith('models.learn')])"
    )

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout == "[]\n"


def test_a_model_that_ranks_well_and_reaches_no_threshold_fails_at_the_thresholds_in_force() -> None:
    """It caught all at 1 in 1,000, passed the gate, and decided no call: the policy's thresholds are absolute."""
    lines = by_measure(compare(calls(), model(4, -4), model(0.1, -4), THRESHOLDS, Tolerances()))

    assert lines["recall at 0.001"].passed is True
    line = lines["robocalls labelled or blocked, in force"]
    assert (line.running, line.candidate, line.passed) == (1.0, 0.0, False)
    assert lines["lawful labelled or blocked, in force"].passed is True


def test_in_force_are_the_margins_of_a_measure_where_there_is_one() -> None:
    """The same candidate, measured: everything from log-odds 0 on may be labelled, and nothing blocked."""
    measured = Measured("gbt-test", 12, 0, 900, 300, 1_000, 100, Cut(0.0, 0.5, 900.0), None)
    candidate = model(0.1, -4)

    lines = by_measure(compare(calls(), model(4, -4), candidate, THRESHOLDS, Tolerances(), (None, measured)))

    assert lines["robocalls labelled or blocked, in force"].candidate == 1.0
    assert lines["robocalls blocked, in force"].candidate == 0.0
    assert lines["lawful blocked, in force"].candidate == 0.0


def test_a_measured_model_that_hits_more_lawful_calls_fails() -> None:
    """Twenty of 2,000 reach the margin: 0.01 where 0.002 more than the running model's none are allowed."""
    data = calls()
    data.rows[np.flatnonzero(~data.is_robocall)[:20], 1] = 1.0
    stump_of_noise = Model(
        TreeScorer(stump(feature=1, low=-4.0, high=1.0, n_features=2), UNCALIBRATED), {"version": "gbt-noise"}
    )
    measured = Measured("gbt-noise", 12, 0, 900, 300, 1_000, 100, Cut(0.0, 0.5, 900.0), None)

    lines = by_measure(compare(data, model(4, -4), stump_of_noise, THRESHOLDS, Tolerances(), (None, measured)))

    line = lines["lawful labelled or blocked, in force"]
    assert (line.running, line.candidate, line.allowed, line.passed) == (0.0, 0.01, 0.002, False)
