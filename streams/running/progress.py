"""Something on the screen while people wait: at once, and every few seconds until it is done. Knows no kind of work."""

import contextlib
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from streams.running.told_every import EVERY_S, FIRST_S, told_every


class Say(Protocol):
    """Takes how far something is. It is cheap: call it as often as you like, from one thread at a time."""

    def __call__(self, detail: str = "", done: float | None = None, of: float | None = None) -> None:
        """Replace what is shown behind the text.

        Args:
            detail: "12 of 44 MB"; none leaves only the text.
            done: how much is done, in any unit.
            of: how much there is to do, in the same.
        """


@contextlib.contextmanager
def step(text: str, console: Console | None = None, *, quick: bool = False) -> Iterator[Say]:
    """Show that `text` goes on: a bar on a terminal, elsewhere a line at once and one every `EVERY_S`.

    One at a time on a terminal. Other lines go through the same console meanwhile, or they tear the bar.

    Args:
        text: what goes on, "Starting the broker".
        console: where to show it; standard error unless given. A quiet one shows nothing.
        quick: it is mostly done at once: without a terminal nothing is written before `FIRST_S`.

    Yields:
        What takes how far it is.
    """
    console = console or Console(stderr=True)
    is_bar = console.is_terminal and not console.quiet
    with _bar(text, console) if is_bar else _lines(text, console, quick=quick) as say:
        yield say


@contextlib.contextmanager
def _bar(text: str, console: Console) -> Iterator[Say]:
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    # What a program reads from standard output is not to end up on the terminal.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task(text, total=None)

        def say(detail: str = "", done: float | None = None, of: float | None = None) -> None:
            progress.update(task, description=_joined(text, detail), completed=done, total=of)

        yield say


@contextlib.contextmanager
def _lines(text: str, console: Console, *, quick: bool) -> Iterator[Say]:
    reached = ("", "")

    def say(detail: str = "", done: float | None = None, of: float | None = None) -> None:
        nonlocal reached
        reached = (detail, f"{done / of:.0%}" if of and done is not None else "")

    def show(*details: str) -> None:
        console.print(_joined(text, *details), soft_wrap=True, highlight=False, markup=False)

    if not quick:
        show()
    first_s = FIRST_S if quick else EVERY_S
    with told_every(EVERY_S, lambda elapsed_s: show(*reached, f"{elapsed_s:.0f} s"), first_s):
        yield say


def _joined(*parts: str) -> str:
    return ", ".join(filter(None, parts))
