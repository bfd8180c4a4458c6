"""`robocall ask`: from events, a model and what was said so far to the questions that an analyst should answer now."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from rich.console import Console

from streams.commands.adapt.inputs import SEED, Replayed, joining_of, known_of, replay_of, traffic_options
from streams.commands.adapt.listing import listed
from streams.commands.ask.answering import appended, session
from streams.commands.budgets.collecting import call_keys_of, keys_of
from streams.commands.budgets.command import read_senders
from streams.commands.events.source import Source
from streams.commands.models.place import FILE, REGISTRY_OPTION, artifact_folder, model_option, place_of
from streams.commands.questions.table import answered_rows, ids_in, write_table
from streams.commands.shared.distinct_files import require_distinct
from streams.files import open_output
from streams.running.progress import Say, step
from streams.settings import load_settings

if TYPE_CHECKING:
    from models.budgets.bounds import Ints
    from streams.commands.questions.asked import Asked

QUESTIONS = 20
_OUT = click.Path(path_type=Path, dir_okay=False)


@click.command()
@traffic_options
@model_option("--model", "name", "Model whose doubts are asked about")
@click.option("--questions", "most", type=click.IntRange(1, 200), default=QUESTIONS, show_default=True, help="At most.")
@click.option("--out", type=_OUT, help="File that answers are added to at once, as records of call-feedback.")
@click.option("--table", type=_OUT, help="Ask nothing: write the questions to this CSV file, to be filled in.")
@click.option("--asked", multiple=True, type=FILE, help="Earlier table: its calls are not asked about; again for more.")
@REGISTRY_OPTION
def ask(
    source: Source,
    feedback: tuple[Path, ...],
    name: str | None,
    senders: tuple[Path, ...],
    partitions: int | None,
    windows_h: float,
    judge_h: float | None,
    most: int,
    out: Path | None,
    table: Path | None,
    asked: tuple[Path, ...],
    url: str | None,
) -> None:
    """Ask which clusters of calls are robocalls: those that an answer moves most, each with its calls and why.

    Where answers do not say that the highest calls are robocalls, the highest are asked about, by a model that is
    learnt from the answers so far: ask in sessions. Else those near the border of what adapting teaches are.
    A cluster is a calling number, or a number block in a trunk group. On a terminal one key answers: r robocall,
    l lawful, s skip, q quit. An answer is about each of the cluster's calls, of more than 300 about so many. What
    stands in --out already is known, so a second session goes on where the first ended.

    \b
      robocall ask --events day.jsonl.zst --feedback complaints.jsonl --out answers.jsonl
      robocall adapt --events day.jsonl.zst --feedback complaints.jsonl --feedback answers.jsonl --out own
      robocall ask --archive --from 2026-11-24 --to 2026-11-25 --out answers.jsonl

    Without a terminal, --table writes the questions: fill in its column `verdict`, then import it. With --asked the
    next session knows what was asked before, and asks no more about what was left open.

    \b
      robocall ask --events day.jsonl.zst --feedback complaints.jsonl --table first.csv
      robocall feedback import first.csv --preset analyst --out answers.jsonl
      robocall ask --events day.jsonl.zst --feedback answers.jsonl --asked first.csv --table second.csv
    """
    source.require_whole(judge_h)
    _check_usage(source, feedback, senders, asked, out, table)
    asked_before = call_keys_of([call_id for one in asked for call_id in ids_in(one)])
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
            questions = _questions(done, source, senders, judge_h, most, asked_before, say)
        if table is not None:
            write_table(questions, open_output(str(table), stack))
            console.print(f"{len(questions)} questions written to {table}", highlight=False)
        elif not questions:
            console.print("nothing to ask: what is known settles every cluster that an answer would move")
        else:
            given, labelled = session(questions, answers, console)
            console.print(f"{given} answers, about {labelled:,} calls, are in {out}", highlight=False)


def _check_usage(
    source: Source,
    feedback: tuple[Path, ...],
    senders: tuple[Path, ...],
    asked: tuple[Path, ...],
    out: Path | None,
    table: Path | None,
) -> None:
    if (out is None) == (table is None):
        raise click.UsageError("give --out FILE for answers on a terminal, or --table FILE for a table to be filled in")
    if out is not None and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError("nobody can answer where there is no terminal: give --table FILE instead of --out")
    read_too = [("--events", one) for one in source.files] + [("--senders", one) for one in senders]
    read_too += [("--feedback", one) for one in feedback] + [("--asked", one) for one in asked]
    for option, path in read_too:
        require_distinct({option: path}, {"--out": out, "--table": table})
    if table is not None and answered_rows(table):
        raise click.UsageError(
            f"{table} has verdicts: take them with `robocall feedback import {table} --preset analyst --out FILE`, "
            "then give another --table"
        )


def _questions(
    done: Replayed,
    source: Source,
    senders: tuple[Path, ...],
    judge_h: float | None,
    most: int,
    asked_before: "Ints",
    say: Say,
) -> "list[Asked]":
    """Choose the questions, and say them in words."""
    from models.adapt.asking import ask as choose  # noqa: PLC0415 - scipy takes seconds
    from models.adapt.asking import ranking  # noqa: PLC0415
    from streams.commands.adapt.asked import why_of  # noqa: PLC0415

    say("joining feedback and calls")
    registered = keys_of(list(map(source.number(), read_senders(senders))))
    material, _ = known_of(done, done.model, registered, judge_h)

    def told(number: int) -> None:
        say(f"learning from the labels so far, round {number}")

    learnt = ranking(material, SEED, told)
    say("counting what answers would tell")
    asking = choose(material, learnt, most, np.isin(material.calls.call, asked_before))
    about = [(one.cluster, why_of(one, asking)) for one in asking.questions]
    return listed(about, material.calls, material.labels, done.model, source, say)
