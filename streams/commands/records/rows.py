"""Rows of tables as records of a topic: counted, published or written, and what was refused told with its lines."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

import click
from rich.console import Console

from streams.files import open_output
from streams.kafka.publishing.sending import Record, Sent, publish
from streams.running.printable import printable
from streams.running.progress import Say
from streams.settings import load_settings

LINES_SHOWN = 5
RECORDS_SHOWN = 3


@dataclass(slots=True)
class Tally(Sent):
    """What became of the rows so far.

    Attributes:
        refused: Lines that were refused, by reason, and how many there are.
        left_open: Rows of whoever could not tell: nothing is wrong with them.
    """

    refused: Counter[str] = field(default_factory=Counter)
    lines: dict[str, list[int]] = field(default_factory=dict)
    left_open: int = 0

    def refuse(self, line: int, reason: str) -> None:
        """Note a line that cannot be used."""
        self.refused[reason] += 1
        shown = self.lines.setdefault(reason, [])
        if len(shown) < LINES_SHOWN:
            shown.append(line)


def show_some(records: Iterable[Record], tally: Tally, say: Say) -> None:
    """Count the records, and print the first ones for whoever wants to see whether columns and times are right."""
    for _, value in records:
        tally.taken += 1
        if tally.taken <= RECORDS_SHOWN:
            click.echo(value)
        say(so_far(tally))


def deliver(topic: str, records: Iterable[Record], out: str | None, tally: Tally, say: Say) -> None:
    """Publish the records to a topic, or write them to a file.

    Args:
        topic: That they belong to.
        records: Keys and values; making the next one may block for a moment.
        out: File (.gz, .zst, `-`), one record a line; None to publish.
        tally: Counts, kept up to date.
        say: Told how far it is.

    Raises:
        RobocallError: no broker answers, or it refuses, or the topic is missing.
        OSError: the file cannot be written.
    """
    if out is None:
        # What aiokafka would say in many lines comes back as one error that says what to do.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        asyncio.run(publish(load_settings(), topic, records, tally, lambda: say(so_far(tally))))
        return
    with ExitStack() as stack:
        sink = open_output(out, stack)
        for _, value in records:
            sink.write(value + b"\n")
            tally.taken += 1
            say(so_far(tally))
        sink.flush()


def so_far(tally: Tally) -> str:
    """How far it is."""
    return f"{tally.taken:,} records, {tally.refused.total():,} refused"


def tell(tally: Tally, console: Console, verb: str) -> None:
    """Say what became of the rows, with the lines of those that were refused."""
    left_open = f"{tally.left_open:,} rows left open, " if tally.left_open else ""
    text = f"{tally.taken - tally.failed:,} records {verb}, {left_open}{tally.refused.total():,} rows refused"
    console.print(text, highlight=False)
    for reason, count in tally.refused.most_common():
        lines = ", ".join(map(str, tally.lines[reason])) + (", ..." if count > LINES_SHOWN else "")
        text = f"  {count:,} x a row {reason} (line {lines})"
        console.print(printable(text), highlight=False, markup=False, soft_wrap=True)
    if tally.failed:
        console.print(f"{tally.failed:,} records were not taken by the broker: import the table again", highlight=False)
