"""Callers drawn by lot, as a table of questions: answers tell how many of the highest calls are lawful."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.budgets.bounds import Ints
from models.budgets.references import Span
from models.data.cells import as_it_was
from models.data.complaints import UNSURE, verdict_of
from streams.commands.budgets.collecting import is_of_one_caller
from streams.commands.events.source import Source
from streams.commands.questions.answers import Answer
from streams.commands.questions.asked import Asked, counted
from streams.commands.questions.setups import setups_of
from streams.commands.questions.table import answered_rows, listed_ids, rows_of, write_table
from streams.files import changing, write_whole
from streams.running.progress import Say

WHY = "it was drawn by lot from the highest calls: answers tell how many of these are lawful"
MOST_CALLS = 50
"""Calls of a caller that an answer names, evenly over their time."""
KEPT = 2_000
"""Answers that stay in a table, the latest: more than labels and blocks of any span can need."""


def asked_about(callers: Sequence[Ints], span: Span, source: Source, say: Say) -> list[Asked]:
    """Say in words who was drawn. It blocks for the disk and for processor time: all events are read.

    Args:
        callers: Places of the calls of each, in order of time.
        span: That they are places in.
        source: The events that it came from.
        say: Told how far it is.

    Raises:
        OSError: a file cannot be read.
        RobocallError: the archive cannot be read.
    """
    named = [_evenly(its[is_of_one_caller(span, its)]) for its in callers]
    setups = setups_of(source, span.call[np.concatenate(named)], say)
    found = []
    for its, some in zip(callers, named, strict=True):
        about = [setups[key] for key in span.call[some].tolist() if key in setups]  # events may go meanwhile
        calls = counted(span.calling[its], span.called[its], span.at_ms[its])
        found += [Asked.of(about, calls, WHY, is_block=False)] if about else []
    return found


def _evenly(places: Ints) -> Ints:
    """At most `MOST_CALLS` of them."""
    if not len(places):
        return places
    return places[np.unique(np.linspace(0, len(places) - 1, MOST_CALLS).round().astype(np.int64))]


def is_ours(table: Path) -> bool:
    """Whether the open questions of a table, which need not be there, are about callers drawn by lot.

    Raises:
        QuestionsUnreadable: it cannot be read.
    """
    return all(row.get("asked_because") == WHY for row in rows_of(table) if not row.get("verdict", "").strip())


def unsure_in(table: Path) -> dict[str, Answer]:
    """Calls of callers of whom nobody could tell, by call id: as lawful as if somebody had said so.

    Raises:
        QuestionsUnreadable: the table cannot be read.
    """
    rows = [row for row in answered_rows(table) if row["verdict"].strip().lower() == UNSURE]
    return {one: Answer(False, 0) for row in rows for one in as_it_was(row["call_ids"]).split()}


def write_asked(questions: Sequence[Asked], table: Path) -> int:
    """Write questions to a table in place of those that are open; rows with an answer stay, others are asked anew.

    Args:
        questions: What is to be asked.
        table: A file, or where one is to be; its lock is taken. Writing blocks.

    Returns:
        How many questions are open now: those that somebody answered meanwhile are not.

    Raises:
        QuestionsUnreadable: it cannot be read.
        StorageError: it cannot be written.
    """
    with changing(table):
        answered = [row for row in answered_rows(table) if _is_answer(row["verdict"])][-KEPT:]
        known = {call_id for row in answered for call_id in as_it_was(row["call_ids"]).split()}
        still = [one for one in questions if listed_ids(one.call_ids) and known.isdisjoint(one.call_ids)]
        text = io.BytesIO()
        write_table(still, text, answered)
        write_whole(table, text.getvalue(), holds="the questions", setting="--questions")
    return len(still)


def _is_answer(verdict: str) -> bool:
    return verdict_of(verdict) is not None or verdict.strip().lower() == UNSURE
