"""Something on the screen while people wait: at once, and every few seconds until it is done. Knows no kind of work."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console

from streams.running.told_every import told_every

EVERY_S = 5.0
"""Longest silence while something is waited for."""


@contextlib.contextmanager
def step(text: str, console: Console | None = None) -> Iterator[Callable[[str], None]]:
    """Show that `text` goes on: a spinner on a terminal, elsewhere a line at once and one every `EVERY_S`.

    Args:
        text: what goes on, "Starting the broker".
        console: where to show it; standard error unless given. A quiet one shows nothing.

    Yields:
        A function that replaces the detail shown behind the text: "12 of 44 MB".
    """
    console = console or Console(stderr=True)
    detail = ""

    def shown(elapsed_s: float) -> str:
        return ", ".join(filter(None, (text, detail, f"{elapsed_s:.0f} s" if elapsed_s >= 1 else "")))

    def say(what: str) -> None:
        nonlocal detail
        detail = what

    with contextlib.ExitStack() as stack:
        if console.is_terminal and not console.quiet:
            status = stack.enter_context(console.status(text))
            stack.enter_context(told_every(1.0, lambda elapsed_s: status.update(shown(elapsed_s))))
        else:
            console.print(text, soft_wrap=True, highlight=False)
            tell = lambda elapsed_s: console.print(shown(elapsed_s), soft_wrap=True, highlight=False)  # noqa: E731
            stack.enter_context(told_every(EVERY_S, tell))
        yield say
