"""The store of published snapshots: which there are, newest first, and never more than a few of each partition.

Names say whose state it is, up to which offset, and in which generation of the group it was copied; a random end lets
two workers that both believe they own a partition publish without touching each other's file. A published file never
changes. Blocking: for a thread, never for the event loop.
"""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from models.errors import StoredFileUnusable
from models.serve.signing import UNSIGNED, Signing
from models.store.opening import open_storage
from models.store.storage import Drafts
from streams.kafka.fleet_secret import SECRET_BYTES
from streams.state.snapshot_format import Header

KEEP = 3
TIMEOUT_S = 120.0
SUFFIX = ".snapshot"
COPY = "fleet-secret"
DRAFTS = Drafts("{name}.tmp", abandoned_after_s=3_600.0)

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
        signing: with a key, snapshots are signed and only signed ones are read (`streams.state.snapshot_file`).

    Raises:
        StorageError: the kind of URL is unknown, or needs a library that is not installed. Every method raises it too,
            whatever is the matter with the store.
    """

    def __init__(
        self, url: str, *, keep: int = KEEP, timeout_s: float = TIMEOUT_S, signing: Signing = UNSIGNED
    ) -> None:
        self.signing = signing
        self._keep = keep
        # Snapshots hold phone numbers, so they are for their owner only.
        self._storage = open_storage(
            url,
            holds="snapshots",
            setting="ROBOCALL_SNAPSHOT_URL",
            drafts=DRAFTS,
            is_private=True,
            timeout_s=timeout_s,
        )

    def publish(self, path: Path, header: Header) -> Entry:
        """Copy a finished file to the store, then remove all but the newest few of its partition.

        The caller answers for the group having committed `header.offset`, and keeps or deletes `path`. Snapshots of a
        later offset are not touched: they are those of a worker that took over meanwhile.

        Raises:
            StorageError: it was not published; or it was, and older ones could not be listed or deleted, as the text
                says.
        """
        name = (
            f"{_prefix(header.topic, header.partition)}{header.offset:020d}-{header.generation:010d}"
            f"-{secrets.token_hex(4)}{SUFFIX}"
        )
        self._storage.put(name, path)
        self._storage.remove_abandoned()
        entries = self._entries(header.topic, header.partition)
        for old in [entry for entry in entries if entry.offset <= header.offset][self._keep :]:
            self._storage.delete(old.name)
        return next(
            (entry for entry in entries if entry.name == name), Entry(header.offset, header.generation, name, 0)
        )

    def candidates(self, topic: str, partition: int, at_most: int) -> list[Entry]:
        """Snapshots of a partition with no record at or above the offset `at_most` in them, newest first."""
        return [entry for entry in self._entries(topic, partition) if entry.offset <= at_most]

    def drop_beyond(self, topic: str, partition: int, offset: int) -> None:
        """Delete the snapshots of a partition that have records at or above an offset in them."""
        for entry in self._entries(topic, partition):
            if entry.offset > offset:
                self._storage.delete(entry.name)

    def fetch(self, entry: Entry, folder: Path) -> Path:
        """Make a snapshot readable as a local file.

        Args:
            entry: one of `candidates`.
            folder: where to copy it to, if it is not local. Delete the folder afterwards, never the returned file: of
                a local store it is the published one.

        Raises:
            StoredFileUnusable: it was deleted meanwhile.
        """
        return self._storage.fetch(entry.name, folder)

    def keep_secret(self, secret: bytes) -> None:
        """Keep the secret of the fleet beside the snapshots, in place of another one; a folder's is its owner's."""
        if self.kept_secret() != secret:
            self._storage.write(COPY, secret)

    def kept_secret(self) -> bytes | None:
        """What `keep_secret` kept; None where there is nothing that could be one."""
        try:
            kept = self._storage.read(COPY, limit_bytes=SECRET_BYTES)
        except StoredFileUnusable:
            return None
        return kept if len(kept) == SECRET_BYTES else None

    def _entries(self, topic: str, partition: int) -> list[Entry]:
        prefix = _prefix(topic, partition)
        found: list[Entry] = []
        for file in self._storage.files():
            match = _REST.fullmatch(file.name, len(prefix)) if file.name.startswith(prefix) else None
            if match:
                found.append(Entry(int(match["offset"]), int(match["generation"]), file.name, file.changed_ms))
        return sorted(found, key=lambda entry: (entry.offset, entry.generation, entry.created_ms), reverse=True)


def _prefix(topic: str, partition: int) -> str:
    return f"{topic}-{partition:05d}-"
