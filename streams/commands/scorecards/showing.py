"""Scorecards for people: whom to call in sentences, which fit every terminal, and a table for each kind of card."""

import sys
from collections.abc import Iterator, Sequence
from datetime import date

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.running.printable import printable
from streams.scorecards.cards import LEAST_CALLS, SHARES, By, Card, to_call
from streams.scorecards.proposals import alarms_of

WIDTH = 200
"""Columns that tables may take in a pipe, and where all is asked for: a line that goes on below is read."""
_BRIEF = ("", "calls", "suspect", "before", "alarms")
"""Fits 80 columns; contacts stand in the sentences above."""
_LONGEST_ALARM = 12
_LEFT = frozenset({"", "alarms", "contact"})


def show(cards: Sequence[Card], day: date, top: int, *, is_wide: bool) -> None:
    """Print the cards of a day to standard error: whom to call, then each kind of card.

    Args:
        cards: Of that day, in the order in which they are shown.
        day: Which it is.
        top: At most so many of each kind.
        is_wide: Whether tables have all columns that say something, else a few that fit a terminal.
    """
    console = Console(stderr=True)
    console.print(f"Whom to call on {day}", style="italic")
    for line in [line for card in to_call(cards)[:top] for line in _lines(card)] or ["  nobody"]:
        console.print(printable(line), soft_wrap=True, highlight=False, markup=False)
    is_narrow = console.is_terminal and not is_wide
    tables = console if is_narrow else Console(stderr=True, width=max(WIDTH, console.width))
    for by in By:
        chosen = [card for card in cards if card.by is by][:top]
        if chosen:
            tables.print(_table(f"By {by}", chosen, is_wide=is_wide))
    if not cards:
        console.print(f"no call of {day} is archived")
    sys.stderr.flush()


def _lines(card: Card) -> Iterator[str]:
    suspect = card.shares["suspect"]
    named = card.key if card.by is By.UPSTREAM else f"trunk group {card.key}"
    yield f"{named}: {alarms_of(card)}"
    known = [f"{card.counts.calls:,} calls"]
    if suspect is not None:
        known.append(f"{suspect.low:.1%} to {suspect.high:.1%} suspect ({card.trend})")
    known += [f"{count:,} {what}" for count, what in (
        (card.campaigns, "campaigns"), (card.counts.tracebacks, "traced")) if count]  # fmt: skip
    yield f"  {', '.join(known)}; {card.contact or 'the register has no contact'}"


def _table(title: str, cards: Sequence[Card], *, is_wide: bool) -> Table:
    """A table of what at least one of the cards has."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    rows = [_cells(card) for card in cards]
    wanted = rows[0] if is_wide else _BRIEF
    there = [heading for heading in wanted if heading == "" or any(row[heading] for row in rows)]
    for heading in there:
        if heading in _LEFT:  # these give way, by whole words where they can
            table.add_column(heading, overflow="fold", min_width=_LONGEST_ALARM)
        else:
            table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(printable(row[heading])) for heading in there))
    return table


def _cells(card: Card) -> dict[str, str]:
    """What a table says of a card, by heading; empty where there is nothing to say."""
    suspect = card.shares["suspect"]
    return {
        "": card.key,
        "calls": f"{card.counts.calls:,}",
        "suspect": _percent(card, "suspect"),
        "95 %": "" if suspect is None else f"{suspect.low:.1%} to {suspect.high:.1%}",
        "before": card.trend.value,
        **{name: _percent(card, name) for name in list(SHARES)[1:]},
        "campaigns": f"{card.campaigns:,}" if card.campaigns else "",
        "traced": f"{card.counts.tracebacks:,}" if card.counts.tracebacks else "",
        "alarms": " ".join(card.alarms),
        "contact": card.contact or "",
    }


def _percent(card: Card, name: str) -> str:
    share = card.shares[name]
    if share is None:
        return ""
    few = getattr(card.counts, SHARES[name][1]) < LEAST_CALLS
    return f"({share.share:.1%})" if few else f"{share.share:.1%}"
