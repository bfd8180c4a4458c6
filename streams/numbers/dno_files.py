"""Do-not-originate lists where all workers find them: one file a list, in a folder or an object store.

A file is sealed (`models.store.sealed`) and never seen half-written. Its content is a line of JSON (day of the list,
when it was imported, how many entries of each length), then the entries of each length as little-endian integers of 64
bits, ascending. `robocall dno import` makes it from text, so that whatever is wrong with a list is said to whoever
brings it, and no worker ever reads text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated

import msgspec
import numpy as np

from detector.columns.arrays import Ints
from detector.contract.errors import RobocallError
from detector.numbers.do_not_originate import DNO_LENGTHS, DnoList, DnoSource
from models.errors import StoredFileUnusable
from models.serve.signing import UNSIGNED, Signing
from models.store.opening import open_storage
from models.store.sealed import LINE_BYTES, Seal, SealBroken
from models.store.storage import Drafts, StoredFile
from streams.numbers.dno_text import MAX_ENTRIES

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
SUFFIX = ".dno"
MAGIC = b"robocall dno 1 "
SIGNED_AS = "do-not-originate list"
DRAFTS = Drafts("{name}.{random}.tmp", abandoned_after_s=3_600.0)
STORE_TIMEOUT_S = 60.0
ENTRY_BYTES = 8
MOST_DAYS = 36_500


class DnoFileRefused(RobocallError):
    """A file of a list that is damaged, too large, not signed, or something else."""


@dataclass(frozen=True, slots=True)
class DnoFile:
    """A list as it is kept.

    Attributes:
        entries: What is on it, and of whom and which day it is.
        imported_ms: When it was put there, epoch milliseconds.
        good_for_days: From its day on; older it blocks nothing. None = for ever.
    """

    entries: DnoList
    imported_ms: int
    good_for_days: int | None = None

    @property
    def name(self) -> str:
        """Name of the list."""
        return self.entries.source.name

    @property
    def day(self) -> date:
        """Day of the list."""
        return date.fromisoformat(self.entries.source.date)

    def age_days(self, today: date) -> int:
        """Whole days since the day of the list, at least 0."""
        return max(0, (today - self.day).days)

    def is_lapsed(self, today: date) -> bool:
        """Whether it is older than it is good for."""
        return self.good_for_days is not None and self.age_days(today) > self.good_for_days


class _Header(msgspec.Struct, frozen=True, omit_defaults=True):
    date: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    imported_ms: int
    counts: dict[int, Annotated[int, msgspec.Meta(ge=0, le=MAX_ENTRIES)]]
    good_for_days: Annotated[int, msgspec.Meta(ge=0, le=MOST_DAYS)] | None = None


class DnoFiles:
    """The lists of one place. Blocking: for a thread, never for an event loop.

    Args:
        url: Folder or URL.
        signing: With a key files are signed, with their names, and only signed ones are read.

    Raises:
        StorageError: The kind of URL is unknown, or needs a library that is not installed. All methods raise it too,
            whatever is the matter with the store.
    """

    def __init__(self, url: str, signing: Signing = UNSIGNED) -> None:
        self._seal = Seal(MAGIC, SIGNED_AS, signing)
        self._storage = open_storage(
            url,
            holds="do-not-originate lists",
            setting="ROBOCALL_NUMBERS_URL",
            drafts=DRAFTS,
            timeout_s=STORE_TIMEOUT_S,
        )
        self.url = self._storage.url

    def listing(self) -> dict[str, StoredFile]:
        """The files by name of their list; another file under the same name differs in time or size."""
        return {file.name.removesuffix(SUFFIX): file for file in self._storage.files() if file.name.endswith(SUFFIX)}

    def read(self, name: str) -> DnoFile:
        """Return a list.

        Raises:
            DnoFileRefused: It is damaged, or not signed as it has to be; one sentence.
        """
        try:
            file = self._storage.read(name + SUFFIX, limit_bytes=MAX_ENTRIES * ENTRY_BYTES + 2 * LINE_BYTES)
            return _parsed(name, self._seal.open(name, file))
        except (StoredFileUnusable, SealBroken, msgspec.MsgspecError, ValueError) as error:
            raise DnoFileRefused(f"the do-not-originate list {name} is not used: {error}") from error

    def write(self, file: DnoFile) -> None:
        """Put a list in the place of the one of the same name."""
        arrays = _arrays(file.entries.entries)
        header = _Header(
            file.entries.source.date,
            file.imported_ms,
            {length: len(keys) for length, keys in arrays.items()},
            file.good_for_days,
        )
        content = b"".join(keys.astype("<i8").tobytes() for keys in arrays.values())
        self._storage.write(
            file.name + SUFFIX, self._seal.close(file.name, msgspec.json.encode(header) + b"\n" + content)
        )

    def delete(self, name: str) -> None:
        """Delete a list; one that is gone already is no error."""
        self._storage.delete(name + SUFFIX)


def _arrays(entries: Mapping[int, Ints]) -> dict[int, Ints]:
    return {length: entries[length] for length in DNO_LENGTHS if length in entries}


def _parsed(name: str, content: bytes) -> DnoFile:
    """Read the content of a file; raises ValueError where it is not what its first line says, or in disorder."""
    at = content.find(b"\n") + 1
    header = msgspec.json.decode(content[:at], type=_Header)
    date.fromisoformat(header.date)
    if NAME.fullmatch(name) is None or not set(header.counts) <= set(DNO_LENGTHS):
        raise ValueError("it has a name or entries of no list")
    if sum(header.counts.values()) * ENTRY_BYTES != len(content) - at:
        raise ValueError("it has another number of entries than it says")
    found: dict[int, Ints] = {}
    for length in (one for one in DNO_LENGTHS if one in header.counts):
        keys = np.frombuffer(content, "<i8", header.counts[length], at).astype(np.int64)
        at += len(keys) * ENTRY_BYTES
        if len(keys) and not (keys[0] >= 0 and keys[-1] < 10**length and (keys[1:] > keys[:-1]).all()):
            raise ValueError(f"its entries of {length} digits are no such numbers in order")
        found[length] = keys
    return DnoFile(DnoList(DnoSource(name, header.date), found), header.imported_ms, header.good_for_days)
