"""Cases on a terminal: one line each, or one with its facts and its history."""

from collections.abc import Iterator
from datetime import UTC, datetime

from streams.running.printable import printable
from streams.wire.cases import Case


def when(at_ms: int) -> str:
    """An instant for people: UTC, to the second."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def line(case: Case, more: str = "") -> str:
    """A case in one line.

    Args:
        case: Any.
        more: What is said behind it.
    """
    held = ", held" if case.is_held else ""
    about = f"  {case.subject}" if case.subject else ""
    last = case.history[-1]
    text = f"{case.case_id}  {case.state}{held}{about}  {last.what} by {last.who}, {when(last.time_ms)}"
    return printable(f"{text}  {more}".rstrip())


def lines(case: Case) -> Iterator[str]:
    """A case with everything that is known of it, line by line."""
    held = ", on legal hold" if case.is_held else ""
    yield printable(f"{case.case_id}: {case.kind}, {case.state}{held}")
    if case.subject:
        yield printable(f"about {case.subject}")
    for name, text in case.details.items():
        shown = when(int(text)) if name.endswith("_ms") and text.isdecimal() else text
        yield printable(f"  {name.removesuffix('_ms')}: {shown}")
    for entry in case.history:
        why = f": {entry.why}" if entry.why else ""
        yield printable(f"{when(entry.time_ms)}  {entry.what} by {entry.who}{why}")
