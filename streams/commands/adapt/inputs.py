"""What `robocall adapt` and `robocall ask` begin with: calls, run through the model, and what was said of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
import numpy as np
from rich.console import Console

from detector.features.schemas import SCHEMAS
from detector.policy.settings import Policy
from models.data.joining import Joining
from models.serve.artifact import Model
from streams.commands.adapt.collecting import Gathering
from streams.commands.events.feedback import feedback_of
from streams.commands.events.lines import with_events
from streams.commands.events.source import Source, source_options
from streams.commands.models.place import FILE
from streams.commands.replay import loaded, replayed, require_judged
from streams.running.progress import Say, step
from streams.screening.batch import Batch
from streams.settings import MAX_PARTITIONS, Settings

if TYPE_CHECKING:
    from models.adapt.rounds import Material

F = TypeVar("F", bound=Callable[..., object])

SEED = 7
"""Of all that is learnt and drawn."""
WINDOWS_H = 1.0
_OPTIONS = (
    click.option(
        "--feedback", multiple=True, type=FILE,
        help="What was said of the calls so far: records of call-feedback, one a line; again for more. What the "
        "archive has is taken with --archive.",
    ),
    click.option(
        "--senders", multiple=True, type=FILE, help="Numbers of registered senders, one a line; again for more files."
    ),
    click.option(
        "--partitions", type=click.IntRange(1, MAX_PARTITIONS),
        help="Partitions that the calls are counted in: those of your topic for workers, 1 for replays. "
        "[default: 1; ROBOCALL_PARTITIONS with --archive]",
    ),
    click.option(
        "--windows-h", type=click.FloatRange(0, 24), default=WINDOWS_H, show_default=True,
        help="Least age of the windows of a call that counts, hours.",
    ),
    click.option(
        "--judge-h", type=click.FloatRange(0, min_open=True),
        help="Hours at the end of the span that judge; all before teaches. [default: the middle third judges]",
    ),
)  # fmt: skip


def traffic_options(command: F) -> F:
    """Give a command the options that say which calls there are (`source`), and what is known of them."""
    return source_options(reduce(lambda made, option: option(made), reversed(_OPTIONS), command))


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay gave.

    Attributes:
        model: The base model.
        policy: That it was replayed with.
        gathering: What is learnt from.
        partitions: That the calls were counted in.
    """

    model: Model
    policy: Policy
    gathering: Gathering
    partitions: int


def joining_of(source: Source, files: tuple[Path, ...], console: Console) -> Joining | None:
    """What was said of calls, ready to be joined; None where nothing was. See `feedback_of`."""
    found = feedback_of(source, files, console)
    return Joining(found) if found else None


def replay_of(
    settings: Settings, source: Source, joining: Joining | None, windows_h: float, console: Console
) -> Replayed:
    """Run events through the worker's own code and keep what is learnt from, with a progress bar on `console`.

    It blocks for the disk and for processor time.

    Args:
        settings: Of the replay; their model is the base.
        source: Call events.
        joining: Looks at every call; None where nothing was said of any.
        windows_h: Least age of the windows of a call that is kept, hours.
        console: On which progress is shown.

    Raises:
        ReplayFailed: a file is damaged, no line is an event, or calls could not be judged.
        RobocallError: the archive cannot be read.
        ArtifactError: the model cannot be used.
        OSError: a file cannot be read.
    """
    failures: list[Exception] = []
    pipeline = loaded(settings, failures.append, console)
    model = cast("Model", pipeline.screener.classifier)
    gathering = Gathering(model, windows_h, joining)
    with step("Replaying", console) as say, ExitStack() as stack:
        lines = replayed(source.batches(stack), pipeline, partitions=settings.partitions)
        _gather(with_events(lines, console), gathering, say)
    require_judged(failures)
    return Replayed(model, pipeline.screener.policy, gathering, settings.partitions)


def known_of(done: Replayed, base: Model, registered: Any, judge_h: float | None) -> "tuple[Material, Any]":
    """The calls of a replay with what is known of them; called once a replay, some seconds for millions of calls.

    Callers whom an analyst or redress called lawful count as registered senders. For what is learnt and judged only
    answers about calls learnt from do that: one about a held-back call judges.

    Args:
        done: The replay.
        base: The model that is started from.
        registered: Keys of registered senders.
        judge_h: Hours at the end that judge; None: the middle third.

    Returns:
        Both, and keys of registered senders with all who were called lawful.

    Raises:
        TrainingDataInvalid: too few calls reached the model.
    """
    from models.adapt.adapting import is_learnt_from  # noqa: PLC0415 - scikit-learn takes seconds
    from models.adapt.calls import lawful_in  # noqa: PLC0415
    from models.adapt.labels import cleared_in, labels_of  # noqa: PLC0415
    from models.adapt.rounds import Material  # noqa: PLC0415

    calls, said = done.gathering.calls(), done.gathering.said()
    is_learning = is_learnt_from(calls, judge_h)
    lawful = lawful_in(calls, np.union1d(registered, cleared_in(calls, said, is_learning)))
    labels = labels_of(calls, lawful, said)
    names, is_grouped = SCHEMAS[base.schema_id].names, base.group_weight > 0
    material = Material(calls, labels, lawful, is_learning, names, done.partitions, is_grouped)
    return material, np.union1d(registered, cleared_in(calls, said, np.ones(len(calls), np.bool_)))


def _gather(replay: Iterator[tuple[Sequence[bytes], Batch]], gathering: Gathering, say: Say) -> None:
    seen = 0
    for part, batch in replay:
        gathering.add(batch)
        seen += len(part)
        say(f"{seen:,} events, {len(gathering.rows):,} calls to learn from")
