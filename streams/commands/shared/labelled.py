"""Labelled calls for the commands of the data scientist: from files or generated, with the features of this build."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from detector.features.schemas import F2, F3, SCHEMAS, Schema, schema_of
from models.data.dataset import Dataset, feature_schema, read
from models.errors import TrainingDataInvalid
from streams.running.progress import step

if TYPE_CHECKING:
    from models.traffic.authors import Traffic

LABELS_HELP = """\
CSV or JSON lines, also .gz or .zst: call_id, label (robocall|legitimate), optional campaign, kind, source, weight."""
FEATURES_HELP = "Parquet file of `robocall replay --features`."
OTHER_BUILD = "the features are not those that this build computes: run replay --features again"

EVALUATION_SEED = 1_000_003
"""Of the generated evaluation set. Models are not to be trained with it."""
KNOWN_WORLDS = 10
"""Of the ranges that models are trained in, of all authors in turn."""
FOREIGN_WORLDS = 6
"""Whose every figure lies outside of those ranges."""
EVALUATION_CALLS = 8_000
"""Of each world, about."""


def from_files(features: Path, labels: Path, console: Console, assumed_weight: float | None = None) -> Dataset:
    """Join features and labels, with a progress bar on `console`. It blocks as `models.data.dataset.read` does.

    Args:
        features: Parquet file of `robocall replay --features`.
        labels: CSV or JSON lines.
        console: Where progress is shown.
        assumed_weight: How far it is to be trusted that a call without a label was lawful; None leaves it out.

    Raises:
        TrainingDataInvalid: they do not fit together, or the features are those of another build.
        OSError: a file cannot be read.
    """
    if feature_schema(features) not in {None, *SCHEMAS}:
        raise TrainingDataInvalid(OTHER_BUILD)
    with step("Reading labels and features", console) as say:
        told = lambda done, of: say(f"{done:,} of {of:,} calls", done, of)  # noqa: E731 - one line for a progress
        data = read(features, labels, told, assumed_weight)
    serving_schema(data)
    return data


def simulated(hours: float, calls_per_second: float, seed: int, console: Console) -> Dataset:
    """Generate traffic of the central world and compute its features, with a progress bar on `console`.

    It blocks for that: see `models.data.windows_over_traffic`, whose `plan` says what the arguments mean.
    """
    from models.data.windows_over_traffic import plan  # noqa: PLC0415 - only some commands generate

    return _generated(plan(hours, seed, calls_per_second), console)


def evaluation_set(features: Path | None, labels: Path | None, console: Console) -> Dataset:
    """The labelled calls that models are compared on: from files, or the same generated ones every time.

    Generated are worlds of the training ranges, by all authors, and worlds outside of them: a model that has learnt its
    own traffic by heart, or forgotten that of an author, must not pass. They are counted by turns in 1 and in 12
    partitions, as a replay and as workers count, in the wider feature table, so that models of either can be judged; no
    span has more than a day. It blocks for reading, or for generating.

    Raises:
        TrainingDataInvalid: the files do not fit together, or the features are those of another build.
        OSError: a file cannot be read.
    """
    if features is not None and labels is not None:
        return from_files(features, labels, console)
    from models.learn.many_worlds import by_turns  # noqa: PLC0415 - only some commands generate
    from models.traffic.worlds import after, held_out_worlds  # noqa: PLC0415 - the same

    known = by_turns(KNOWN_WORLDS, EVALUATION_SEED, calls=EVALUATION_CALLS)
    foreign = held_out_worlds(FOREIGN_WORLDS, EVALUATION_SEED, calls=EVALUATION_CALLS)
    return _generated([*known, *after(foreign, KNOWN_WORLDS)], console, F3)


def _generated(specs: "Sequence[Traffic]", console: Console, schema: Schema = F2) -> Dataset:
    from models.data.windows_over_traffic import from_traffic  # noqa: PLC0415 - only some commands generate
    from models.learn.many_worlds import COUNTED_IN  # noqa: PLC0415 - the same

    with step("Generating traffic and its features", console) as say:
        return from_traffic(specs, lambda n_events: say(f"{n_events:,} events"), partitions=COUNTED_IN, schema=schema)


def serving_schema(data: Dataset) -> Schema:
    """The feature table of labelled calls, which a model that is trained on them will want.

    Raises:
        TrainingDataInvalid: their features are not those of a table that this build computes, in its order.
    """
    schema = schema_of(data.feature_names)
    if schema is None:
        raise TrainingDataInvalid(OTHER_BUILD)
    return schema
