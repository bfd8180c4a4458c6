"""One call in, one verdict out, by a deadline: certificates are fetched for whoever comes next if not for this call."""

import asyncio
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from detector.trust.anchors import Anchors
from detector.trust.certificates import Certificate, Chain, parse_certificates
from detector.trust.parties import Parties
from detector.trust.replays import SeenTokens, without_replay
from detector.trust.verdict import Cause, Refused, Verdict
from detector.trust.verify import Trust, verify
from streams.errors import SettingsInvalid
from streams.running.clock import wall_clock_ms
from streams.running.failures import Failures
from streams.trust.anchors import Sources, TrustLists
from streams.trust.cache import ChainCache
from streams.trust.certificates import Certificates, Keeping
from streams.trust.fetching import Fetcher, Limits
from streams.trust.metrics import TrustMetrics
from streams.trust.resolving import EVERYWHERE, Lookup, Resolver, system_lookup
from streams.trust.settings import TRUST_PREFIX, TrustSettings
from streams.trust.stored_chains import StoredChains

MOST_ADDRESSES = 8
"""Certificates that one call may have fetched: it may have sixteen headers, with addresses of a stranger's choice."""
SHORT_CHARACTERS = 2_048
"""Headers of a call that are verified at once. Some 60 us for one token; the way to a thread and back takes longer."""
MOST_CHARACTERS = 256 * 1024
"""Of longer headers that are being verified or wait for a thread: some 20 ms. A further call is `not_checked`."""


class Verifier:
    """Verifies calls. On one event loop; long headers in a thread, which lets others run.

    Args:
        certificates: chains by address.
        lists: authorities and withdrawn certificates.
        seen: tokens that came before.
        metrics: told each verdict.
        threads: verify calls with long headers.
    """

    def __init__(
        self,
        certificates: Certificates,
        lists: TrustLists,
        seen: SeenTokens,
        metrics: TrustMetrics,
        threads: Executor,
    ) -> None:
        self._certificates = certificates
        self._lists = lists
        self._seen = seen
        self._metrics = metrics
        self._threads = threads
        self._in_work = 0
        metrics.lists = lists.figures
        metrics.forgotten = lambda: seen.forgotten

    async def verify(
        self,
        identities: Sequence[str],
        parties: Parties,
        *,
        call: str | None,
        at_ms: int,
        deadline_s: float,
        is_late: bool = False,
    ) -> Verdict:
        """Verify the Identity headers of a call.

        Args:
            identities: values of the headers.
            parties: who calls whom.
            call: what tells calls apart, the same for each attempt of one (P-Charging-Vector, else Call-ID); None
                where nothing does: then replays are not looked for.
            at_ms: when the call came, by a clock of ours, epoch milliseconds.
            deadline_s: on the clock of the event loop. A certificate that is not there by then is `not_checked`.
            is_late: whether the call says that it is older than a token may be: we had it late, and an old token is
                `not_checked` then.

        Returns:
            The verdict; nothing is raised.
        """
        found = await self._verdict(identities, parties, at_ms, deadline_s)
        if is_late and found.cause is Cause.STALE:
            found = found._replace(cause=Cause.NOT_CHECKED, detail="the call came here too late to tell")
        if call is not None:
            found = without_replay(found, self._seen, call, at_ms)
        self._metrics.verified(found.cause)
        return found

    async def _verdict(self, identities: Sequence[str], parties: Parties, at_ms: int, deadline_s: float) -> Verdict:
        lists = self._lists
        anchors = Anchors(()) if lists.anchors is None else lists.anchors.anchors
        chains = _Known(self._certificates, lists_known=lists.anchors is not None)
        trust = Trust(chains, anchors, lists.revocations)
        verdict = await self._worked_out(identities, parties, at_ms, trust)
        if not chains.missing:
            return verdict
        urls = list(chains.missing)[:MOST_ADDRESSES]
        chains.found.update(
            zip(urls, await asyncio.gather(*(self._certificates.get(url, deadline_s) for url in urls)), strict=True)
        )
        return await self._worked_out(identities, parties, at_ms, trust)

    async def _worked_out(self, identities: Sequence[str], parties: Parties, at_ms: int, trust: Trust) -> Verdict:
        """At once where headers are short, as lawful ones are; else in a thread, so that they delay nobody.

        What waits for a thread is bounded by its size.
        """
        size = sum(map(len, identities))
        if size <= SHORT_CHARACTERS:
            return verify(identities, parties, at_ms, trust)
        if self._in_work and self._in_work + size > MOST_CHARACTERS:
            return Verdict(cause=Cause.NOT_CHECKED, detail="too many calls are being verified")
        self._in_work += size
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, verify, identities, parties, at_ms, trust)
        finally:
            self._in_work -= size


class _Known(Mapping[str, Chain | Refused]):
    """What memory has of the addresses that verifying asks for, and of which it has nothing: only these are fetched."""

    def __init__(self, certificates: Certificates, *, lists_known: bool) -> None:
        self._certificates = certificates
        self._lists_known = lists_known
        self.found: dict[str, Chain | Refused] = {}
        self.missing: dict[str, None] = {}

    def __getitem__(self, url: str) -> Chain | Refused:
        if not self._lists_known:
            return Refused(Cause.NOT_CHECKED, "no authorities are known yet")
        found = self.found.get(url)
        if found is None:
            found = self._certificates.known(url)
            if found is None:
                self.missing[url] = None
                return Refused(Cause.NOT_CHECKED, "the certificate was not there in time")
            self.found[url] = found
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)


@dataclass(frozen=True, slots=True)
class Verifying:
    """The parts of a verifier, joined.

    Attributes:
        verifier: what calls are given to.
        certificates: chains by address.
        lists: authorities and withdrawn certificates; `restore` them at the start, `run` them in the background.
        stored: the chains that processes share.
        metrics: to be registered on a page.
        threads: verify.
    """

    verifier: Verifier
    certificates: Certificates
    lists: TrustLists
    stored: StoredChains
    metrics: TrustMetrics
    threads: Executor

    async def close(self) -> None:
        """End the fetches that run, and the threads."""
        await self.certificates.close()
        self.threads.shutdown(wait=False, cancel_futures=True)


def make_verifying(settings: TrustSettings, lookup: Lookup = system_lookup) -> Verifying:
    """Join a verifier as the settings have it; nothing is connected to yet. It reads the files that they name.

    Args:
        settings: of verifying.
        lookup: who knows names.

    Raises:
        SettingsInvalid: a file that they name holds no certificates.
        StorageError: a kind of URL is unknown, or needs a library that is not installed.
    """
    limits = Limits(settings.connect_timeout_s, settings.fetch_timeout_s, settings.max_fetches)
    tls = _tls(settings)
    metrics = TrustMetrics(time.time)
    stored = StoredChains(settings.cache_url, settings.cache_entries, settings.cache_bytes)
    certificates = Certificates(
        Fetcher(limits, Resolver(settings.networks, lookup), tls),
        ChainCache(settings.cache_entries, settings.cache_bytes),
        stored,
        Keeping(settings.kept_s, settings.longest_kept_s, settings.refused_kept_s, settings.max_waiting_fetches),
        metrics,
        wall_clock_ms,
    )
    sources = Sources(settings.anchors_url, settings.crl_url, _administrators(settings), settings.renewal_s)
    own = Fetcher(limits, Resolver(EVERYWHERE, lookup), tls)
    lists = TrustLists(sources, settings.state_url, own, Failures(metrics.internal_error), wall_clock_ms)
    threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="verify")
    verifier = Verifier(certificates, lists, SeenTokens(settings.max_seen_tokens), metrics, threads)
    return Verifying(verifier, certificates, lists, stored, metrics, threads)


def _administrators(settings: TrustSettings) -> tuple[Certificate, ...]:
    path = settings.administrator_file
    if path is None:
        return ()
    try:
        return tuple(parse_certificates(path.read_bytes()))
    except (OSError, Refused) as error:
        raise SettingsInvalid(f"{TRUST_PREFIX}ADMINISTRATOR_FILE: {path} holds no certificates in PEM") from error


def _tls(settings: TrustSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.tls_cafile)
    except (OSError, ssl.SSLError) as error:
        raise SettingsInvalid(
            f"{TRUST_PREFIX}TLS_CAFILE: {settings.tls_cafile} holds no certificates in PEM"
        ) from error
