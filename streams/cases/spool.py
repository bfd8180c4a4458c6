"""Records that Kafka could not take: one file each in a folder of this user, until the next command sends them.

Two commands may send one file at the same time: the same case twice is written once.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from detector.contract.errors import RobocallError
from streams.wire.cases import MAX_CASE_BYTES, Case, read_case
from streams.wire.records import encode

MOST_FILES = 10_000
_SUFFIX = ".json"


class SpoolFull(RobocallError):
    """There is no room for one more record."""


class Spool:
    """A folder of cases that wait. Every method blocks for the disk.

    Args:
        folder: made when something has to wait, for its owner alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, case: Case) -> None:
        """Keep a case until it is sent; it is on the disk when this returns.

        Raises:
            SpoolFull: 10,000 wait already.
            OSError: it cannot be written.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(self._names()) >= MOST_FILES:
            raise SpoolFull(f"{MOST_FILES:,} records wait in {self._folder}: see that Kafka takes them")
        path = self._folder / f"{case.opened_ms}-{case.case_id}{_SUFFIX}"
        draft = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(encode(case))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def waiting(self) -> Iterator[tuple[Path, Case]]:
        """Cases that wait, the oldest first, each with its file; what is no case is left alone."""
        for name in self._names():
            path = self._folder / name
            with contextlib.suppress(OSError):
                with path.open("rb") as file:
                    case = read_case(file.read(MAX_CASE_BYTES + 1))
                if case is not None:
                    yield path, case

    def __len__(self) -> int:
        """How many wait."""
        return len(self._names())

    def _names(self) -> list[str]:
        try:
            return sorted(path.name for path in self._folder.iterdir() if path.suffix == _SUFFIX)
        except FileNotFoundError:
            return []
