"""`robocall ask`: from events, a model and what was said so far to the questions that an analyst should answer now."""

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
import numpy as np
from rich.console import Console

from detector.columns.batch_columns import columns_of
from detector.columns.hashing import PUBLIC_SEED
from detector.contract.events import CallSetup
from streams.commands.adapt.inputs import Replayed, joining_of, replay_of, traffic_options
from streams.commands.ask.answering import appended, session, write_table
from streams.commands.budgets.collecting import keys_of
from streams.commands.budgets.command import read_senders
from streams.commands.budgets.source import Source
from streams.commands.models.place import REGISTRY_OPTION, artifact_folder, model_option, place_of
from streams.files import open_output, require_distinct
from streams.running.progress import Say, step
from streams.settings import load_settings
from streams.wire.reading import read
from streams.wire.record_columns import records_of

if TYPE_CHECKING:
    from models.adapt.asking import Question
    from models.adapt.calls import Calls
    from streams.commands.ask.asked import Asked

QUESTIONS = 20
_OUT = click.Path(path_type=Path, dir_okay=False)


@click.command()
@traffic_options
@model_option("--model", "name", "Model whose doubts are asked about")
@click.option("--questions", "most", type=click.IntRange(1, 200), default=QUESTIONS, show_default=True, help="At most.")
@click.option("--out", type=_OUT, help="File that answers are added to at once, as records of call-feedback.")
@click.option("--table", type=_OUT, help="Ask nothing: write the questions to this CSV file, to be filled in.")
@REGISTRY_OPTION
def ask(
    source: Source,
    feedback: tuple[Path, ...],
    name: str | None,
    senders: tuple[Path, ...],
    partitions: int | None,
    windows_h: float,
    most: int,
    out: Path | None,
    table: Path | None,
    url: str | None,
) -> None:
    """Ask which clusters of calls are robocalls: those that an answer moves most, each with its calls and why.

    A cluster is a number block in a trunk group, or an origin. On a terminal one key answers: r robocall, l lawful,
    s skip, q quit. An answer is about each of the cluster's calls, of more than 300 about so many. What stands in --out
    already is known, so a second session goes on where the first ended.

    \b
      robocall ask --events day.jsonl.zst --feedback complaints.jsonl --out answers.jsonl
      robocall adapt --events day.jsonl.zst --feedback complaints.jsonl --feedback answers.jsonl --out own
      robocall ask --archive --from 2026-11-24 --to 2026-11-25 --out answers.jsonl

    Without a terminal, --table writes the questions: fill in its column `verdict`, then import it.

    \b
      robocall ask --events day.jsonl.zst --feedback complaints.jsonl --table questions.csv
      robocall feedback import questions.csv --preset analyst --out answers.jsonl
    """  # noqa: D301 - click reads the backspace
    _check_usage(source, feedback, senders, out, table)
    console = Console(stderr=True)
    known = (*feedback, *((out,) if out is not None and out.exists() and out.stat().st_size else ()))
    with ExitStack() as stack:
        if out is not None:
            answers = stack.enter_context(appended(out))  # what cannot be written is said before minutes of work
        with step("Fetching the model", console, quick=True):
            folder = stack.enter_context(artifact_folder(place_of(url), name))
        settings = load_settings(mode="shadow", model_dir=folder, partitions=source.partitions(partitions))
        done = replay_of(settings, source, joining_of(source, known, console), windows_h, console)
        with step("Choosing what to ask", console) as say:
            asked = _asked(done, source, senders, most, stack, say)
        if table is not None:
            write_table(asked, open_output(str(table), stack))
            console.print(f"{len(asked)} questions written to {table}", highlight=False)
        elif not asked:
            console.print("nothing to ask: what is known settles every cluster that an answer would move")
        else:
            given, labelled = session(asked, answers, console)
            console.print(f"{given} answers, about {labelled:,} calls, are in {out}", highlight=False)


def _check_usage(
    source: Source,
    feedback: tuple[Path, ...],
    senders: tuple[Path, ...],
    out: Path | None,
    table: Path | None,
) -> None:
    source.require_whole()
    if (out is None) == (table is None):
        raise click.UsageError("give --out FILE for answers on a terminal, or --table FILE for a table to be filled in")
    if out is not None and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError("nobody can answer where there is no terminal: give --table FILE instead of --out")
    read_too = [("--events", one) for one in source.files] + [("--senders", one) for one in senders]
    read_too += [("--feedback", one) for one in feedback]
    for option, path in read_too:
        require_distinct({option: path}, {"--out": out, "--table": table})


def _asked(
    done: Replayed, source: Source, senders: tuple[Path, ...], most: int, stack: ExitStack, say: Say
) -> "list[Asked]":
    """Choose the questions, and read the events once more for the calls that they are about."""
    from models.adapt.asking import ask as choose  # noqa: PLC0415 - scipy takes seconds
    from models.adapt.calls import lawful_in  # noqa: PLC0415
    from models.adapt.labels import labels_of  # noqa: PLC0415
    from streams.commands.ask.asked import Asked  # noqa: PLC0415

    calls = done.gathering.calls()
    say("joining feedback and calls")
    lawful = lawful_in(calls, keys_of(list(map(source.number(), read_senders(senders)))))
    labels = labels_of(calls, lawful, done.gathering.said())
    say("counting what answers would move")
    asking = choose(calls, labels, lawful, most)
    setups = _setups(source.batches(stack), calls, asking.questions, say)
    return [
        Asked.of(one, asking, calls, labels, done.model, [setups[key] for key in calls.call[one.labelled].tolist()])
        for one in asking.questions
    ]


def _setups(
    batches: Iterable[list[bytes]], calls: "Calls", questions: "Iterable[Question]", say: Say
) -> dict[int, CallSetup]:
    """The calls that the questions are about, by key of the call id; of a repeated one the first."""
    places = [one.labelled for one in questions]
    wanted = calls.call[np.concatenate(places)] if places else np.zeros(0, np.int64)
    found: dict[int, CallSetup] = {}
    seen = 0
    for lines in batches:
        reading = read(records_of(lines))
        columns = columns_of(reading.facts, reading.events, reading.partitions, reading.arrivals_ms, seed=PUBLIC_SEED)
        is_wanted = columns.events.is_setup & np.isin(columns.events.call, wanted)
        for place in np.flatnonzero(is_wanted).tolist():
            found.setdefault(int(columns.events.call[place]), cast("CallSetup", reading.events[place]))
        seen += len(lines)
        say(f"{seen:,} events read for the calls that are asked about")
    return found
