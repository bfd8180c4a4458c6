"""The gate before a promotion: the candidate and the running model on the same calls, compared line by line.

A model is compared at the thresholds that would be in force with it, too: those of its measure (`models.budgets`), else
the policy's. A model that ranks well and reaches no threshold decides no call.

`Tolerances` say how much worse a candidate may be, over all calls, for each kind of campaign and for each class of
lawful callers. For lawful classes a limit keeps many small steps down from adding up. Kinds with few calls are shown
and not judged. In a lawful class one call is always allowed, because one call is no evidence.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from detector.policy.budgets import Measured
from detector.policy.settings import Thresholds
from models.data.dataset import Dataset
from models.data.thresholds import threshold_at
from models.errors import TolerancesInvalid
from models.judge.calibration import Mask, Scores, expected_calibration_error
from models.serve.artifact import Model

MAX_FILE_BYTES = 64 * 1024
KIND_RATE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """How much worse than the running model a candidate may be; shares of calls, in [0, 1].

    Attributes:
        recall_at_1e_3: Loss of recall where one lawful call in 1,000 is hit.
        recall_at_1e_4: The same for one in 10,000; measured on few calls, so it scatters more.
        expected_calibration_error: Rise of the mean gap between probability and truth.
        calibration_error_allowed: Below this no rise of it matters.
        recall_per_kind: Loss of recall of one kind of campaign, where one lawful call in 1,000 is hit.
        recall_share: Loss of any recall as a share of the running model's; the smaller loss counts, so that what is
            caught of a kind is not given up because it is little.
        blocked_per_lawful_class: Rise of the share of a lawful class that reaches the policy's `block_at`.
        labelled_per_lawful_class: Rise of the share of a lawful class that reaches its `label_at`.
        most_blocked_per_lawful_class: A share of a lawful class that reaches `block_at` must not rise above this at
            all; where the running model is above it already, the candidate may only be better.
        most_labelled_per_lawful_class: The same for `label_at`.
        fewest_calls: A kind or class with fewer calls is not judged.
    """

    recall_at_1e_3: float = 0.01
    recall_at_1e_4: float = 0.02
    expected_calibration_error: float = 0.005
    calibration_error_allowed: float = 0.01
    recall_per_kind: float = 0.05
    recall_share: float = 0.5
    blocked_per_lawful_class: float = 0.0005
    labelled_per_lawful_class: float = 0.002
    most_blocked_per_lawful_class: float = 0.002
    most_labelled_per_lawful_class: float = 0.01
    fewest_calls: int = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison; figures are shares in [0, 1].

    Attributes:
        measure: what was compared, for people.
        calls: how many calls it was measured on.
        running: figure of the running model.
        candidate: figure of the candidate.
        allowed: the worst figure that passes.
        passed: None where there were too few calls to say.
    """

    measure: str
    calls: int
    running: float
    candidate: float
    allowed: float
    passed: bool | None

    def as_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)


def read_tolerances(path: Path | None) -> Tolerances:
    """Read a TOML file with some of the names of `Tolerances`; without one, the defaults. Blocks for the disk.

    Raises:
        TolerancesInvalid: it cannot be read, or names or values are not those of `Tolerances`.
    """
    if path is None:
        return Tolerances()
    try:
        with path.open("rb") as file:
            found = tomllib.loads(file.read(MAX_FILE_BYTES).decode())
    except (OSError, ValueError) as error:
        raise TolerancesInvalid(f"{path} is no TOML file: {error}") from error
    known = {one.name for one in fields(Tolerances)}
    for name, value in found.items():
        if name not in known:
            raise TolerancesInvalid(f"{path}: {name} is no tolerance: use {', '.join(sorted(known))}")
        if not _is_tolerance(name, value):
            raise TolerancesInvalid(f"{path}: {name} must be a share from 0 to 1 (fewest_calls: a count from 1 on)")
    return Tolerances(**found)


def _is_tolerance(name: str, value: object) -> bool:
    if name == "fewest_calls":
        return type(value) is int and value >= 1
    return type(value) in (int, float) and 0.0 <= float(str(value)) <= 1.0


def compare(
    data: Dataset,
    running: Model,
    candidate: Model,
    thresholds: Thresholds,
    tolerances: Tolerances,
    measures: tuple[Measured | None, Measured | None] = (None, None),
) -> list[Line]:
    """Measure both models on labelled calls that neither was trained on, and judge the difference.

    Called once a promotion; it takes processor time, some seconds for a million calls, and no input or output.

    Args:
        data: robocalls and lawful calls, at least one of each; columns as both models want them.
        running: what decides now.
        candidate: what is to follow.
        thresholds: of the policy in use.
        tolerances: how much worse the candidate may be.
        measures: of the running model and the candidate, where there are any.

    Returns:
        All comparisons: over all calls, at the thresholds in force, then by kind of campaign, then by lawful class.

    Raises:
        ValueError: the data have other columns than a model wants.
    """
    both = (_Judged.of(running, data), _Judged.of(candidate, data))
    return [
        *_overall(data, both, tolerances),
        *_in_force(data, both, (thresholds, measures), tolerances),
        *_campaign_kinds(data, both, tolerances),
        *_lawful_classes(data, both, thresholds, tolerances),
    ]


def has_learnt_from(model: Model, data: Dataset) -> bool:
    """Whether a model was made of exactly these calls: figures on them say nothing about other calls.

    It reads all features and labels once (`Dataset.digest`).
    """
    provenance: Any = model.manifest.get("provenance") or {}
    return bool(provenance.get("data_sha256") == data.digest())


def counted_otherwise(model: Model, data: Dataset) -> str | None:
    """Say so where windows were counted in a number of partitions that the model learnt nothing from; None else.

    None as well where either is not known: in models of before and in features without it.
    """
    provenance: Any = model.manifest.get("provenance") or {}
    learnt = provenance.get("counted_in") or []
    if not learnt or set(data.counted_in) <= set(learnt):
        return None
    here, there = (" and ".join(map(str, numbers)) for numbers in (data.counted_in, learnt))
    return (
        f"{model.version} learnt from features counted in {there} partition(s), these are counted in {here}: "
        "train and judge with the number that your workers count in"
    )


def passes(lines: list[Line]) -> bool:
    """Whether no line fails; a line of too few calls does not."""
    return all(line.passed is not False for line in lines)


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """One model's view of the calls."""

    raw: Scores
    scores: Scores

    @staticmethod
    def of(model: Model, data: Dataset) -> "_Judged":
        return _Judged(model.raw(data.rows), model.score(data.rows))

    def caught_at(self, rate: float, is_robocall: Mask) -> Mask:
        """Calls hit where `rate` of these lawful calls are."""
        return np.asarray(self.raw >= threshold_at(self.raw, is_robocall, rate))

    def reaches(self, at: float, measured: Measured | None, *, is_block: bool) -> Mask:
        """Calls that an action hits: by margin where that was measured, else by score from `at` on."""
        if measured is None:
            return np.asarray(self.scores >= at)
        cut = measured.block if is_block else measured.label
        return np.asarray(self.raw >= (np.inf if cut is None else cut.margin))


_Both = tuple[_Judged, _Judged]


def _overall(data: Dataset, both: _Both, tolerances: Tolerances) -> Iterator[Line]:
    truth = data.is_robocall
    for rate, slack in ((1e-3, tolerances.recall_at_1e_3), (1e-4, tolerances.recall_at_1e_4)):
        running, candidate = (float(one.caught_at(rate, truth)[truth].mean()) for one in both)
        loss = min(slack, tolerances.recall_share * running)
        yield _at_least(f"recall at {rate:g}", int(truth.sum()), running, candidate, loss)
    running, candidate = (expected_calibration_error(one.scores, truth) for one in both)
    allowed = max(running + tolerances.expected_calibration_error, tolerances.calibration_error_allowed)
    yield Line("calibration error", len(data), running, candidate, allowed, candidate <= allowed)


def _in_force(
    data: Dataset,
    both: _Both,
    by: tuple[Thresholds, tuple[Measured | None, Measured | None]],
    tolerances: Tolerances,
) -> Iterator[Line]:
    """Caught and hit at the thresholds that would be in force with each of the two."""
    thresholds, measures = by
    truth = data.is_robocall
    levels = (
        ("labelled or blocked", thresholds.label_at, False, tolerances.recall_at_1e_3),
        ("blocked", thresholds.block_at, True, tolerances.recall_at_1e_4),
    )
    for what, at, is_block, slack in levels:
        hits = [one.reaches(at, measured, is_block=is_block) for one, measured in zip(both, measures, strict=True)]
        running, candidate = (float(hit[truth].mean()) for hit in hits)
        loss = min(slack, tolerances.recall_share * running)
        yield _at_least(f"robocalls {what}, in force", int(truth.sum()), running, candidate, loss)
        running, candidate = (float(hit[~truth].mean()) for hit in hits)
        lawful = int((~truth).sum())
        rise = tolerances.blocked_per_lawful_class if is_block else tolerances.labelled_per_lawful_class
        allowed = max(1 / lawful, running + rise)
        passed = _not_above(candidate, allowed)
        yield Line(f"lawful {what}, in force", lawful, running, candidate, allowed, passed)


def _campaign_kinds(data: Dataset, both: _Both, tolerances: Tolerances) -> Iterator[Line]:
    hits = [one.caught_at(KIND_RATE, data.is_robocall) for one in both]
    for kind, chosen in data.by_kind(data.is_robocall):
        running, candidate = (float(hit[chosen].mean()) for hit in hits)
        loss = min(tolerances.recall_per_kind, tolerances.recall_share * running)
        line = _at_least(f"recall at {KIND_RATE:g}, {kind}", int(chosen.sum()), running, candidate, loss)
        yield _if_enough(line, tolerances)


def _lawful_classes(data: Dataset, both: _Both, thresholds: Thresholds, tolerances: Tolerances) -> Iterator[Line]:
    block = (tolerances.blocked_per_lawful_class, tolerances.most_blocked_per_lawful_class)
    label = (tolerances.labelled_per_lawful_class, tolerances.most_labelled_per_lawful_class)
    levels = (("blocked", thresholds.block_at, *block), ("labelled or blocked", thresholds.label_at, *label))
    for kind, chosen in data.by_kind(~data.is_robocall):
        calls = int(chosen.sum())
        for what, threshold, rise, limit in levels:
            running, candidate = (float((one.scores[chosen] >= threshold).mean()) for one in both)
            allowed = max(1 / calls, running, min(running + max(rise, 1 / calls), limit))
            line = Line(f"lawful {what}, {kind}", calls, running, candidate, allowed, _not_above(candidate, allowed))
            yield _if_enough(line, tolerances)


def _at_least(measure: str, calls: int, running: float, candidate: float, loss: float) -> Line:
    allowed = running - loss
    return Line(measure, calls, running, candidate, allowed, _not_above(allowed, candidate))


def _not_above(low: float, high: float) -> bool:
    """`low <= high`, but for the rounding of a sum of shares."""
    return low <= high + 1e-12


def _if_enough(line: Line, tolerances: Tolerances) -> Line:
    if line.calls >= tolerances.fewest_calls:
        return line
    return Line(line.measure, line.calls, line.running, line.candidate, line.allowed, None)
