"""The lists that trust rests on, authorities and withdrawn certificates: read, renewed, and never older than before.

The last good ones stay, over restarts too, and their age is told. Whether a list that has ended still counts is said by
`detector.trust`: authorities stay, and a list of withdrawn certificates no longer says who is not on it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import structlog

from detector.contract.errors import RobocallError
from detector.trust.anchors import Anchors, read_anchor_list
from detector.trust.certificates import Certificate, parse_certificates
from detector.trust.revocation import Revocations, read_revocations
from detector.trust.verdict import Cause, Refused
from models.errors import StoredFileUnusable
from models.store.opening import open_storage
from models.store.storage import Drafts, Storage
from streams.running.failures import Failures
from streams.trust.fetching import Fetcher
from streams.trust.metrics import ListFigures
from streams.trust.sealing import sealed, unsealed
from streams.trust.settings import TRUST_PREFIX

ANCHORS, WITHDRAWN = "anchors", "withdrawn"
LARGEST_LIST_BYTES = 16 * 1024 * 1024
RETRY_S = 60.0
STORE_TIMEOUT_S = 30.0
MAGIC = b"robocall trust list 1 "
DRAFTS = Drafts("{name}.{random}.tmp", abandoned_after_s=3_600.0)
NOBODY_KNOWN = Revocations(frozenset(), 0)
"""While a list of withdrawn certificates is to be looked at and none is there: it cannot be told who is not on it."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the lists come from.

    Attributes:
        anchors_url: file or `https://` address of the authorities; None for none.
        crl_url: likewise of withdrawn certificates; None where nobody looks.
        administrators: certificates of the policy administrator.
        renewal_s: seconds between two looks.
    """

    anchors_url: str | None
    crl_url: str | None
    administrators: tuple[Certificate, ...]
    renewal_s: float


@dataclass(frozen=True, slots=True)
class AnchorsInForce:
    """Authorities, and of which list.

    Attributes:
        anchors: the authorities; the same object as long as they stay the same, since it keeps paths.
        sequence: of the STI-PA's list; 0 of certificates without one.
        ends_ms: epoch milliseconds; None where it does not end.
        seen_ms: when it was last seen to be the latest.
    """

    anchors: Anchors
    sequence: int
    ends_ms: int | None
    seen_ms: int


@dataclass(frozen=True, slots=True)
class WithdrawnInForce:
    """Withdrawn certificates, and when that was last seen to be the latest list, epoch milliseconds."""

    revocations: Revocations
    seen_ms: int


class _Header(msgspec.Struct, frozen=True):
    url: str
    fetched_ms: int
    latest: dict[str, int] = {}


@dataclass(slots=True)
class _Standing:
    """What is in force, and the highest sequence number of each signer of authorities; changed in place."""

    anchors: AnchorsInForce | None = None
    withdrawn: WithdrawnInForce | None = None
    latest: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=lambda: {ANCHORS: 0, WITHDRAWN: 0})


class TrustLists:
    """The lists in force. On one event loop.

    Args:
        sources: where they come from.
        state_url: folder or URL in which the last good ones stay.
        fetcher: for addresses that the operator named: any address may be asked.
        failed: takes internal errors.
        now_ms: the clock, epoch milliseconds.

    Raises:
        StorageError: the kind of `state_url` is unknown, or needs a library that is not installed.
    """

    def __init__(
        self, sources: Sources, state_url: str, fetcher: Fetcher, failed: Failures, now_ms: Callable[[], int]
    ) -> None:
        self._sources = sources
        self._fetcher = fetcher
        self._failed = failed
        self._now_ms = now_ms
        self._standing = _Standing()
        self._storage: Storage = open_storage(
            state_url,
            holds="the lists of trust",
            setting=f"{TRUST_PREFIX}STATE_URL",
            drafts=DRAFTS,
            is_private=True,
            timeout_s=STORE_TIMEOUT_S,
        )

    @property
    def anchors(self) -> AnchorsInForce | None:
        """Authorities; None while none are known."""
        return self._standing.anchors

    @property
    def withdrawn(self) -> WithdrawnInForce | None:
        """Withdrawn certificates; None while none are known, or nobody looks."""
        return self._standing.withdrawn

    @property
    def revocations(self) -> Revocations | None:
        """What verifying looks at; None where nobody looks."""
        if self._sources.crl_url is None:
            return None
        return NOBODY_KNOWN if self.withdrawn is None else self.withdrawn.revocations

    def figures(self) -> Mapping[str, ListFigures]:
        """How each list stands, for metrics."""
        found = {}
        failures = self._standing.failures
        if self._sources.anchors_url is not None:
            one = self.anchors
            found[ANCHORS] = ListFigures(failures=failures[ANCHORS]) if one is None else ListFigures(
                one.seen_ms / 1e3, _seconds(one.ends_ms), len(one.anchors.certificates), failures[ANCHORS]
            )  # fmt: skip
        if self._sources.crl_url is not None:
            other = self.withdrawn
            found[WITHDRAWN] = ListFigures(failures=failures[WITHDRAWN]) if other is None else ListFigures(
                other.seen_ms / 1e3, _seconds(other.revocations.next_update_ms), len(other.revocations.entries),
                failures[WITHDRAWN],
            )  # fmt: skip
        return found

    async def restore(self) -> list[str]:
        """Take what was kept of an earlier time.

        Returns:
            What cannot be used, one sentence each; a damaged file is one, and so is a store that does not answer.
        """
        return [line for name in (ANCHORS, WITHDRAWN) if (line := await self._guarded(name, self._restored(name)))]

    async def renew(self) -> list[str]:
        """Look once whether there are newer lists. What is refused leaves the last good one where it is.

        Returns:
            What is wrong, one sentence a list; nothing when all is well.
        """
        complaints = []
        for name in (ANCHORS, WITHDRAWN):
            complaint = await self._guarded(name, self._renewed(name))
            if complaint is not None:
                self._standing.failures[name] += 1
                complaints.append(complaint)
        return complaints

    async def run(self) -> None:
        """Look again and again, until it is cancelled. New authorities and new complaints are logged, once."""
        told: set[str] = set()
        while True:
            before = self.anchors
            complaints = set(await self.renew())
            now = self.anchors
            if now is not None and (before is None or now.anchors is not before.anchors):
                log.info("authorities in force", authorities=len(now.anchors.certificates), sequence=now.sequence)
            for one in sorted(complaints - told):
                log.warning("a list of trust cannot be renewed, the last good one stays", cause=one)
            told = complaints
            await asyncio.sleep(min(self._sources.renewal_s, RETRY_S) if complaints else self._sources.renewal_s)

    async def _guarded(self, name: str, work: Any) -> str | None:
        try:
            await work
        except (RobocallError, OSError) as error:
            return f"{name}: {error}"
        except Exception as error:  # noqa: BLE001 - what is in force stays in force, whatever a list holds
            self._failed(error)
            return f"{name}: internal error {type(error).__name__}"
        return None

    async def _renewed(self, name: str) -> None:
        url = self._url(name)
        if url is None:
            return
        now_ms = self._now_ms()
        content = await self._read(url)
        await self._take(name, content, now_ms)
        latest = dict(self._standing.latest) if name == ANCHORS else {}
        await asyncio.to_thread(self._keep, name, _Header(url, now_ms, latest), content)

    async def _restored(self, name: str) -> None:
        url = self._url(name)
        kept = None if url is None else await asyncio.to_thread(self._kept, name)
        if kept is None:
            return
        header, content = kept
        self._standing.latest |= header.latest  # of these signers nobody brings older ones, from elsewhere either
        if header.url == url:  # it was good when it came, and nothing else is asked of it
            await self._take(name, content, header.fetched_ms)

    def _keep(self, name: str, header: _Header, content: bytes) -> None:
        self._storage.write(_file(name), sealed(MAGIC, header, content))

    def _kept(self, name: str) -> tuple[_Header, bytes] | None:
        if not self._storage.exists(_file(name)):
            return None
        data = self._storage.read(_file(name), limit_bytes=LARGEST_LIST_BYTES + 8_192)
        found = unsealed(MAGIC, _Header, data)
        if found is None:
            raise StoredFileUnusable(f"{self._storage.url}/{_file(name)} is damaged")
        return found

    def _url(self, name: str) -> str | None:
        return self._sources.anchors_url if name == ANCHORS else self._sources.crl_url

    async def _read(self, url: str) -> bytes:
        if url.startswith("https://"):
            return (await self._fetcher.fetch(url, LARGEST_LIST_BYTES)).content
        return await asyncio.to_thread(_file_content, Path(url))

    async def _take(self, name: str, content: bytes, at_ms: int) -> None:
        """Read a list and put it in force. In a thread: a long one takes seconds, and calls do not wait for it."""
        if name == ANCHORS:
            self._standing.anchors = await asyncio.to_thread(self._anchors_of, content, at_ms)
        else:
            self._standing.withdrawn = await asyncio.to_thread(self._withdrawn_of, content, at_ms)

    def _anchors_of(self, content: bytes, at_ms: int) -> AnchorsInForce:
        before = self.anchors
        if b"-----BEGIN" in content:
            if before is not None and before.sequence:
                raise Refused(Cause.REPLAYED, "certificates without a list came where the STI-PA's signed list was")
            found: Sequence[Certificate] = parse_certificates(content)
            made = AnchorsInForce(Anchors(found), 0, None, at_ms)
        else:
            text = content.decode("latin-1")  # any byte is some character; no token has more than ASCII
            signed = read_anchor_list(text, self._sources.administrators, at_ms, self._standing.latest)
            self._standing.latest[signed.signer] = signed.sequence
            made = AnchorsInForce(Anchors(signed.anchors), signed.sequence, signed.expires_ms, at_ms)
        if before is not None and _prints(before.anchors) == _prints(made.anchors):
            return replace(made, anchors=before.anchors)
        return made

    def _withdrawn_of(self, content: bytes, at_ms: int) -> WithdrawnInForce:
        authorities = () if self.anchors is None else self.anchors.anchors.certificates
        found = read_revocations(content, (*self._sources.administrators, *authorities))
        before = self.withdrawn
        if before is not None:
            old, new = before.revocations.next_update_ms, found.next_update_ms
            if old is not None and (new is None or new < old):
                raise Refused(Cause.REPLAYED, "the list of withdrawn certificates is older than the latest")
        return WithdrawnInForce(found, at_ms)


def _file(name: str) -> str:
    return f"{name}.list"


def _file_content(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_LIST_BYTES:
        raise Refused(Cause.CERTIFICATE_MALFORMED, f"{path} has more than {LARGEST_LIST_BYTES:,} bytes")
    return path.read_bytes()


def _prints(anchors: Anchors) -> set[bytes]:
    return {one.fingerprint for one in anchors.certificates}


def _seconds(at_ms: int | None) -> float | None:
    return None if at_ms is None else at_ms / 1e3
