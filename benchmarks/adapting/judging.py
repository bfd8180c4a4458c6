"""What a model comes to in a later span of a carrier: a replay that enforces, and the truth beside it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.adapting.carriers import Carrier
from detector.contract.decisions import Action, Step
from detector.features.table import FEATURE_SCHEMA_ID
from detector.policy.budgets import MILLION, Budgets
from models.adapt.calls import Calls
from models.adapt.group_score import group_score
from models.budgets.bounds import Floats, Ints
from models.serve.artifact import Model, load
from models.serve.weighing import GROUP_WEIGHT
from streams.commands.adapt.collecting import Gathering
from streams.commands.budgets.collecting import call_keys_of
from streams.commands.replay import loaded, read_batches, replayed, require_judged
from streams.running.progress import step
from streams.screening.batch import Batch
from streams.settings import load_settings

RATES = (1e-3, 1e-4)
"""Shares of lawful calls hit."""
TOPS = (0.01, 0.02, 0.04)
"""Shares of the calls that a teacher ranks highest."""
REACH_MS = 3_600_000
DOUBT = 3.0
OF_THE_MODEL = frozenset({Step.MODEL, Step.ENTITY_BLOCK})
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class InForce:
    """What is done to calls, in a million lawful ones and as a share of the robocalls.

    Attributes:
        hit: Lawful calls labelled or blocked, in a million.
        blocked: Of these blocked.
        caught: Share of the robocalls labelled or blocked.
        caught_blocked: Blocked.
    """

    hit: float
    blocked: float
    caught: float
    caught_blocked: float


@dataclass(frozen=True, slots=True)
class Judged:
    """Figures of one judging span; of robocalls those whose campaign was not seen before, and warm windows alone.

    Attributes:
        lawful: Calls.
        robocalls: Calls of new campaigns.
        share: Of robocalls, those of campaigns seen before included.
        purity: Share of robocalls in the highest calls by the teacher of the base model, by `TOPS`.
        recall: By what decides (`base`, `group`, `own`), at each of `RATES` at the true threshold.
        model_step: What the model's step does.
        says: What is in force, in a sentence.
    """

    lawful: int
    robocalls: int
    share: float
    purity: dict[str, float]
    recall: dict[str, list[float]]
    model_step: InForce
    says: str

    def as_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class _Replayed:
    calls: Calls
    actions: dict[int, Action]
    """What the model's step enforces, by key of the call id."""
    says: str


def judged(carrier: Carrier, own: Path, base: Path, windows_h: float, console: Console) -> Judged:
    """Replay both spans in enforce mode, as `robocall replay --model OWN --mode enforce`; compare the later with truth.

    Args:
        carrier: Its files and truth.
        own: Folder that `robocall adapt` wrote.
        base: Folder of the base model.
        windows_h: Calls in younger windows are not judged: there nothing is enforced.
        console: Where it is said how far it is.
    """
    done = _replayed(carrier, own, windows_h, 1, console)
    calls, truths = done.calls, carrier.truths
    by_key = dict(zip(call_keys_of(list(truths)).tolist(), truths.values(), strict=True))
    found = [by_key[key] for key in calls.call.tolist()]
    is_robocall = np.array([truth.is_robocall for truth in found])
    known = carrier.known
    is_new = is_robocall & np.array([truth.campaign not in known for truth in found])
    base_margins = calls.rows.scored(load(base, schema_id=FEATURE_SCHEMA_ID).raw)
    scores = {
        "base": base_margins,
        "group": base_margins + GROUP_WEIGHT * group_before(base_margins, calls),
        "own": calls.grouped,
    }
    teacher = group_score(base_margins, calls.at_ms, calls.keys)
    return Judged(
        int((~is_robocall).sum()),
        int(is_new.sum()),
        float(is_robocall.mean()),
        {f"{top:g}": float(is_robocall[_highest(teacher, top)].mean()) for top in TOPS},
        {name: [recall(one, ~is_robocall, is_new, rate) for rate in RATES] for name, one in scores.items()},
        _in_force(done, ~is_robocall, is_new),
        done.says,
    )


def replayed_calls(carrier: Carrier, base: Path, partitions: int, console: Console) -> Calls:
    """Calls of the later span, in windows that the span learnt from has filled, with margins of the base.

    Args:
        carrier: Its files.
        base: Folder of the base model.
        partitions: That windows are counted in.
        console: Where it is said how far it is.
    """
    return _replayed(carrier, base, Budgets().windows_h, partitions, console).calls


def _replayed(carrier: Carrier, own: Path, windows_h: float, partitions: int, console: Console) -> _Replayed:
    failures: list[Exception] = []
    pipeline = loaded(load_settings(mode="enforce", model_dir=own, partitions=partitions), failures.append, console)
    gathering = Gathering(cast("Model", pipeline.screener.classifier), windows_h, None)
    actions: dict[int, Action] = {}
    with step("Filling windows", console):
        for _ in replayed(_lines(carrier.learn), pipeline, partitions=partitions):
            pass
    with step("Judging", console) as say:
        for _, batch in replayed(_lines(carrier.judge), pipeline, partitions=partitions):
            gathering.add(batch)
            actions |= _enforced(batch)
            say(f"{len(gathering.rows):,} calls")
    require_judged(failures)
    return _Replayed(gathering.calls(), actions, pipeline.screener.in_force.why)


def _lines(events: Path) -> Any:
    from contextlib import ExitStack  # noqa: PLC0415

    with ExitStack() as stack:
        yield from read_batches(str(events), stack)


def _enforced(batch: Batch) -> dict[int, Action]:
    """What the model's step does to calls of a batch, by key of the call id; what is only tried is nothing."""
    screening, columns = batch.screening, batch.columns
    if columns is None:
        return {}
    keys = columns.events.call[np.flatnonzero(columns.events.is_setup)]
    return {
        int(keys[row]): one.action
        for row, one in screening.decided.items()
        if one.decided_by in OF_THE_MODEL and one.action is not Action.ALLOW and not screening.is_shadow[row]
    }


def _in_force(done: _Replayed, is_lawful: Mask, is_robocall: Mask) -> InForce:
    acted = [done.actions.get(key, Action.ALLOW) for key in done.calls.call.tolist()]
    is_blocked = np.array([one is Action.BLOCK for one in acted])
    is_hit = np.array([one is not Action.ALLOW for one in acted])
    return InForce(
        _mean(is_hit[is_lawful]) * MILLION, _mean(is_blocked[is_lawful]) * MILLION,
        _mean(is_hit[is_robocall]), _mean(is_blocked[is_robocall]),
    )  # fmt: skip


def _mean(flags: Mask) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def _highest(scores: Floats, share: float) -> Ints:
    found: Ints = np.argsort(-scores, kind="stable")[: max(1, round(share * len(scores)))]
    return found


def recall(scores: Floats, is_lawful: Mask, is_robocall: Mask, rate: float) -> float:
    """Share of the robocalls above the lowest threshold that hits at most a share of the lawful calls.

    Args:
        scores: Of n calls.
        is_lawful: Which are, shape (n,).
        is_robocall: Those that count.
        rate: Of the lawful calls.
    """
    return _mean(scores[is_robocall] > threshold(scores, is_lawful, rate))


def threshold(scores: Floats, is_lawful: Mask, rate: float) -> float:
    """The lowest score above which is at most a share of the lawful calls.

    Args:
        scores: Of n calls.
        is_lawful: Which are, shape (n,).
        rate: Of the lawful calls.
    """
    lawful = np.sort(scores[is_lawful])
    return float(lawful[len(lawful) - 1 - int(rate * len(lawful))])


def group_before(margins: Floats, calls: Calls) -> Floats:
    """The largest mean margin of the last hour's calls of a call's number, origin or block; the call is left out.

    Args:
        margins: Of n calls.
        calls: These.
    """
    means = []
    for key in calls.keys:
        order = np.lexsort((np.arange(len(key)), calls.at_ms, key))
        group = np.cumsum(np.append(False, np.diff(key[order]) != 0))
        since_ms = (calls.at_ms - calls.at_ms.min())[order]
        place = group * (int(since_ms.max()) + REACH_MS + 1) + since_ms
        first = np.searchsorted(place, place - REACH_MS, side="left")
        total = np.concatenate([[0.0], np.cumsum(margins[order])])
        here = np.arange(len(key))
        mean = np.empty(len(key))
        mean[order] = np.where(key[order] == 0, 0.0, (total[here] - total[first]) / (here - first + DOUBT))
        means.append(mean)
    largest: Floats = np.maximum.reduce(means)
    return largest
