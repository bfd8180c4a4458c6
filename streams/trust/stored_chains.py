"""Chains that were fetched, one file an address, for whoever shares the place; a damaged file counts as none."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from detector.trust.certificates import LARGEST_CHAIN_BYTES, Chain, parse_chain
from detector.trust.verdict import Refused
from models.errors import StoredFileUnusable
from models.store.opening import open_storage
from models.store.storage import Drafts, StoredFile
from streams.trust.sealing import sealed, unsealed
from streams.trust.settings import TRUST_PREFIX

MAGIC = b"robocall chain 1 "
ENDING = ".chain"
LARGEST_FILE_BYTES = LARGEST_CHAIN_BYTES + 8 * 1024
WRITES_BETWEEN_LOOKS = 64
"""So many files may be there beyond the bounds, for each process that writes."""
STORE_TIMEOUT_S = 10.0
DRAFTS = Drafts("{name}.{random}.tmp", abandoned_after_s=3_600.0)


@dataclass(frozen=True, slots=True)
class Entry:
    """A chain and how long it may be used.

    Attributes:
        url: where it stands.
        content: as it was fetched.
        fetched_ms: when, epoch milliseconds.
        until_ms: from then on it is fetched again.
        chain: the content, parsed.
    """

    url: str
    content: bytes
    fetched_ms: int
    until_ms: int
    chain: Chain


class _Header(msgspec.Struct, frozen=True):
    url: str
    fetched_ms: int
    until_ms: int


class StoredChains:
    """The files. Blocking: for a thread, never for the event loop.

    Files are for their owner only and never seen half-written. Failures are not kept here: a restart may ask again.

    Args:
        url: of the place.
        entries: most files that stay.
        size_bytes: most bytes that they have together.

    Raises:
        StorageError: by every method too, when the place does not answer.
    """

    def __init__(self, url: str, entries: int, size_bytes: int) -> None:
        self._storage = open_storage(
            url,
            holds="certificates",
            setting=f"{TRUST_PREFIX}CACHE_URL",
            drafts=DRAFTS,
            is_private=True,
            timeout_s=STORE_TIMEOUT_S,
        )
        self.url = self._storage.url
        self._entries = entries
        self._size_bytes = size_bytes
        self._writes = 0

    def read(self, url: str) -> Entry | None:
        """The entry of an address, whether or not it may still be used; None where there is none, or it is damaged."""
        name = _name(url)
        if not self._storage.exists(name):
            return None
        found = self._parsed(name)
        return found if found is not None and found.url == url else None

    def write(self, entry: Entry) -> None:
        """Put an entry in the place of the one before; every so often, the oldest beyond the bounds go."""
        content = sealed(MAGIC, _Header(entry.url, entry.fetched_ms, entry.until_ms), entry.content)
        if self._writes % WRITES_BETWEEN_LOOKS == 0:
            self._make_room()
        self._writes += 1
        self._storage.write(_name(entry.url), content)

    def forget(self, url: str) -> bool:
        """Delete the entry of an address; tell whether there was a file."""
        name = _name(url)
        was_there = self._storage.exists(name)
        self._storage.delete(name)
        return was_there

    def forget_all(self) -> int:
        """Delete all files; tell how many there were."""
        files = self._files()
        for file in files:
            self._storage.delete(file.path)
        return len(files)

    def everything(self) -> Iterator[tuple[str, Entry | None]]:
        """Each file's name and what it holds, None where it is damaged."""
        for file in self._files():
            yield file.path, self._parsed(file.path)

    def delete(self, name: str) -> None:
        """Delete a file of `everything` by its name."""
        self._storage.delete(name)

    def _parsed(self, name: str) -> Entry | None:
        try:
            found = unsealed(MAGIC, _Header, self._storage.read(name, limit_bytes=LARGEST_FILE_BYTES))
            if found is None:
                return None
            header, content = found
            return Entry(header.url, content, header.fetched_ms, header.until_ms, parse_chain(content))
        except (StoredFileUnusable, Refused):
            return None

    def _files(self) -> list[StoredFile]:
        return [file for file in self._storage.files() if file.path.endswith(ENDING)]

    def _make_room(self) -> None:
        self._storage.remove_abandoned()
        files = sorted(self._files(), key=lambda file: file.changed_ms)
        size = sum(file.size_bytes for file in files)
        beyond = len(files) - self._entries
        for number, file in enumerate(files):
            if number >= beyond and size <= self._size_bytes:
                return
            self._storage.delete(file.path)
            size -= file.size_bytes


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest() + ENDING
