"""When `robocall adapt --watch` learns, from which span, and what it remembers of the last one. It knows no model."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from detector.features.window_constants import DAY_MS, MINUTE_MS
from models.errors import StoredFileUnusable
from models.store.opening import open_storage
from models.store.storage import Drafts
from streams.archive.export import Span
from streams.errors import SettingsInvalid

FILE = "watch.json"
MAX_BYTES = 64 * 1024
ATTEMPTS = 3
"""A span that so many attempts failed on is given up."""
DRAFTS = Drafts("{name}.part", abandoned_after_s=0.0)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Each night, from a whole number of hours that end with a UTC day.

    Attributes:
        at_ms: So long after the end of a UTC day it is learnt from, milliseconds.
        span_ms: Length of the span.
    """

    at_ms: int
    span_ms: int

    def last(self, now_ms: int) -> Span:
        """The latest span that is complete: it ends with the last UTC day."""
        end_ms = now_ms - now_ms % DAY_MS
        return Span(end_ms - self.span_ms, end_ms)

    def next_ms(self, now_ms: int) -> int:
        """The next instant to learn at, later than now."""
        today_ms = now_ms - now_ms % DAY_MS + self.at_ms
        return today_ms if now_ms < today_ms else today_ms + DAY_MS

    def is_due(self, now_ms: int) -> bool:
        """Whether the latest complete span may be learnt from: the archive has had its minutes."""
        return now_ms % DAY_MS >= self.at_ms


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """How far one span is, and what came of it.

    Attributes:
        begin_ms: Of the span, epoch milliseconds.
        end_ms: Its end, itself left out.
        stage: What is done: nothing, the waiting model was judged, a model was written, it was put in its place; or
            the span was given up.
        attempts: How many failed.
        said: The latest outcome, one line.
        version: Of the model that was written; it may be the base.
        is_better: It is another one than the base.
        waiting: Version of the latest better model that was not promoted; it runs in shadow.
        unseen_from_ms: What the waiting model has not learnt from begins then.
        has_been_judged: The gate of promotions has refused that one; a person may think otherwise.
        answers: That the open lot had when it was looked at last.
        placed: Version of the model that was put in its place last, whichever way it was found.
    """

    begin_ms: int
    end_ms: int
    stage: Literal["begun", "judged", "learnt", "over", "given up"] = "begun"
    attempts: int = 0
    said: str = ""
    version: str = ""
    is_better: bool = False
    waiting: str = ""
    unseen_from_ms: int = 0
    has_been_judged: bool = False
    answers: int = 0
    placed: str = ""

    @property
    def is_over(self) -> bool:
        """Nothing is left to do."""
        return self.stage in {"over", "given up"}

    @property
    def span(self) -> str:
        """For people."""
        return f"{iso(self.begin_ms)} to {iso(self.end_ms)}"

    def failed(self, why: str) -> "Night":
        """After one more attempt that failed."""
        attempts = self.attempts + 1
        stage = "given up" if attempts >= ATTEMPTS else self.stage
        return msgspec.structs.replace(self, attempts=attempts, stage=stage, said=why)

    def after(self, span: Span) -> "Night":
        """The night of a later span: it knows which model waits."""
        return Night(
            begin_ms=span.begin_ms,
            end_ms=span.end_ms,
            waiting=self.waiting,
            unseen_from_ms=self.unseen_from_ms,
            has_been_judged=self.has_been_judged,
            answers=self.answers,
            placed=self.placed,
        )


class Notes:
    """Keeps the last night in a file, which is whole whenever somebody looks. Methods block for the disk.

    Args:
        folder: Of the file.

    Raises:
        StorageError: by both methods, when the folder cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._store = open_storage(folder, holds="the notes of the watch", setting="--out", drafts=DRAFTS)

    def read(self) -> Night | None:
        """The last night; None before the first.

        Raises:
            SettingsInvalid: the file is not one of ours.
        """
        if not self._store.exists(FILE):
            return None
        try:
            return msgspec.json.decode(self._store.read(FILE, limit_bytes=MAX_BYTES), type=Night)
        except (StoredFileUnusable, msgspec.MsgspecError) as error:
            path = self._store.address(FILE)
            raise SettingsInvalid(
                f"{path} is no note of a watch ({error}): remove it, or give another --out"
            ) from error

    def write(self, night: Night) -> None:
        """Put a night in place of the last one."""
        self._store.write(FILE, msgspec.json.format(msgspec.json.encode(night), indent=1) + b"\n")


def iso(epoch_ms: int) -> str:
    """An instant as options take it, UTC."""
    return datetime.fromtimestamp(epoch_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M")


def at_ms(clock: datetime) -> int:
    """A time of the day, as milliseconds since midnight."""
    return (clock.hour * 60 + clock.minute) * MINUTE_MS
