"""Callers drawn by lot, as a table of questions: answers tell how many of the highest calls are lawful."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.budgets.bounds import Ints
from models.budgets.references import Span
from streams.commands.events.source import Source
from streams.commands.questions.asked import Asked, counted
from streams.commands.questions.setups import setups_of
from streams.commands.questions.table import answered_rows, write_table
from streams.files import changing, write_whole
from streams.running.progress import Say

WHY = "it was drawn by lot from the highest calls: answers tell how many of these are lawful"
MOST_CALLS = 50
"""Calls of a caller that an answer names, evenly over their time."""
KEPT = 400
"""Answers that stay in a table: those of a month of working days. What is older is of no use to a measure."""


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
    some = [its[np.unique(np.linspace(0, len(its) - 1, MOST_CALLS).round().astype(np.int64))] for its in callers]
    setups = setups_of(source, span.call[np.concatenate(some)], say)
    return [
        Asked.of(
            [setups[key] for key in span.call[named].tolist()],
            counted(span.calling[its], span.called[its], span.at_ms[its]),
            WHY,
            is_block=False,
        )
        for its, named in zip(callers, some, strict=True)
    ]


def write_asked(questions: Sequence[Asked], table: Path) -> int:
    """Write questions to a table in place of those that are open; rows with an answer stay.

    Args:
        questions: What is to be asked.
        table: A file, or where one is to be. Nobody else changes it meanwhile; writing blocks.

    Returns:
        How many questions are open now: those that somebody answered meanwhile are not.

    Raises:
        StorageError: it cannot be written.
    """
    with changing(table):
        answered = answered_rows(table)[-KEPT:]
        known = {call_id for row in answered for call_id in (row.get("call_ids") or "").split()}
        still = [one for one in questions if known.isdisjoint(one.call_ids)]
        text = io.BytesIO()
        write_table(still, text, answered)
        write_whole(table, text.getvalue(), holds="the questions", setting="--questions")
    return len(still)
