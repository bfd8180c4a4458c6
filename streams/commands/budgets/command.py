"""`robocall budgets`: measure at which scores budgets are spent on the carrier's own traffic, and show what holds."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click
from rich.console import Console

from detector.contract.numbers import is_e164
from detector.features.schemas import SCHEMAS
from models.budgets.bounds import Ints
from models.budgets.making import LATER, MORE_DAYS, Subject, asked_by_lot, make, outlives, why_nobody
from models.budgets.measure import Measure
from models.budgets.references import Span, find
from models.errors import ArtifactError, MeasureRefused
from models.serve.artifact import Model
from models.watch.drift import has_moved
from streams.archive.query import DuckDbMissing
from streams.commands.budgets.asking import asked_about, is_ours, unsure_in, write_asked
from streams.commands.budgets.collecting import Collector, answers_about, keys_of, secret_of
from streams.commands.budgets.telling import held_back, plain, table_of, whose_is
from streams.commands.events.feedback import feedback_of
from streams.commands.events.lines import with_events
from streams.commands.events.source import Source, source_options
from streams.commands.models.beside import Beside, beside
from streams.commands.models.place import (
    FILE,
    JSON_OPTION,
    REGISTRY_OPTION,
    meant,
    model_option,
    own_place,
    place_of,
)
from streams.commands.questions.answers import Answer, answers_in, answers_of
from streams.commands.questions.table import is_table
from streams.commands.replay import loaded, replayed, require_judged
from streams.commands.shared.distinct_files import require_distinct
from streams.commands.shared.redis_of_settings import with_redis
from streams.files import changing
from streams.redis.connection import list_key
from streams.running.clock import wall_clock_ms
from streams.running.progress import Say, step
from streams.screening.batch import Batch
from streams.settings import MAX_PARTITIONS, Settings, load_settings

MAX_SENDERS_BYTES = 64 * 1024 * 1024
UNASKABLE = "who was drawn is answered about by now, or shows no call id of its own"
PARTITIONS = click.IntRange(1, MAX_PARTITIONS)
_POLICY_OPTION = click.option("--policy", type=FILE, help="Policy file [default: ROBOCALL_POLICY_FILE, else defaults].")


@click.group()
def budgets() -> None:
    """Earn enforcement: measure at which scores the policy's budgets of lawful calls are spent, on your own traffic.

    Until that is done the model's step labels and blocks nothing, whatever the mode. The measure lies beside the model
    as measure-PARTITIONS.json: calls are counted in as many partitions as workers have, or in one as in a replay.
    Workers take theirs within seconds.

    \b
      robocall budgets measure --archive --from 2026-11-18 --to 2026-11-20 --senders customers.txt
      robocall budgets measure --events day.jsonl.gz --senders customers.txt --model own --partitions 12
      robocall budgets show
    """


FOLDER_TOO = ", or a folder of your own to --model"


@budgets.command("measure")
@source_options
@model_option("--model", "name", "Model to measure")
@click.option(
    "--senders", multiple=True, type=FILE, help="Numbers of registered senders, one a line; again for more files."
)
@click.option("--allow-list", "is_allow_listed", is_flag=True, help="Take the numbers of the allow list in Redis, too.")
@click.option(
    "--feedback",
    multiple=True,
    type=FILE,
    help="Answers of analysts: records of call-feedback; again for more. What the archive has is taken with --archive.",
)
@click.option(
    "--questions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Table of callers drawn by lot: what is filled in is taken, and who is to be asked about is written.",
)
@click.option(
    "--judge-h",
    type=click.FloatRange(0, min_open=True),
    help="Measure so many hours at the end alone: those that judged a model of `robocall adapt --judge-h`.",
)
@click.option("--afresh", is_flag=True, help="Forget the last measure: no step limit, and no question about drift.")
@click.option(
    "--partitions",
    type=PARTITIONS,
    help="Partitions that the calls are counted in: those of your topic for workers, 1 for replays. "
    "[default: 1; ROBOCALL_PARTITIONS with --archive]",
)
@_POLICY_OPTION
@REGISTRY_OPTION
@JSON_OPTION
def measure(
    source: Source,
    name: str | None,
    senders: tuple[Path, ...],
    feedback: tuple[Path, ...],
    questions: Path | None,
    judge_h: float | None,
    partitions: int | None,
    policy: Path | None,
    url: str | None,
    *,
    is_allow_listed: bool,
    afresh: bool,
    as_json: bool,
) -> None:
    """Replay calls through MODEL, find which are lawful for reasons outside of the score, and write the thresholds.

    Lawful are calls of registered senders (own customers, verified names, allow lists, redress), and calls between two
    numbers that called each other and talked both times. Either kind has to keep a budget. All calls count as lawful
    where that spends more of it, as with fewer than some 3,000 senders: then no more are labelled than lawful ones may
    be, and little is caught. Of all calls at most ten times a budget are hit, whatever senders show.
    The windows must be some hours old first (budgets.windows_h), so give a day or more.

    Without senders a person can tell. --questions writes callers who were drawn by lot from the highest calls. Fill in
    the column `verdict` (robocall, lawful or unsure), and measure again. Where nearly all of them are robocallers, some
    40 answers let ten times as many calls be labelled, and further ones more. Answers count for later measures too, as
    long as their calls are in the span.

    \b
      robocall budgets measure --events day.jsonl.zst --model own --questions asked.csv    # again once it is filled in
    """
    source.require_whole(judge_h)
    _require_table(source, senders, feedback, questions)
    console = Console(stderr=True)
    place = place_of(url) if isinstance(meant(name), Path) else own_place(url, FOLDER_TOO)
    counted_in, given = source.partitions(partitions), {} if policy is None else {"policy_file": policy}
    with ExitStack() as stack:
        with step("Fetching the model", console, quick=True):
            where = stack.enter_context(beside(place, name, counted_in))
        settings = load_settings(mode="shadow", model_dir=where.folder, partitions=counted_in, **given)
        numbers = list(map(source.number(), _numbers(senders, is_allow_listed)))
        said = _said(source, feedback, questions, console)
        measured = _measured(settings, where, source.batches(stack), numbers, said, judge_h, afresh, console)
        if not measured.stays:
            where.write(measured.found)
    asked = _ask(measured, source, questions, console)
    _tell(measured, where, asked, questions, as_json=as_json)


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """A measure, the calls that it is of, and places of the calls of those who are to be asked about."""

    found: Measure
    span: Span
    asked: list[Ints]
    why_nobody: str
    """Is asked about; empty where somebody is."""
    stays: bool
    """The last measure does, until more is answered."""


def _require_table(
    source: Source, senders: tuple[Path, ...], feedback: tuple[Path, ...], questions: Path | None
) -> None:
    """Refuse to write questions over something else."""
    for option, files in (("--events", source.files), ("--senders", senders), ("--feedback", feedback)):
        for file in files:
            require_distinct({option: file}, {"--questions": questions})
    if questions is not None and not is_table(questions):
        raise click.UsageError(f"--questions {questions} is no table of questions: name one that need not be there yet")
    if questions is not None and not is_ours(questions):
        raise click.UsageError(f"--questions {questions} has open questions of another command: name another table")


def _said(source: Source, feedback: tuple[Path, ...], table: Path | None, console: Console) -> dict[str, Answer]:
    """Answers of files, of the archive and of the table, by call id; what nothing is installed to read is left out."""
    try:
        found = feedback_of(source, feedback, console)
    except DuckDbMissing as error:
        console.print(f"answers that the archive has are not taken: {error}", markup=False, soft_wrap=True)
        found = feedback_of(Source(()), feedback, console)
    if table is None:
        return answers_of(found)
    with changing(table):
        return answers_of([*found, *answers_in(table, console)]) | unsure_in(table)


def _ask(measured: _Measured, source: Source, table: Path | None, console: Console) -> int:
    """Write who is to be asked about, if anybody wants to know; how many that are."""
    if table is None:
        return len(measured.asked)
    with step("Writing questions", console) as say:
        asked = asked_about(measured.asked, measured.span, source, say) if measured.asked else []
        return write_asked(asked, table)


def _numbers(senders: Sequence[Path], is_allow_listed: bool) -> list[str]:
    """Numbers of registered senders, of files and of the allow list."""
    found = set(read_senders(senders))
    if is_allow_listed:
        found |= set(filter(is_e164, with_redis(_allow_list)))
    return sorted(found)


def read_senders(senders: Sequence[Path]) -> list[str]:
    """Numbers of registered senders, one a line, sorted; whatever else stands behind the number is for people.

    Args:
        senders: Files.

    Raises:
        MeasureRefused: a file is too large, or names no number.
        OSError: it cannot be read.
    """
    found: set[str] = set()
    for file in senders:
        with file.open("rb") as source:
            text = source.read(MAX_SENDERS_BYTES + 1)
        if len(text) > MAX_SENDERS_BYTES:
            raise MeasureRefused(f"{file} is larger than {MAX_SENDERS_BYTES} bytes: give several files")
        words = (line.replace(b",", b" ").replace(b";", b" ").split() for line in text.splitlines())
        numbers = {line[0].decode("ascii", "replace") for line in words if line}
        numbers = {number for number in numbers if is_e164(number)}
        if not numbers:
            raise MeasureRefused(f"{file} names no number: want one a line, in the form +12025550123")
        found |= numbers
    return sorted(found)


async def _allow_list(client: Any) -> list[str]:
    return [entry.decode("utf-8", "replace") async for entry in client.sscan_iter(list_key("allow"), count=1_000)]


def _measured(
    settings: Settings,
    where: Beside,
    lines: Iterator[list[bytes]],
    numbers: list[str],
    said: Mapping[str, Answer],
    judge_h: float | None,
    afresh: bool,
    console: Console,
) -> _Measured:
    failures: list[Exception] = []
    pipeline = loaded(settings, failures.append, console)
    model, policy = cast("Model", pipeline.screener.classifier), pipeline.screener.policy
    last = None if afresh else _last(where, model.version)
    collector = Collector(model, policy.budgets.windows_h)
    with step("Replaying", console) as say:
        replay = replayed(lines, pipeline, partitions=settings.partitions)
        _collect(with_events(replay, console), collector, say)
    require_judged(failures)
    with step("Finding the thresholds", console):
        span = collector.span(judge_h)
        _require_alike(last, model, collector)
        now_ms, remedy = wall_clock_ms(), MORE_DAYS if judge_h is None else LATER
        subject = Subject.of(model, settings.partitions, span, now_ms, collector.traffic, remedy)
        secret = secret_of(settings.signing, model.version)
        references = find(span, keys_of(numbers), answers_about(span, said), secret)
        found = make(subject, references, policy.budgets, policy.standing_blocks, last)
        audit = references, policy.budgets, policy.standing_blocks, found
        asked = asked_by_lot(*audit)
        nobody = "" if asked else why_nobody(*audit)
        stays = last is not None and bool(asked) and outlives(last, found, references, *audit[1:3])
        return _Measured(found, span, asked, nobody, stays)


def _collect(replay: Iterator[tuple[Sequence[bytes], Batch]], collector: Collector, say: Say) -> None:
    seen = 0
    for part, batch in replay:
        collector.add(batch)
        seen += len(part)
        say(f"{seen:,} events, {collector.scored:,} calls scored in windows that are old enough")


def _last(where: Beside, version: str) -> Measure | None:
    """The measure that this one follows; one that cannot be used, or is of another model, is none."""
    try:
        last = where.read()
    except ArtifactError:
        return None
    return last if last is not None and last.model_version == version else None


def _require_alike(last: Measure | None, model: Model, collector: Collector) -> None:
    """Keep the last measure where the traffic has moved away from it: thresholds must not follow a flood of calls.

    Raises:
        MeasureRefused: it has.
    """
    before = None if last is None else last.reference(model.reference)
    if (
        before is not None
        and collector.traffic is not None
        and has_moved(before, collector.traffic, SCHEMAS[model.schema_id].names)
    ):
        raise MeasureRefused(
            "this traffic has moved away from that of the last measure, which stays: look why "
            "(docs/budgets.md), then measure with --afresh"
        )


@budgets.command("show")
@click.argument("name", metavar="[MODEL]", required=False)
@click.option("--partitions", type=PARTITIONS, help="That the calls are counted in [default: ROBOCALL_PARTITIONS].")
@REGISTRY_OPTION
@JSON_OPTION
def show(name: str | None, partitions: int | None, url: str | None, *, as_json: bool) -> None:
    """Say what was measured for a model, the running one unless it is named, and what is in force now."""
    settings = load_settings()
    with (
        step("Looking for the measure", quick=True),
        beside(place_of(url), name, partitions or settings.partitions) as where,
    ):
        found, force = where.read(), where.in_force(settings)
    now_ms = wall_clock_ms()
    state = {"state": force.state(now_ms), "said": force.said(now_ms)}
    if as_json:
        click.echo(json.dumps({**state, "measure": None if found is None else plain(found)}))
        return
    if found is not None:
        Console().print(table_of(found))
    click.echo(f"{state['state']}: {state['said']}")


def _tell(measured: _Measured, where: Beside, asked: int, questions: Path | None, *, as_json: bool) -> None:
    found = measured.found
    if as_json:
        click.echo(json.dumps({**plain(found), "asked": asked, "last_stays": measured.stays}))
        return
    Console(stderr=True).print(table_of(found))
    for sentence in (*found.complaints, *([] if measured.stays else held_back(found))):
        click.echo(sentence, err=True)
    if asked:
        how = "--questions FILE writes them" if questions is None else f"fill in {questions}, then measure again"
        click.echo(f"answers about {asked} callers drawn by lot may let more be hit: {how}", err=True)
    elif questions is not None:
        click.echo(f"nobody is asked about any more; {measured.why_nobody or UNASKABLE}", err=True)
    if measured.stays:
        text = "the last measure stays in force: it rests on more answers, and these say nothing against it"
        click.echo(text, err=True)
    whose = whose_is(where.partitions, load_settings().partitions)
    click.echo(f"{'left at' if measured.stays else 'written to'} {where.url}: {whose}")
