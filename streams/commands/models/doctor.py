"""What `robocall doctor` says of models: whether the promoted one can serve, which alarms workers raise."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from detector.columns.code_plan import codes_id
from detector.contract.errors import RobocallError
from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED
from models.serve.assigned_codes import told_otherwise
from models.serve.manifest import read_manifest
from streams.commands.models.beside import beside
from streams.commands.models.place import place_of
from streams.metrics import Metric
from streams.numbers.assigned import read_unassigned
from streams.redis import worker_reports
from streams.redis.connection import asked
from streams.running.clock import wall_clock_ms
from streams.running.printable import printable
from streams.settings import Settings

MOST_NAMED = 3
"""Workers that an alarm names."""
SENTENCES = {
    "features": "the features of the calls have moved away from those that the model was judged on: "
    f"see {Metric.FEATURES_MOVED} and {Metric.FEATURE_PSI}, then train again",
    "scores": f"the scores have moved away from those of the model's test calls: see {Metric.SCORE_PSI}",
    "label_at": f"the share of calls scored for a label is out of its band: see {Metric.MODEL_SHARE}",
    "block_at": f"the share of calls scored for a block is out of its band: see {Metric.MODEL_SHARE}",
    "calibration": f"scores and verdicts of feedback are far apart: see {Metric.CALIBRATION_GAP}, "
    "then calibrate anew by training",
    "false_blocks": "five or more calls that were blocked, or in shadow would have been, were reported lawful "
    f"within a day: see {Metric.FALSE_BLOCK_REPORTS}, and think of `robocall models rollback`",
    "shadow": "the shadow model broke and was turned off: `robocall models shadow off`, and the log says why",
    "watching": "the watch over drift broke and was given up: the log says why; restart the worker",
}
"""What each alarm means and what to do."""


def promoted(settings: Settings, told: str | None) -> tuple[str, list[str]]:
    """Say what the registry wants workers to run, and what is wrong with that.

    Called once by `robocall doctor`. It blocks for the registry and for loading the model. Errors of ours become
    complaints.

    Args:
        settings: of the workers.
        told: content of the key in Redis that names the active model; None where there is none.

    Returns:
        A sentence, and complaints.
    """
    try:
        place = place_of(settings.models_url)
        active = place.promotions.active()
        if active is None:
            return (
                f"nothing was promoted at {place.registry.url}: workers run {settings.model_dir or 'the default'}",
                [],
            )
        place.registry.load(active, schema_id=FEATURE_SCHEMA_ID)
    except RobocallError as error:
        return "", [f"{error}; workers keep the model that they have"]
    if told is not None and told != active:
        return "", [f"workers are told {told}, promoted is {active}: run `robocall models promote {active}`"]
    return f"{active} is promoted at {place.registry.url}", []


def codes(settings: Settings) -> Iterator[tuple[bool, str]]:
    """Say what unassigned codes are told by, and of each model that workers run whether it learnt with that.

    Called once by `robocall doctor`. It blocks for reading the file, some seconds, and for the registry. Nothing is
    said where there is neither a file nor a model that learnt with one, nor of a model that cannot be used.

    Raises:
        RobocallError: the file cannot be used.
        OSError: it cannot be read.
    """
    told = codes_id(read_unassigned(settings.assigned_codes_file))
    if told:
        yield True, f"{told}, read from {settings.assigned_codes_file}"
    for complaint in dict.fromkeys(told_otherwise(manifest, told) for manifest in _manifests(settings)):
        if complaint is not None:
            yield False, complaint


def _manifests(settings: Settings) -> Iterator[Mapping[str, Any]]:
    with suppress(RobocallError):
        yield read_manifest(settings.model_dir or SHIPPED)
    with suppress(RobocallError):
        place = place_of(settings.models_url)
        active = place.promotions.active()
        if active is not None:
            yield place.registry.load(active, schema_id=FEATURE_SCHEMA_ID).manifest


def enforced(settings: Settings) -> tuple[str, str]:
    """Say what the model's step of workers goes by: thresholds, when and over how much they were measured, or why not.

    Called once by `robocall doctor`. It blocks for the registry.

    Args:
        settings: of the workers.

    Returns:
        One word for the state (`detector.policy.budgets.InForce.state`), and a sentence.

    Raises:
        RobocallError: the registry or the policy cannot be used.
    """
    now_ms = wall_clock_ms()
    with beside(place_of(settings.models_url), None, settings.partitions) as where:
        force = where.in_force(settings)
    return force.state(now_ms), force.said(now_ms)


def alarms(settings: Settings) -> list[str] | None:
    """Sentences on the alarms that workers raise about their models, as they told Redis; None where none told anything.

    Called once by `robocall doctor`. It blocks for Redis.

    Raises:
        RobocallError: Redis is away, or refuses.
    """
    states = asked(settings, worker_reports.told)
    raised: dict[str, list[str]] = {}
    for state in states:
        for name in state.alarms:
            raised.setdefault(name, []).append(state.worker)
    said = [f"{SENTENCES.get(name, name)} ({_named(workers)})" for name, workers in raised.items()]
    return list(map(printable, said)) if states else None


def _named(workers: list[str]) -> str:
    """The first of them, and how many there are besides: a fleet raises an alarm together."""
    more = len(workers) - MOST_NAMED
    return ", ".join(workers[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
