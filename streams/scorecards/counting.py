"""Count days of the archive into cards: what the command prints and the console shows."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from functools import partial

from streams.archive.files import ArchiveStore
from streams.archive.query import connected
from streams.running.progress import Say
from streams.scorecards.cards import THRESHOLDS, Card, cards_of
from streams.scorecards.plan import load_plan
from streams.scorecards.query import MEMORY_BYTES, Days, register
from streams.upstreams.entries import load_upstreams
from streams.upstreams.settings import UpstreamsSettings


def _silent(detail: str = "", done: float | None = None, of: float | None = None) -> None:
    """Show nothing."""


def counted(
    store: ArchiveStore,
    days: Sequence[date],
    *,
    is_digested: bool,
    plan: str | None = None,
    thresholds: Mapping[str, float] = THRESHOLDS,
    say: Say = _silent,
) -> list[Card]:
    """Make the cards of some days, with names of the register where a setting names one.

    It blocks for the archive: seconds for a day of millions of calls.

    Args:
        store: The archive.
        days: UTC days of arrival.
        is_digested: Whether the archive keeps digests of numbers.
        plan: File of a numbering plan; None for none.
        thresholds: By name of a share; one that is not named is never alarming.
        say: Told about each day that is looked at.

    Raises:
        QueryRefused: DuckDB is missing, or met a fault.
        StorageError: the archive cannot be listed.
        PlanRefused: the plan is none.
        UpstreamsInvalid: the register is none.
    """
    path = UpstreamsSettings.load().file
    upstreams = () if path is None else load_upstreams(path)
    found: list[Card] = []
    with ExitStack() as stack:
        table = None if plan is None else load_plan(plan, lambda rows: say(f"{rows:,} rows of the plan"))
        connection = stack.enter_context(connected(store, MEMORY_BYTES))
        register(connection, upstreams, table)
        counter = Days(connection, is_digested=is_digested)
        for number, day in enumerate(days):
            lines = counter.lines(day, partial(_tell, say, number, len(days)))
            found += cards_of(lines, upstreams, day, thresholds=thresholds, has_reasons=not is_digested)
    return found


def _tell(say: Say, done: int, of: int, day: date) -> None:
    say(f"of {day}", done, of)
