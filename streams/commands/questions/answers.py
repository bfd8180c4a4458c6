"""What a person answered: the column `verdict` of a table of questions, and feedback of whoever looked at calls."""

import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich.console import Console

from detector.contract.events import Feedback, Verdict
from models.data.complaints import PRESETS, Reading
from models.data.verdicts import LOOKED
from streams.commands.feedback import records_in
from streams.commands.records.rows import Tally
from streams.running.progress import step
from streams.wire.feedback import FeedbackRefused, read_feedback

ANALYST = PRESETS["analyst"]


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
    """Those that are filled in; how many are not is said. A table that somebody took away has none."""
    tally = Tally()
    if not table.exists():
        return []
    with step(f"Reading {table}", console, quick=True):
        reading = Reading({}, time.time_ns() // 1_000_000, source=ANALYST.source)
        found = [read_feedback(value) for _, value in records_in(str(table), ANALYST, reading, tally)]
    left_open = tally.left_open + tally.refused.total()
    if left_open:
        text = f"{left_open:,} rows of {table} say neither robocall nor lawful, so they are left open"
        console.print(text, markup=False, soft_wrap=True)
    return [one for one in found if not isinstance(one, FeedbackRefused)]
