"""The store of published snapshots: which there are, newest first, and never more than a few of each partition.

Names say whose state it is, up to which offset, in which generation of the group it was copied, and of which kind it
is; a random end lets two workers that both believe they own a partition publish without touching each other's file. A
published file never changes. Blocking: for a thread, never for the event loop.

What another build wrote is of another kind, and so is what was counted under another seed. Each kind keeps its newest
few, so that whoever goes back to the build before finds where that one stopped. They go when they are too old for use.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec

from models.errors import StoredFileUnusable
from models.serve.signing import SETTING, SIGNATURE_BYTES, UNSIGNED, Signing
from models.store.folder import open_to_others
from models.store.opening import open_storage
from models.store.storage import Drafts, StoredFile
from streams.kafka.fleet_secret import SECRET_BYTES
from streams.state.snapshot_errors import SnapshotRefused
from streams.state.snapshot_format import MAGIC, MAX_HEADER_BYTES, PREAMBLE, Header

KEEP = 3
OTHERS_MS = 25 * 3_600 * 1_000
"""So long snapshots of other kinds stay: no window reaches further back, and the topic keeps records so long."""
UNKNOWN = ""
"""Kind of what builds of before wrote, which did not say."""
TIMEOUT_S = 120.0
SUFFIX = ".snapshot"
COPY = "fleet-secret"
DRAFTS = Drafts("{name}.tmp", abandoned_after_s=3_600.0)

_NAME = re.compile(
    r"(?P<topic>[A-Za-z0-9._-]{1,249})-(?P<partition>[0-9]{5,10})-(?P<offset>[0-9]{20})-(?P<generation>[0-9]{10})"
    r"(-(?P<kind>[0-9a-f]{8}))?-[0-9a-f]{8}" + re.escape(SUFFIX)
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A published snapshot, by its name only: whether it is sound shows when it is read.

    Attributes:
        topic: Name of the topic's log, with its id.
        partition: The partition.
        offset: Every record below it is in the state.
        generation: Generation of the group in which it was copied.
        kind: Of which kind it is, `kind_of`; `UNKNOWN` where its name does not say.
        name: Its name in the store.
        created_ms: When it was published, epoch milliseconds by the store's clock; 0 where the store does not say.
        size_bytes: Its size.
    """

    topic: str
    partition: int
    offset: int
    generation: int
    kind: str
    name: str
    created_ms: int
    size_bytes: int


def kind_of(layout: str, feature_schema: str, seed: str) -> str:
    """Name what must be alike for a snapshot to be read: 8 hex digits."""
    return hashlib.blake2b(f"{layout}\n{feature_schema}\n{seed}".encode(), digest_size=4).hexdigest()


class SnapshotStore:
    """Snapshots of all partitions in one folder or bucket.

    Args:
        url: folder, or `s3://bucket/prefix`; address and credentials of S3 come from the environment (`AWS_...`).
        keep: how many snapshots of a partition stay of each kind, the newest.
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

    def complaint(self) -> str | None:
        """What to say of a folder where others may plant a file while nothing is signed; None where all is well."""
        folder = None if self.signing.key is not None else open_to_others(self._storage.folder)
        if folder is None:
            return None
        return f"others may put snapshots and lists into {folder}, which workers load: chmod 700, or set {SETTING}"

    def publish(self, path: Path, header: Header) -> Entry:
        """Copy a finished file to the store, then remove all but the newest few of its partition and kind.

        The caller answers for the group having committed `header.offset`, and keeps or deletes `path`. Snapshots of a
        later offset are not touched: they are those of a worker that took over meanwhile. Those of another kind go once
        they are older than `OTHERS_MS`.

        Raises:
            StorageError: it was not published; or it was, and older ones could not be listed or deleted, as the text
                says.
        """
        kind = kind_of(header.layout, header.feature_schema, header.seed)
        name = (
            f"{_prefix(header.topic, header.partition)}{header.offset:020d}-{header.generation:010d}"
            f"-{kind}-{secrets.token_hex(4)}{SUFFIX}"
        )
        self._storage.put(name, path)
        self._storage.remove_abandoned()
        entries = self._entries(header.topic, header.partition)
        size_bytes = path.stat().st_size
        unlisted = Entry(header.topic, header.partition, header.offset, header.generation, kind, name, 0, size_bytes)
        mine = next((entry for entry in entries if entry.name == name), unlisted)
        earlier = [entry for entry in entries if entry.kind == kind and entry.offset <= header.offset]
        others = [entry for entry in entries if entry.kind != kind and entry.created_ms > 0]
        outdated = [entry for entry in others if entry.created_ms < mine.created_ms - OTHERS_MS]
        for old in [*earlier[self._keep :], *outdated]:
            self._storage.delete(old.name)
        return mine

    def candidates(self, topic: str, partition: int, at_most: int, kind: str | None = None) -> list[Entry]:
        """Snapshots of a partition with no record at or above the offset `at_most` in them, newest first.

        Args:
            topic: name of its log.
            partition: the partition.
            at_most: the offset.
            kind: only those that may be of this kind; None = of every kind.
        """
        found = [entry for entry in self._entries(topic, partition) if entry.offset <= at_most]
        return [entry for entry in found if kind is None or entry.kind in (kind, UNKNOWN)]

    def everything(self) -> list[Entry]:
        """Snapshots of all logs and partitions, partition by partition, newest first."""
        found = [entry for file in self._storage.files() if (entry := _entry(file)) is not None]
        newest_first = sorted(found, key=age, reverse=True)
        return sorted(newest_first, key=lambda entry: (entry.topic, entry.partition))

    def header(self, entry: Entry) -> Header:
        """What a snapshot says of itself. Nothing of it is verified.

        Raises:
            StoredFileUnusable: it was deleted meanwhile.
            SnapshotRefused: it is none.
        """
        with self._storage.open(entry.name) as file:
            start = file.read(PREAMBLE.size)
            magic, _, size = PREAMBLE.unpack(start) if len(start) == PREAMBLE.size else (b"", 0, 0)
            if magic != MAGIC or size > MAX_HEADER_BYTES:
                raise SnapshotRefused(f"snapshot {entry.name} is damaged or cut off: it has no header")
            try:
                return msgspec.json.decode(file.read(size), type=Header)
            except msgspec.MsgspecError as error:
                raise SnapshotRefused(f"snapshot {entry.name} is damaged: {error}") from error

    def delete(self, entry: Entry) -> None:
        """Delete one; nothing happens where it is gone already."""
        self._storage.delete(entry.name)

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
        copy = secret + (self.signing.sign(COPY, secret) or b"")
        if self._copy() != copy:
            self._storage.write(COPY, copy)

    def kept_secret(self) -> bytes | None:
        """What `keep_secret` kept; None where there is nothing that could be one.

        Raises:
            SnapshotRefused: there is a key, and it was not signed with it.
        """
        copy = self._copy()
        if len(copy) not in (SECRET_BYTES, SECRET_BYTES + SIGNATURE_BYTES):
            return None
        secret, signature = copy[:SECRET_BYTES], copy[SECRET_BYTES:] or None
        problem = self.signing.problem(COPY, secret, signature)
        if problem is not None:
            raise SnapshotRefused(f"the copy of the fleet's secret is not used: {problem}")
        return secret

    def _copy(self) -> bytes:
        try:
            return self._storage.read(COPY, limit_bytes=SECRET_BYTES + SIGNATURE_BYTES)
        except StoredFileUnusable:
            return b""

    def _entries(self, topic: str, partition: int) -> list[Entry]:
        found = [entry for file in self._storage.files() if (entry := _entry(file)) is not None]
        return sorted((one for one in found if (one.topic, one.partition) == (topic, partition)), key=age, reverse=True)


def _entry(file: StoredFile) -> Entry | None:
    match = _NAME.fullmatch(file.name)
    if match is None:
        return None
    return Entry(
        match["topic"], int(match["partition"]), int(match["offset"]), int(match["generation"]),
        match["kind"] or UNKNOWN, file.name, file.changed_ms, file.size_bytes,
    )  # fmt: skip


def age(entry: Entry) -> tuple[int, int, int]:
    """What snapshots of a partition are ordered by: the newest is the greatest."""
    return entry.offset, entry.generation, entry.created_ms


def _prefix(topic: str, partition: int) -> str:
    return f"{topic}-{partition:05d}-"
