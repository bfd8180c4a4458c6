"""The last lists that were read from Redis, kept beside the snapshots for workers that start while Redis is away.

One text file in the snapshot store, for its owner only and never seen half-written: a line with a digest of all the
rest, and with a key a signature; a line of JSON with version, time and what is known of entries; then the entries, each
list behind a heading. The size is checked before it is read, digest and signature after, and the lists are built by the
same code as ever.
"""

import asyncio
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
import structlog

from detector.contract.errors import RobocallError
from detector.numbers.do_not_originate import ListEntryInvalid
from detector.policy.lists import LISTS, Basis, Lists
from models.errors import StoredFileUnusable
from models.serve.signing import UNSIGNED, Signing
from models.store.opening import open_storage
from models.store.sealed import LINE_BYTES, Seal, SealBroken, digest_of
from models.store.storage import Drafts
from streams.running.daemon_thread import DaemonThread

MAX_BYTES = 256 * 1024 * 1024
PATIENCE_S = 5.0
"""Longest that a start waits for the store: Redis may answer meanwhile."""
RETRY_S = 60.0
REFRESH_MS = 600_000
"""Lists that stay as they are are written again after so long, so that their age is true."""
STORE_TIMEOUT_S = 60.0
HEADING = b"\t"  # no entry begins with it
MAGIC = b"robocall lists 1 "
SIGNED_AS = "kept lists"
DRAFTS = Drafts("{name}.{random}.tmp", abandoned_after_s=3_600.0)
REFUSALS = (StoredFileUnusable, SealBroken, msgspec.MsgspecError, UnicodeDecodeError, ListEntryInvalid, KeyError)

log = structlog.get_logger(__name__)


class KeptListsRefused(RobocallError):
    """Kept lists that are damaged, too large, or something else."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Lists as Redis once had them.

    Attributes:
        lists: the lists.
        version: that they had in Redis.
        confirmed_ms: when Redis last said that they were in force, epoch milliseconds.
    """

    lists: Lists
    version: str
    confirmed_ms: int


class _Header(msgspec.Struct, frozen=True, omit_defaults=True):
    version: str
    confirmed_ms: int
    audited: list[str] = []
    orders: dict[str, Basis] = {}


class KeptLists:
    """The file. Blocking: for a thread, never for the event loop.

    Args:
        url: of the snapshot store.
        identity: whose lists they are (`identity_of`).
        signing: with a key they are signed, with whose they are, and only signed ones are read.

    Raises:
        StorageError: the kind of URL is unknown, or needs a library that is not installed. Both methods raise it too,
            whatever is the matter with the store.
    """

    def __init__(self, url: str, identity: str, signing: Signing = UNSIGNED) -> None:
        self._seal = Seal(MAGIC, SIGNED_AS, signing)
        self._storage = open_storage(
            url,
            holds="the last lists",
            setting="ROBOCALL_SNAPSHOT_URL",
            drafts=DRAFTS,
            is_private=True,
            timeout_s=STORE_TIMEOUT_S,
        )
        self._name = f"{identity}.lists"

    def write(self, kept: Kept) -> None:
        """Put lists in the place of those kept before.

        Raises:
            KeptListsRefused: they are larger than `MAX_BYTES`; those before stay.
        """
        rest = b"".join(_lines(kept))
        if len(rest) > MAX_BYTES:
            raise KeptListsRefused(f"lists of {len(rest)} bytes are not kept: the most is {MAX_BYTES}")
        self._storage.write(self._name, self._seal.close(self._name, rest))

    def read(self) -> Kept | None:
        """Return what was kept last; None when nothing was.

        Raises:
            KeptListsRefused: it is damaged, or not signed as it has to be; one sentence.
        """
        if not self._storage.exists(self._name):
            return None
        try:
            file = self._storage.read(self._name, limit_bytes=MAX_BYTES + LINE_BYTES)
            return _parsed(io.BytesIO(self._seal.open(self._name, file)))
        except REFUSALS as error:
            raise KeptListsRefused(f"the kept lists are not used: {error}") from error


def identity_of(redis_address: str, consumer_group: str) -> str:
    """Return what tells the lists of this Redis and these workers from those of others in the same store."""
    return f"kept-{digest_of(f'{consumer_group} {redis_address}'.encode())[:16].decode()}"


def _lines(kept: Kept) -> Iterator[bytes]:
    lists = kept.lists
    header = _Header(kept.version, kept.confirmed_ms, sorted(lists.audited), dict(lists.orders))
    yield msgspec.json.encode(header) + b"\n"
    for name in LISTS:
        yield HEADING + name.encode() + b"\n"
        for entry in sorted(getattr(lists, name)):
            yield entry.encode("utf-8", "surrogatepass") + b"\n"


def _parsed(lines: io.BytesIO) -> Kept:
    header = msgspec.json.decode(lines.readline(), type=_Header)
    found: dict[str, set[str]] = {name: set() for name in LISTS}
    entries: set[str] = set()
    for line in lines:
        text = line[:-1].decode("utf-8", "surrogatepass")
        if line.startswith(HEADING):
            entries = found[text[1:]]
        else:
            entries.add(text)
    entries_of = {name: frozenset(texts) for name, texts in found.items()}
    lists = Lists(**entries_of, audited=frozenset(header.audited), orders=header.orders)
    return Kept(lists, header.version, header.confirmed_ms)


class ListKeeper:
    """Reads the file once at the start, and writes it behind the event loop whenever the lists are others.

    Args:
        kept: the file.
        clock: seconds, monotonic.
    """

    def __init__(self, kept: KeptLists, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = kept
        self._clock = clock
        self._thread = DaemonThread("list keeper")
        self._writing: asyncio.Future[bool] | None = None
        self._offered: Kept | None = None
        self._retry_at_s = 0.0

    async def recall(self) -> Kept | None:
        """Return what was kept last; None when there is nothing, or the store does not answer. Never raises."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._thread.run(self._file.read)
        except (RobocallError, OSError, TimeoutError) as error:
            log.warning("no lists of an earlier time", cause=str(error) or f"no answer within {PATIENCE_S:g} s")
            self._thread = DaemonThread("list keeper")  # the call may hang in the old one
            return None

    def keep(self, kept: Kept) -> None:
        """Have lists written that are not yet, or not lately; called again and again, returns at once, never raises."""
        if not self.is_idle:
            return
        if self._writing is not None and not self._writing.result():
            self._offered, self._retry_at_s = None, self._clock() + RETRY_S
        self._writing = None
        if self._clock() >= self._retry_at_s and not self._is_kept(kept):
            self._offered = kept
            self._writing = self._thread.post(self._write, kept)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being written."""
        return self._writing is None or self._writing.done()

    def _is_kept(self, kept: Kept) -> bool:
        offered = self._offered
        return (
            offered is not None
            and kept.lists is offered.lists
            and kept.confirmed_ms < offered.confirmed_ms + REFRESH_MS
        )

    def _write(self, kept: Kept) -> bool:
        try:
            self._file.write(kept)
        except Exception as error:  # noqa: BLE001 - without them the worker goes on, whatever it was
            log.warning("the lists could not be kept for the next start", cause=str(error), kind=type(error).__name__)
            return False
        return True
