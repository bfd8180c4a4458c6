"""The store of published snapshots: which there are, newest first, and never more than a few of each partition.

Names say whose state it is, up to which offset, and in which generation of the group it was copied; a random end lets
two workers that both believe they own a partition publish without touching each other's file. A published file never
changes. Blocking: for a thread, never for the event loop.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.state.snapshot_errors import SnapshotStoreError, store_error
from streams.state.snapshot_format import Header
from streams.state.snapshot_places import open_place

KEEP = 3
TIMEOUT_S = 120.0
SUFFIX = ".snapshot"

_REST = re.compile(r"(?P<offset>[0-9]{20})-(?P<generation>[0-9]{10})-[0-9a-f]{8}" + re.escape(SUFFIX))


@dataclass(frozen=True, slots=True)
class Entry:
    """A published snapshot, by its name only: whether it is sound shows when it is read.

    Attributes:
        offset: Every record below it is in the state.
        generation: Generation of the group in which it was copied.
        name: Its name in the store.
        created_ms: When it was published, epoch milliseconds by the store's clock; 0 where the store does not say.
    """

    offset: int
    generation: int
    name: str
    created_ms: int


class SnapshotStore:
    """Snapshots of all partitions in one folder or bucket.

    Args:
        url: folder, or `s3://bucket/prefix`; address and credentials of S3 come from the environment (`AWS_...`).
        keep: how many snapshots of a partition stay, the newest.
        timeout_s: how long one operation of an object store may take, seconds.

    Raises:
        SnapshotStoreError: the kind of URL is unknown, or needs a library that is not installed. Every method raises
            it too, whatever is the matter with the store.
    """

    def __init__(self, url: str, *, keep: int = KEEP, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._keep = keep
        try:
            self._place = open_place(url, timeout_s=timeout_s)
        except ImportError as error:
            kind = url.partition(":")[0]
            more = "pip install 'robocall-detector[s3]'" if kind in {"s3", "s3a"} else str(error)
            raise SnapshotStoreError(f"snapshots at {kind}:// need a library that is not installed: {more}") from error
        except (ValueError, OSError) as error:
            raise store_error("use as a store of snapshots", url, error) from error

    def publish(self, path: Path, header: Header) -> Entry:
        """Copy a finished file to the store, then remove all but the newest few of its partition.

        The caller answers for the group having committed `header.offset`, and keeps or deletes `path`. Snapshots of a
        later offset are not touched: they are those of a worker that took over meanwhile.

        Raises:
            SnapshotStoreError: it was not published; or it was, and older ones could not be removed, as the text says.
        """
        name = (
            f"{_prefix(header.topic, header.partition)}{header.offset:020d}-{header.generation:010d}"
            f"-{secrets.token_hex(4)}{SUFFIX}"
        )
        with self._telling("publish a snapshot to"):
            self._place.put(path, name)
        with self._telling("remove old snapshots, the new one is published, from"):
            entries = self._entries(header.topic, header.partition)
            for old in [entry for entry in entries if entry.offset <= header.offset][self._keep :]:
                self._place.remove(old.name)
        return next(
            (entry for entry in entries if entry.name == name), Entry(header.offset, header.generation, name, 0)
        )

    def candidates(self, topic: str, partition: int, at_most: int) -> list[Entry]:
        """Snapshots of a partition with no record at or above the offset `at_most` in them, newest first."""
        with self._telling("list the snapshots of"):
            return [entry for entry in self._entries(topic, partition) if entry.offset <= at_most]

    def fetch(self, entry: Entry, folder: Path) -> Path:
        """Make a snapshot readable as a local file.

        Args:
            entry: one of `candidates`.
            folder: where to copy it to, if it is not local. Delete the folder afterwards, never the returned file: of
                a local store it is the published one.
        """
        with self._telling("fetch a snapshot from"):
            return self._place.get(entry.name, folder)

    def _entries(self, topic: str, partition: int) -> list[Entry]:
        prefix = _prefix(topic, partition)
        found: list[Entry] = []
        for name, created_ms in self._place.names().items():
            match = _REST.fullmatch(name, len(prefix)) if name.startswith(prefix) else None
            if match:
                found.append(Entry(int(match["offset"]), int(match["generation"]), name, created_ms))
        return sorted(found, key=lambda entry: (entry.offset, entry.generation, entry.created_ms), reverse=True)

    @contextmanager
    def _telling(self, doing: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # every library of a store has errors of its own, and none may stop a worker
            raise store_error(doing, self._url, error) from error


def _prefix(topic: str, partition: int) -> str:
    return f"{topic}-{partition:05d}-"
