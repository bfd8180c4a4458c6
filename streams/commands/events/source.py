"""Which call events a command is about, files or a span of the archive, and the options that say so.

What is kept in the archive, numbers as keyed digests for one, is known here alone: a command gets batches of lines.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import reduce, wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from detector.contract.events import Feedback
from detector.contract.numbers import normal_form
from streams.archive.coverage import require_some
from streams.archive.export import Span, events, feedback_before, parts_of
from streams.archive.files import ArchiveStore
from streams.archive.numbers import NumberKey
from streams.archive.query import connected
from streams.archive.settings import ArchiveSettings
from streams.commands.models.place import FILE
from streams.commands.replay import read_batches
from streams.commands.shared.options import Instant, epoch_ms
from streams.running.clock import wall_clock_ms
from streams.screening.pipeline import MAX_BATCH
from streams.settings import load_settings

F = TypeVar("F", bound=Callable[..., object])
_SAID = [field.name for field in fields(Feedback) if field.name != "note"]


@dataclass(frozen=True, slots=True)
class Source:
    """Call events in order of time, as somebody named them. Every method but `require_whole` blocks for the place.

    Attributes:
        files: JSON lines; empty where they are those of the archive.
        is_archived: They are those of the archive.
        begin: With the archive, first arrival.
        end: Up to but without it.
    """

    files: tuple[Path, ...]
    is_archived: bool = False
    begin: datetime | None = None
    end: datetime | None = None

    def require_whole(self, judge_h: float | None = None) -> None:
        """Refuse options that name no events, or both kinds, or no time before the hours that judge.

        Args:
            judge_h: Hours at the end of the span that judge; None where none are named.

        Raises:
            UsageError: they do.
        """
        if bool(self.files) == self.is_archived:
            raise click.UsageError("give --events FILE, or --archive with --from and --to")
        if not self.is_archived and (self.begin is not None or self.end is not None):
            raise click.UsageError("--from and --to are for --archive")
        if self.is_archived and (self.begin is None or self.end is None or self.begin >= self.end):
            raise click.UsageError("--archive needs --from and a later --to")
        if self.begin and self.end and judge_h and self.end - self.begin <= timedelta(hours=judge_h):
            raise click.UsageError("--judge-h must leave some of the time from --from to --to to learn from")

    def batches(self, stack: ExitStack) -> Iterator[list[bytes]]:
        """Batches of lines without their line ends.

        Args:
            stack: Closes what was opened.

        Raises:
            ReplayFailed: a file is damaged or was cut off.
            ArchiveUnusable: nothing is archived, or a file of the archive went meanwhile, or is none.
            StorageError: the archive does not answer or refuses.
        """
        for file in self.files:
            yield from read_batches(str(file), stack)
        if self.begin is not None and self.end is not None:
            store = ArchiveStore(ArchiveSettings.load().url)
            require_some(store)
            span = Span(epoch_ms(self.begin), epoch_ms(self.end))
            yield from _in_batches(events(store, parts_of(store, span), span))

    def feedback(self) -> Iterator[Feedback]:
        """What was said until now, as far as the archive has it; of files nothing.

        Raises:
            QueryRefused: DuckDB is missing, or met a fault.
            StorageError: the archive does not answer or refuses.
        """
        if self.is_archived:
            with connected(ArchiveStore(ArchiveSettings.load().url)) as connection:
                yield from feedback_before(connection, wall_clock_ms())

    def number(self) -> Callable[[str], str]:
        """What makes of a number the form that these events have: a keyed digest where the archive keeps such."""
        key = ArchiveSettings.load().key if self.is_archived else None
        if key is None:
            return lambda number: number
        digest = NumberKey(key).number
        return lambda number: digest(normal_form(number))

    def alike(self, said: Iterable[Feedback]) -> Iterator[Feedback]:
        """Feedback from files, with numbers in the form that these events have.

        Beside that of the archive it is without notes, as that is: a record that is in both counts once.
        """
        if not self.is_archived:
            yield from said
            return
        number = self.number()
        for one in said:
            found = {name: getattr(one, name) for name in _SAID}
            for name in ("calling_number", "called_number"):
                found[name] = None if found[name] is None else number(found[name])
            yield Feedback(**found)

    def partitions(self, given: int | None) -> int:
        """Partitions that the calls are counted in: as given, else those of the workers for what they archived."""
        return given or (load_settings().partitions if self.is_archived else 1)


def _in_batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for line in lines:
        batch.append(line)
        if len(batch) == MAX_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


_OPTIONS = (
    click.option(
        "--events", multiple=True, type=FILE,
        help="Call events as JSON lines, in order of time (.gz, .zst); again for more.",
    ),
    click.option(
        "--archive", "is_archived", is_flag=True, help="Those of the archive instead (ROBOCALL_ARCHIVE_URL)."
    ),
    click.option("--from", "begin", type=Instant(), help="With --archive: first arrival, a UTC day or instant."),
    click.option("--to", "end", type=Instant(), help="With --archive: up to but without it."),
)  # fmt: skip


def source_options(command: F) -> F:
    """Give a command the options that name call events; it gets them as `source`, not checked yet."""

    @wraps(command)
    def with_source(
        *, events: tuple[Path, ...], is_archived: bool, begin: datetime | None, end: datetime | None, **rest: Any
    ) -> object:
        return command(source=Source(events, is_archived, begin, end), **rest)

    return cast("F", reduce(lambda made, option: option(made), reversed(_OPTIONS), with_source))
