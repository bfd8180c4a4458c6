"""What a person answered: the column `verdict` of a table of questions, and feedback of whoever looked at calls."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich.console import Console

from detector.contract.events import Feedback, Verdict
from models.data.complaints import PRESETS, UNSURE, Reading, verdict_of
from models.data.verdicts import LOOKED
from streams.commands.feedback import records_in
from streams.commands.questions.table import QuestionsUnreadable, answered_rows
from streams.commands.records.rows import LINES_SHOWN, Tally
from streams.running.clock import wall_clock_ms
from streams.running.printable import printable
from streams.running.progress import step
from streams.wire.feedback import FeedbackRefused, read_feedback

ANALYST = PRESETS["analyst"]
WORD_SHOWN = 30


class Answer(msgspec.Struct, frozen=True):
    """What somebody who looked said of one call, and when, epoch milliseconds."""

    is_robocall: bool
    time_ms: int


def answers_of(said: Iterable[Feedback]) -> dict[str, Answer]:
    """The latest answer of whoever looked, by the call id that it names; what names none is left out."""
    found: dict[str, Answer] = {}
    for one in said:
        if one.call_id is None or one.source not in LOOKED:
            continue
        if one.call_id not in found or found[one.call_id].time_ms <= one.time_ms:
            found[one.call_id] = Answer(one.verdict is Verdict.ROBOCALL, one.time_ms)
    return found


def answers_in(table: Path, console: Console) -> list[Feedback]:
    """Those that are filled in; how many are not is said. A table that somebody took away has none.

    Raises:
        QuestionsUnreadable: it cannot be read, or has words that are no verdict: they would be lost when the table is
            written anew.
    """
    tally = Tally()
    if not table.exists():
        return []
    _require_words(table)
    with step(f"Reading {table}", console, quick=True):
        reading = Reading({}, wall_clock_ms(), source=ANALYST.source)
        found = [read_feedback(value) for _, value in records_in(str(table), ANALYST, reading, tally)]
    if tally.left_open:
        text = f"{tally.left_open:,} rows of {table} are empty or unsure, so they are left open"
        console.print(text, markup=False, soft_wrap=True)
    for reason, count in tally.refused.items():
        console.print(printable(f"{count:,} x a row of {table} {reason}"), markup=False, soft_wrap=True)
    return [one for one in found if not isinstance(one, FeedbackRefused)]


def _require_words(table: Path) -> None:
    """Refuse a table in which somebody misspelt a verdict."""
    odd = [
        f"question {row.get('question', '')[:WORD_SHOWN]} {row['verdict'].strip()[:WORD_SHOWN]!r}"
        for row in answered_rows(table)
        if verdict_of(row["verdict"]) is None and row["verdict"].strip().lower() != UNSURE
    ]
    if odd:
        more = ", ..." if len(odd) > LINES_SHOWN else ""
        said = printable(", ".join(odd[:LINES_SHOWN]) + more)
        raise QuestionsUnreadable(
            f"{len(odd):,} verdicts of {table} are not understood ({said}): write robocall, lawful or unsure; "
            "nothing was taken, and the table is as it was"
        )
