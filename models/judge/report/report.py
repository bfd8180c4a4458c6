"""The report of a model on labelled calls: figures as JSON, and one HTML page that needs no other file.

The figures are plain values under `schema_version`. A change that could break a reader of the JSON raises it.
"""

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np

from models.data.dataset import Dataset
from models.errors import TrainingDataInvalid
from models.judge import plots
from models.judge.calibration import Scores
from models.judge.evaluation import kinds_at_rates, measure, ranking
from models.judge.report.families import check_families
from models.judge.report.html import page
from models.judge.report.learnt import Learnt, compare
from models.learn.baselines import rule_scores
from models.learn.training import BLOCK_RATE
from models.serve.artifact import LIBRARIES, Model

SCHEMA_VERSION = 2
MAY_BE_CHANCE = "which may be chance"
JSON_FILE = "report.json"
HTML_FILE = "report.html"
BATCHES = (1, 16, 512)
LEAST_TIMED_S = 0.05
LIMITS = (
    "Generated traffic has the campaigns its author thought of. Others are not in these figures.",
    "A model can have learnt habits of the generator that no real caller has.",
    "Labels are complete and right here. Real ones come late, from few people, on annoying calls, and some are wrong.",
    "Campaigns do not answer. Real ones change numbers, trunks, attestation and pace once they are blocked.",
    "All events are there and in time. Lost, late or disordered ones cost recall that these figures do not show.",
    "Answering, talk times and attestation follow published means; how they vary between carriers and days is guessed.",
    "Lawful classes have the shares and habits of the generator. A class that it lacks may be hit and has no line.",
    "Scores alone are judged: lists, rules, hysteresis and standing decisions change what callers meet.",
    "Wilson intervals take calls as independent, which calls of a campaign are not: see the interval by campaign.",
    "No interval says how far other traffic is from this.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What a report is made of.

    Attributes:
        figures: Plain values, as they stand in the JSON.
        draw: Draws the plots, PNG by name; some seconds, with matplotlib to load. It holds the calls.
    """

    figures: dict[str, Any]
    draw: Callable[[], dict[str, bytes]]


def judge(
    model: Model,
    data: Dataset,
    *,
    made_ms: int,
    reference_data: Path | None = None,
    learnt: Callable[[Dataset], Learnt] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Judgement:
    """Measure a model on labelled calls that it never saw, beside the rules of the field and what learning adds.

    Called once by `robocall evaluate`, and for each family of worlds by `make quality`. It blocks for processor time,
    tens of seconds for a million calls, and for whatever `learnt` takes.

    Args:
        model: The model.
        data: The calls, with the columns that the model takes.
        made_ms: Now, epoch milliseconds.
        reference_data: Folder of the public reference data, for the check on real subscribers.
        learnt: Gives, for these calls, what was trained to compare with; without it nothing is. If it raises
            `TrainingDataInvalid` the report says so.
        say: Told what is being done, a line each.

    Raises:
        TrainingDataInvalid: all calls are robocalls, or all are lawful.
        ValueError: rows of another width than the model takes.
        OSError: the reference data cannot be read.
    """
    say(f"scoring {len(data):,} calls")
    raw = model.raw(data.rows)
    scores = model.score(data.rows)
    rules = rule_scores(data)
    figures = {
        "schema_version": SCHEMA_VERSION,
        "model": _about(model),
        "made": {"at_ms": made_ms, **machine()},
        "data": _of_data(data),
        **measure(data, raw, scores, model.thresholds, model.contributions),
        "baselines": {
            name: ranking(one, data.is_robocall) | {"kinds": kinds_at_rates(data, one)} for name, one in rules.items()
        },
    }
    figures["against_best_rule"] = against_best(figures["at_false_block_rates"], figures["baselines"])
    figures["compared"] = _compared(learnt, data, raw)
    figures["microseconds_per_call"] = cost(model, data)
    figures["real_subscribers"] = check_families(data, reference_data)
    figures["limits"] = list(LIMITS)
    return Judgement(figures, lambda: _plots(data, raw, scores, rules, figures))


def write(judgement: Judgement, folder: Path) -> Path:
    """Draw the plots, write `report.json` and `report.html`, and give the path of the latter. Blocks for the disk.

    Args:
        judgement: Of `judge`.
        folder: Made when it is missing; a report that stands there is overwritten.

    Raises:
        OSError: the folder cannot be written.
    """
    content = page(judgement.figures, judgement.draw())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / JSON_FILE).write_text(json.dumps(judgement.figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    path = folder / HTML_FILE
    path.write_text(content, encoding="utf-8")
    return path


def against_best(rates: list[dict[str, Any]], baselines: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """At each rate the baseline that catches most, and how many times more the model catches; None where it is none.

    Args:
        rates: Of the model, by rate (`at_rates`).
        baselines: By name what `ranking` gives; at least one, with the same rates in the same order.
    """
    found = []
    for index, entry in enumerate(rates):
        recalls = {name: one["at_false_block_rates"][index]["recall"]["share"] for name, one in baselines.items()}
        best = max(recalls, key=lambda name: recalls[name])
        ratio = entry["recall"]["share"] / recalls[best] if recalls[best] else None
        found.append({"rate": entry["rate"], "best": best, "recall": recalls[best], "ratio": ratio})
    return found


def losses(rates: list[dict[str, Any]], baselines: dict[str, dict[str, Any]]) -> list[str]:
    """Say where something simpler catches more than the model, at rates that calls are blocked at or higher ones.

    Args:
        rates: Of the model, by rate (`at_rates`).
        baselines: By name what `ranking` gives; at least one, with the same rates in the same order.

    Returns:
        A clause for each rate; empty where the model loses at none.
    """
    found = []
    for entry, best in zip(rates, against_best(rates, baselines), strict=True):
        recall = entry["recall"]
        if best["recall"] > recall["share"] and best["rate"] >= BLOCK_RATE:
            chance = f" ({MAY_BE_CHANCE})" if best["recall"] <= recall["high"] else ""
            found.append(
                f"where {best['rate']:g} of the lawful calls are hit, {best['best'].replace('_', ' ')} catches "
                f"{best['recall']:.3f} and the model {recall['share']:.3f}{chance}"
            )
    return found


def _compared(learnt: Callable[[Dataset], Learnt] | None, data: Dataset, raw: Scores) -> dict[str, Any]:
    """What was trained for comparison, on the same calls; `skipped` says why where there is nothing."""
    if learnt is None:
        return {"skipped": "Nothing was trained for comparison: it was not asked for."}
    try:
        return compare(learnt(data), data, raw)
    except TrainingDataInvalid as error:
        return {"skipped": f"Not compared: {error}."}


def cost(model: Model, data: Dataset) -> list[dict[str, float]]:
    """Microseconds of scoring a call, by calls in a batch; median over at least 50 ms of batches.

    It blocks for that long for each size, and before for compiled code that was not loaded yet.
    """
    model.warm()
    found = []
    for size in BATCHES:
        rows = np.ascontiguousarray(data.rows[np.arange(size) * 7_919 % len(data)])
        taken: list[int] = []
        while sum(taken) < LEAST_TIMED_S * 1e9:
            started = time.perf_counter_ns()
            model.score(rows)
            taken.append(time.perf_counter_ns() - started)
        found.append({"calls_in_batch": size, "microseconds": float(np.median(taken)) / size / 1_000})
    return found


def machine() -> dict[str, Any]:
    """Where figures were made: what they may depend on."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "libraries": {name: installed_version(name) for name in LIBRARIES},
    }


def _about(model: Model) -> dict[str, Any]:
    names = ("schema_id", "created_ms", "provenance")
    return {
        "version": model.version,
        "thresholds": model.thresholds,
        **{name: model.manifest[name] for name in names if name in model.manifest},
    }


def _of_data(data: Dataset) -> dict[str, Any]:
    return {
        "digest": data.digest(),
        "span_ms": [int(data.setup_time_ms[0]), int(data.setup_time_ms[-1])],
        "robocall_share": float(data.is_robocall.mean()),
        "kinds": list(data.kinds),
    }


def _plots(
    data: Dataset, raw: Scores, scores: Scores, rules: dict[str, Scores], figures: dict[str, Any]
) -> dict[str, bytes]:
    truth, kinds = data.is_robocall, figures["kinds"]
    return {
        "recall": plots.recall_by_false_block_rate(raw, truth, rules),
        "precision": plots.precision_by_recall(raw, truth),
        "calibration": plots.calibration(scores, truth),
        "campaigns": plots.shares(
            "Share of robocalls caught at 1 lawful call in 1,000",
            {kind: entry["at_rates"][0] for kind, entry in kinds["campaigns"].items()},
        ),
        "lawful": plots.shares(
            "Share of lawful calls labelled or blocked",
            {kind: entry["labelled_or_blocked"] for kind, entry in kinds["lawful"].items()},
        ),
    }
