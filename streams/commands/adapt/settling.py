"""`robocall settle`: answers about callers drawn by lot decide whether the candidate of an adaptation is better."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from streams.commands.adapt.places import QUESTIONS, questions_option
from streams.commands.budgets.asking import unsure_in
from streams.commands.events.feedback import feedback_of
from streams.commands.events.source import Source
from streams.commands.models.place import FILE, JSON_OPTION
from streams.commands.questions.answers import answers_in, answers_of
from streams.files import changing
from streams.running.progress import step
from streams.settings import load_settings

if TYPE_CHECKING:
    from models.adapt.gate import Verdict
    from streams.commands.adapt.lots import Lot


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@questions_option
@click.option("--feedback", multiple=True, type=FILE, help="Answers as records of call-feedback; again for more files.")
@click.option("--archive", "is_archived", is_flag=True, help="Those of the archive, too (ROBOCALL_ARCHIVE_URL).")
@JSON_OPTION
def settle(
    folder: Path, questions: Path | None, feedback: tuple[Path, ...], *, is_archived: bool, as_json: bool
) -> None:
    """Settle whether what `robocall adapt` learnt is better than its base, by the answers in DIR/questions.csv.

    Nothing is learnt again: the candidate of then is in DIR/lot, and so is who was drawn. Answers are the filled-in
    column `verdict` (robocall, lawful, or unsure where you cannot tell), and those of --feedback and --archive in which
    an analyst or a traceback names a call by its id. They are kept in DIR/lot, and the table then has the questions
    that come next. Where the candidate is shown to be better it takes the place of the base in DIR, else the base
    stays.

    \b
      robocall adapt --events day.jsonl.zst --feedback feedback.jsonl --judge-h 8 --out own
      robocall settle own                                  # once own/questions.csv is filled in
      robocall settle own --archive                        # answers given in the console

    Twenty answers decide where they are clear; else twenty more are asked for, up to sixty in all.
    """
    console = Console(stderr=True)
    table, settings = questions or folder / QUESTIONS, load_settings()
    with step("Reading the lot", console, quick=True):
        from streams.commands.adapt import lots  # noqa: PLC0415 - scipy takes seconds

        lots.read_lot(folder)
    with changing(table):
        said = [*answers_in(table, console), *feedback_of(Source((), is_archived), feedback, console)]
        before = lots.read_lot(folder)
        lot = before.with_answers(answers_of(said), unsure_in(table).keys())
        with step("Comparing", console, quick=True):
            verdict, missing = lots.note_outcome(lot, folder, table, settings.signing)
    untold = len(before.callers) - len(lot.callers)
    _tell(lot, verdict, missing, untold, table, folder, console, as_json=as_json)


def _tell(
    lot: "Lot",
    verdict: "Verdict",
    missing: int,
    untold: int,
    table: Path,
    folder: Path,
    console: Console,
    *,
    as_json: bool,
) -> None:
    version, chosen = (lot.candidate, lot.choice.value) if verdict.adapts else (lot.base, "base")
    console.print(f"{lot.answered:,} callers answered about so far", highlight=False)
    if verdict.adapts and lot.silence:
        console.print(f"budgets: {lot.silence}", markup=False, soft_wrap=True)
    if untold:
        closed = "" if missing or verdict.adapts else ", and nobody else is left to ask about: the base stays"
        console.print(f"{untold:,} callers of whom nobody could tell are left out{closed}", soft_wrap=True)
    if missing:
        last = ": nobody else is left, so who stays open is left out then" if lot.has_nobody_else else ""
        text = f"{missing} more answers would tell: fill in {table}, unsure where you cannot tell, then run this again"
        console.print(text + last, markup=False, soft_wrap=True)
    if as_json:
        found: dict[str, Any] = {"version": version, "base": lot.base, "chosen": chosen, "gate": verdict.as_json()}
        found |= {"answers": lot.answered, "missing": missing}
        click.echo(json.dumps(found, allow_nan=False))
    elif verdict.adapts:
        click.echo(f"adapted model {version} is better than {lot.base}: written to {folder}")
    else:
        click.echo(f"kept the base model {version}: {verdict.reason}")
