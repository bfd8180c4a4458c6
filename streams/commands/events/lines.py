"""What a command asks of the lines that it was given as call events: some are, and those that are not are said."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console

from streams.commands.replay import WANTED
from streams.errors import ReplayFailed
from streams.screening.batch import Batch


def with_events(
    replayed: Iterable[tuple[Sequence[bytes], Batch]], console: Console
) -> Iterator[tuple[Sequence[bytes], Batch]]:
    """Pass a replay on, and say at its end how many lines were no events.

    Args:
        replayed: Lines, and what became of them (`streams.commands.replay.replayed`).
        console: On which it is said.

    Raises:
        ReplayFailed: at the end, where there was no event.
    """
    read = bad = 0
    for lines, batch in replayed:
        read += len(lines)
        bad += len(batch.reading.rejected)
        yield lines, batch
    require_events(read, bad)
    if bad:
        console.print(f"{bad:,} of {read:,} lines are no events: they are left out", highlight=False, soft_wrap=True)


def require_events(read: int, bad: int) -> None:
    """Refuse lines of which none is an event.

    Args:
        read: How many there were.
        bad: How many of them are none.

    Raises:
        ReplayFailed: all.
    """
    if not read:
        raise ReplayFailed("there are no call events: the files are empty, or nothing was archived in that time")
    if bad == read:
        raise ReplayFailed(f"none of {read:,} lines is a call event: {WANTED}")
