"""`robocall replay`: events from a file through the worker's own code, driven by event time only.

The same input gives byte-identical output. One decision a line, one for each `call_setup`, in input order.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from detector.campaigns.names import CampaignNames
from detector.columns.code_plan import codes_id
from detector.columns.hashing import PUBLIC_SEED
from detector.contract.decisions import Action, Step
from detector.features.schemas import Schema
from detector.policy.screening import Screener, Screening
from detector.windows import WindowEngine
from models.data.dataset import ASSIGNED_CODES_KEY, COUNTED_IN_KEY, MARGINS, SCHEMA_KEY
from models.data.files import DAMAGED
from streams.campaigns.follower import take_records
from streams.commands.models.beside import beside
from streams.commands.models.place import FILE, REGISTRY_OPTION, model_option, place_of
from streams.commands.shared.distinct_files import require_distinct
from streams.errors import ReplayFailed
from streams.files import open_input, open_output
from streams.kafka.partitioner import partitions_of
from streams.numbers.assigned import read_unassigned
from streams.running.progress import step
from streams.screening.batch import Batch, Unusable
from streams.screening.build import make_screener
from streams.screening.bulk_allows import as_lines
from streams.screening.order import Order
from streams.screening.pipeline import MAX_BATCH, Pipeline
from streams.settings import MAX_PARTITIONS, Settings, load_settings
from streams.wire.record_columns import records_of
from streams.wire.records import dead_letter
from streams.worker.warming import is_compiled, warm

ROWS_PER_GROUP = 100_000
CHUNK_BYTES = 1 << 20
WANTED = "want JSON lines as `robocall simulate` writes them"
_POLICY_HELP = "Policy file [default: ROBOCALL_POLICY_FILE, else the documented defaults]."

_PARTITIONS_HELP = (
    "Of your call-events, for features as workers see them: they count origins and blocks in one of them."
)


class _Key(msgspec.Struct):
    calling_number: str = ""


_KEY_DECODER = msgspec.json.Decoder(_Key)


@dataclass(slots=True)
class Counts:
    """What a replay saw."""

    lines: int = 0
    decisions: int = 0
    rejected: int = 0
    failures: int = 0
    actions: dict[str, int] = field(default_factory=dict)


class FeatureWriter:
    """Feature rows to Parquet: `call_id`, `setup_time_ms`, `calling_number`, one float32 column a feature, margins.

    The last two are `margin` and `group_score`, float64: what the model made of the call, and with its group. They are
    null where the model was not asked.

    Args:
        path: of the file.
        partitions: that windows are counted in; stands in the file's metadata, as the feature table does.
        schema: the feature table.
        codes: id of the codes that unassigned ones are told by; stands there, too.

    Raises:
        OSError: the file cannot be written; also by both methods. They block for the disk, `add` for every
            `ROWS_PER_GROUP` rows, which are held until then.
    """

    def __init__(self, path: Path, partitions: int, schema: Schema, codes: str) -> None:
        names: list[tuple[str, Any]] = [
            ("call_id", pa.string()),
            ("setup_time_ms", pa.int64()),
            ("calling_number", pa.string()),
        ]
        names += [(name, pa.float32()) for name in schema.names]
        names += [(name, pa.float64()) for name in MARGINS]
        said = {SCHEMA_KEY: schema.schema_id, COUNTED_IN_KEY: str(partitions), ASSIGNED_CODES_KEY: codes}
        self._schema = pa.schema(names, metadata=said)
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._setups: list[Any] = []
        self._rows: list[Any] = []
        self._margins: list[Any] = []

    def add(self, screening: Screening) -> None:
        """Keep the rows of one batch; a call that failed open, or came before, has none."""
        if len(screening.features):
            unjudged = {row for row, one in screening.decided.items() if one.decided_by is Step.FAIL_OPEN}
            passed = unjudged | screening.repeats
            judged = [row for row in range(len(screening.calls)) if row not in passed]
            self._setups += [screening.calls.events[row] for row in judged]
            self._rows.append(screening.features[judged])
            self._margins.append(np.stack(screening.of_margins())[:, judged])
        if len(self._setups) >= ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        if not self._setups:
            return
        matrix = np.concatenate(self._rows)
        columns: list[Any] = [
            pa.array([setup.call_id for setup in self._setups], pa.string()),
            pa.array([setup.setup_time_ms for setup in self._setups], pa.int64()),
            pa.array([setup.calling_number for setup in self._setups], pa.string()),
        ]
        columns += [pa.array(np.ascontiguousarray(matrix[:, column])) for column in range(matrix.shape[1])]
        columns += [pa.array(column, from_pandas=True) for column in np.concatenate(self._margins, axis=1)]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self._setups, self._rows, self._margins = [], [], []

    def close(self) -> None:
        """Write what is kept and the footer."""
        self._flush()
        self._writer.close()


def loaded(settings: Settings, on_failure: Callable[[Exception], None], console: Console) -> Pipeline:
    """Load the model and make the worker's own code for it, with empty windows; says so, and compiles the first time.

    Args:
        settings: as `streams.screening.build.make_screener` reads them.
        on_failure: told of each internal error.
        console: on which it is said.

    Raises:
        RobocallError: policy or model cannot be used.
    """
    with step("Loading the model", console) as say:
        screener = make_screener(settings, shared_trunks=True)
        screener.engine.unassigned = read_unassigned(settings.assigned_codes_file, say)
        if not is_compiled():
            say("compiling (the first time)")
            warm(screener.classifier)
    return Pipeline(screener, seed=PUBLIC_SEED, on_failure=on_failure)


def require_judged(failures: Sequence[Exception]) -> None:
    """Refuse what rests on calls that could not all be judged.

    Args:
        failures: Internal errors of a replay.

    Raises:
        ReplayFailed: there is one; its text has the first.
    """
    if failures:
        raise ReplayFailed(f"{len(failures)} internal errors while scoring; the first: {failures[0]!r}")


def replayed(
    batches: Iterable[Sequence[bytes]], pipeline: Pipeline, *, partitions: int, console: Console | None = None
) -> Iterator[tuple[Sequence[bytes], Batch]]:
    """Send lines through the worker's own code, driven by event time; yields each batch of lines with what it became.

    It blocks for processor time alone. A bad line raises nothing. At the end it is said if events were out of order.

    Args:
        batches: JSON lines without their line ends (`batches_of`).
        pipeline: The worker's own, with windows that have counted nothing else.
        partitions: how many partitions the topic would have.
        console: where that is said; standard error unless given. A quiet one shows nothing.
    """
    order = Order()
    for lines in batches:
        batch = pipeline.process(records_of(lines, _partitions(lines, partitions)), decided_time_ms=None)
        if batch.columns is not None:
            order.add(batch.columns.events.time_ms)
        yield lines, batch
    if order.late:
        (console or Console(stderr=True)).print(order.warning, highlight=False, soft_wrap=True)


def run(  # noqa: D417 - the outputs explain themselves
    batches: Iterable[Sequence[bytes]],
    pipeline: Pipeline,
    *,
    partitions: int,
    decisions: BinaryIO,
    features: FeatureWriter | None = None,
    dead_letters: BinaryIO | None = None,
) -> Iterator[Counts]:
    """Replay batch by batch; yields the running counts after each, the same object each time.

    It blocks for processor time, and for the files that it writes to. A bad line is counted and raises nothing.

    Args:
        batches: JSON lines without their line ends (`batches_of`).
        pipeline: The worker's own, with windows that have counted nothing else.
        partitions: how many partitions the topic would have.

    Raises:
        OSError: an output cannot be written. What `batches` raises comes through.
    """
    counts = Counts()
    for lines, batch in replayed(batches, pipeline, partitions=partitions):
        if batch.answers.decisions:
            decisions.write(as_lines(batch.answers.decisions))
        if features is not None:
            features.add(batch.screening)
        unusable = batch.unusable()
        if dead_letters is not None:
            _write_dead_letters(dead_letters, batch, unusable, counts.lines)
        counts.lines += len(lines)
        counts.decisions += len(batch.answers.decisions)
        counts.rejected += len(unusable)
        _count_actions(counts, batch.screening)
        yield counts


def _count_actions(counts: Counts, screening: Screening) -> None:
    found = Counter(outcome.action for outcome in screening.decided.values())
    found[Action.ALLOW] += len(screening.calls) - len(screening.decided)
    for action, calls in (+found).items():
        counts.actions[action] = counts.actions.get(action, 0) + calls


def _partitions(lines: Sequence[bytes], partitions: int) -> list[int] | None:
    if partitions == 1:
        return None
    return partitions_of([_calling_number(line).encode() for line in lines], partitions)


def _calling_number(line: bytes) -> str:
    try:
        return _KEY_DECODER.decode(line).calling_number
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""  # a bad line: reading rejects it, its partition has no effect


def _write_dead_letters(out: BinaryIO, batch: Batch, unusable: Sequence[Unusable], first_line: int) -> None:
    for position, code, message in unusable:
        _, letter = dead_letter(("file", 0, first_line + position), code, message, batch.records.value(position), 0)
        out.write(letter + b"\n")


def batches_of(source: BinaryIO) -> Iterator[list[bytes]]:
    """Lines without their line ends, `MAX_BATCH` at a time; read in chunks, as they come.

    Raises:
        EOFError: like the others of `models.data.files.DAMAGED`, when reading does; the lines before have been given.
    """
    lines: list[bytes] = []
    begun: list[bytes] = []  # of a line whose end has not been read
    try:
        for chunk in iter(partial(source.read1, CHUNK_BYTES), b""):  # type: ignore[attr-defined]
            whole, line_end, rest = chunk.rpartition(b"\n")
            if line_end:
                lines += _split(b"".join((*begun, whole)))
                begun = []
            begun.append(rest)
            while len(lines) >= MAX_BATCH:
                yield lines[:MAX_BATCH]
                del lines[:MAX_BATCH]
    except DAMAGED:
        if lines:
            yield lines
        raise
    last = b"".join(begun)
    if last:
        lines += _split(last)
    if lines:
        yield lines


def _split(text: bytes) -> list[bytes]:
    lines = text.split(b"\n")
    return [line.rstrip(b"\r") for line in lines] if b"\r" in text else lines


def read_batches(name: str, stack: ExitStack) -> Iterator[list[bytes]]:
    """Batches of lines of a file, unpacked as its name says.

    Raises:
        ReplayFailed: the file is damaged or was cut off; the lines before the damage have been given.
    """
    try:
        yield from batches_of(open_input(name, stack))
    except DAMAGED as error:
        raise ReplayFailed(f"{name} is damaged or truncated") from error


@click.command()
@click.argument("events", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--decisions", required=True, help="Where decisions go, one a line; `-` for standard output.")
@click.option("--features", type=click.Path(path_type=Path), help="Parquet file for the feature vector of every call.")
@model_option("--model", "name", "Model to decide by")
@click.option("--policy", type=click.Path(path_type=Path), help=_POLICY_HELP)
@click.option("--mode", type=click.Choice(["enforce", "shadow"]), help="[default: ROBOCALL_MODE, else the policy's].")
@click.option(
    "--partitions", type=click.IntRange(1, MAX_PARTITIONS), default=1, show_default=True, help=_PARTITIONS_HELP
)
@click.option("--campaigns", type=FILE, help="Campaigns to name, from `robocall campaigns list --json`.")
@click.option("--dead-letters", help="Where bad lines go, as dead-letter records.")
@click.option("--strict", is_flag=True, help="Exit with status 1 when a line was bad.")
@REGISTRY_OPTION
def replay(
    events: str,
    decisions: str,
    features: Path | None,
    name: str | None,
    policy: Path | None,
    mode: str | None,
    partitions: int,
    campaigns: Path | None,
    dead_letters: str | None,
    strict: bool,
    url: str | None,
) -> None:
    """Run EVENTS (JSON lines, optionally .gz or .zst, `-` for standard input) through the worker's own code.

    The same input gives byte-identical decisions. Bad lines are counted and reported; they do not stop the replay.
    The allow, block, do-not-originate, emergency and opt-out lists are empty in a replay.
    Budgets that were measured for this model and number of partitions are in force where the measure lies beside it.

    \b
    robocall simulate --out calls.jsonl.gz --labels labels.csv --hours 1
    robocall replay calls.jsonl.gz --decisions decisions.jsonl
    robocall replay calls.jsonl.gz --decisions /dev/null --features features.parquet --partitions 12
    """
    require_distinct(
        {"EVENTS": events, "--policy": policy, "--campaigns": campaigns},
        {"--decisions": decisions, "--features": features, "--dead-letters": dead_letters},
    )
    failures: list[Exception] = []
    chosen: dict[str, object] = {"policy_file": policy} if policy else {}
    chosen |= {"mode": mode} if mode else {}
    console = Console(stderr=True)
    with beside(place_of(url), name, partitions) as where:
        settings = load_settings(partitions=partitions, model_dir=where.whole(), **chosen)
        pipeline = loaded(settings, failures.append, console)
    if campaigns is not None:
        pipeline.screener.campaigns = CampaignNames()
        take_records(pipeline.screener.campaigns, campaigns.read_bytes().splitlines())
    counts = Counts()
    with ExitStack() as stack:
        say = stack.enter_context(step("Replaying", console))  # first: it ends when all files are closed
        source = read_batches(events, stack)
        out = open_output(decisions, stack)
        writer = None
        if features is not None:
            screener = pipeline.screener
            writer = FeatureWriter(features, partitions, screener.schema, codes_id(screener.engine.unassigned))
            stack.callback(writer.close)
        bad = open_output(dead_letters, stack) if dead_letters else None
        running = run(source, pipeline, partitions=partitions, decisions=out, features=writer, dead_letters=bad)
        for counts in running:
            say(f"{counts.lines:,} events")
    _report(console, counts, pipeline.screener)
    _refuse(events, counts, failures, strict=strict)


def _report(console: Console, counts: Counts, screener: Screener[WindowEngine]) -> None:
    actions = ", ".join(f"{name} {number:,}" for name, number in sorted(counts.actions.items()))
    console.print(f"{counts.lines:,} events, {counts.decisions:,} decisions ({actions}), {counts.rejected:,} bad lines")
    if screener.policy.does_enforce:
        console.print(f"The model's step: {screener.in_force.why}", soft_wrap=True)


def _refuse(events: str, counts: Counts, failures: list[Exception], *, strict: bool) -> None:
    """End with status 1 where the replay did not do what it was asked for."""
    if failures:
        raise ReplayFailed(f"{len(failures)} internal errors, their calls were allowed; the first: {failures[0]!r}")
    if counts.lines and counts.rejected == counts.lines:
        raise ReplayFailed(f"no line of {events} is an event: {WANTED}")
    if strict and counts.rejected:
        raise ReplayFailed(f"{counts.rejected} bad lines and --strict was given; see --dead-letters")
