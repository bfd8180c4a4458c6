"""What a verifier asks: the chain behind an address, known, shared or fetched, and never past a deadline.

One fetch runs an address, whoever asks; who cannot wait leaves it running, and the next one has its result.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from detector.contract.errors import RobocallError
from detector.trust.certificates import LARGEST_CHAIN_BYTES, Chain, parse_chain
from detector.trust.verdict import Cause, Refused
from detector.trust.x5u import require_x5u
from streams.running.daemon_thread import DaemonThread
from streams.running.failures import Failures
from streams.running.loop_thread import LoopThread
from streams.trust.cache import ChainCache
from streams.trust.fetching import Fetcher
from streams.trust.metrics import TrustMetrics
from streams.trust.stored_chains import Entry, StoredChains

SHORTEST_KEPT_S = 300.0
"""A chain is kept for so long even where its server would have it asked for each call."""
PLACE_PATIENCE_S = 0.5
"""Longest that a fetch waits for the shared place before it asks the server."""
MOST_POSTED = 256
"""Reads and writes that may wait for the shared place; while it hangs, memory and servers are enough."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long what is kept, seconds.

    Attributes:
        unsaid_s: a chain whose server does not say.
        longest_s: any chain.
        refused_s: an address that failed, and a chain that has expired.
        waiting: fetches that run or wait for their turn, at most.
    """

    unsaid_s: float
    longest_s: float
    refused_s: float
    waiting: int

    def until_ms(self, fresh_s: float | None, chain: Chain, now_ms: int) -> int:
        """Until when a chain may be used, epoch milliseconds: as its server says, and no longer than it is valid."""
        kept_s = self.unsaid_s if fresh_s is None else max(fresh_s, SHORTEST_KEPT_S)
        until_ms = now_ms + round(min(kept_s, self.longest_s) * 1e3)
        ends_ms = min(one.not_after_ms for one in chain.certificates) + 1
        return max(min(until_ms, ends_ms), now_ms + round(self.refused_s * 1e3))


class Certificates:
    """Chains by address. On one event loop; servers are asked on another one, so that no call waits for handshakes.

    Args:
        fetcher: who asks servers; used by nobody else.
        cache: what this process knows.
        stored: what processes share; None for nothing.
        keeping: how long.
        metrics: told where each answer came from.
        now_ms: the clock, epoch milliseconds.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        cache: ChainCache,
        stored: StoredChains | None,
        keeping: Keeping,
        metrics: TrustMetrics,
        now_ms: Callable[[], int],
    ) -> None:
        self._fetcher = fetcher
        self._cache = cache
        self._stored = stored
        self._keeping = keeping
        self._metrics = metrics
        self._failed = Failures(metrics.internal_error)
        self._now_ms = now_ms
        self._loading: dict[str, asyncio.Task[Chain | Refused]] = {}
        self._place = DaemonThread("certificates")
        self._servers = LoopThread("certificate servers")
        self._posted = 0
        self._is_place_well = True

    def known(self, url: str) -> Chain | Refused | None:
        """What memory has of an address; None where it has to be asked. It never waits."""
        found = self._cache.get(url, self._now_ms())
        if found is not None:
            self._metrics.looked_up("memory")
        return found

    async def get(self, url: str, deadline_s: float) -> Chain | Refused:
        """The chain at an address, or why there is none.

        Args:
            url: the address, of any form.
            deadline_s: on the clock of the event loop. Past it the answer is `not_checked`; the fetch goes on.
        """
        found = self.known(url)
        if found is not None:
            return found
        try:
            task = self._task(url)
        except Refused as refusal:
            self._metrics.looked_up("refused")
            return refusal
        await asyncio.wait({task}, timeout=max(deadline_s - asyncio.get_running_loop().time(), 0.0))
        if task.done() and not task.cancelled():
            return task.result()
        self._metrics.looked_up("late")
        return Refused(Cause.NOT_CHECKED, "the certificate was not there in time")

    async def is_shared(self, url: str) -> bool:
        """Tell whether other processes find a chain, once the shared place has taken what it was given.

        Raises:
            StorageError: the place does not answer.
        """
        entry = None if self._stored is None else await self._place.run(self._stored.read, url)
        return entry is not None and self._now_ms() < entry.until_ms

    async def close(self) -> None:
        """End the fetches that run, and wait a moment for what is being written."""
        tasks = list(self._loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._servers.stop()
        if self._stored is not None and self._posted:
            await asyncio.wait({self._place.post(lambda: None)}, timeout=PLACE_PATIENCE_S)

    def _task(self, url: str) -> "asyncio.Task[Chain | Refused]":
        running = self._loading.get(url)
        if running is not None:
            return running
        require_x5u(url)
        if len(self._loading) >= self._keeping.waiting:
            raise Refused(Cause.NOT_CHECKED, "too many certificates are being fetched")
        task = self._loading[url] = asyncio.create_task(self._load(url), name=f"certificate {url}")
        task.add_done_callback(lambda _: self._loading.pop(url, None))
        return task

    async def _load(self, url: str) -> Chain | Refused:
        """Never raises but when it is cancelled: nobody may be waiting any more."""
        try:
            entry = await self._shared(url)
            if entry is None:
                entry = await self._fetched(url)
        except Refused as refusal:
            return self._refuse(url, refusal)
        except Exception as error:  # noqa: BLE001 - a bug must not take the verdict with it; told where it happened
            self._failed(error)
            return self._refuse(url, Refused(Cause.NOT_CHECKED, "an internal error kept the certificate away"))
        self._cache.keep(entry)
        self._metrics.cached(self._cache)
        return entry.chain

    def _refuse(self, url: str, refusal: Refused) -> Refused:
        kept = Refused(refusal.cause, refusal.detail)  # without the traceback, which would hold on to all it passed
        self._cache.refuse(url, kept, self._now_ms() + round(self._keeping.refused_s * 1e3))
        self._metrics.cached(self._cache)
        return kept

    async def _shared(self, url: str) -> Entry | None:
        if self._stored is None or self._posted >= MOST_POSTED:
            return None
        reading = self._post(self._stored.read, url)
        await asyncio.wait({reading}, timeout=PLACE_PATIENCE_S)
        entry = None if not reading.done() or reading.exception() else reading.result()
        now_ms = self._now_ms()
        if entry is None or not now_ms < entry.until_ms <= now_ms + self._keeping.longest_s * 1e3:
            return None
        self._metrics.looked_up("shared")
        return entry

    async def _fetched(self, url: str) -> Entry:
        began_s = time.monotonic()
        try:
            entry = await self._servers.run(self._asked(url))
        except Refused as refusal:
            self._metrics.fetched(refusal.cause, time.monotonic() - began_s)
            raise
        self._metrics.fetched("fetched", time.monotonic() - began_s)
        self._metrics.looked_up("server")
        if self._stored is not None and self._posted < MOST_POSTED:
            self._post(self._stored.write, entry)
        return entry

    async def _asked(self, url: str) -> Entry:
        """Ask the server and read what it gives, beside the calls."""
        found = await self._fetcher.fetch(url, LARGEST_CHAIN_BYTES)
        chain, now_ms = parse_chain(found.content), self._now_ms()
        return Entry(url, found.content, now_ms, self._keeping.until_ms(found.fresh_s, chain, now_ms), chain)

    def _post(self, call: Callable[..., Entry | None], argument: object) -> "asyncio.Future[Entry | None]":
        self._posted += 1
        future = self._place.post(call, argument)
        future.add_done_callback(self._done)
        return future

    def _done(self, future: "asyncio.Future[Entry | None]") -> None:
        self._posted -= 1
        error = future.exception()
        if error is not None and self._is_place_well:
            cause = str(error) if isinstance(error, RobocallError) else type(error).__name__
            log.warning("certificates cannot be shared: this process keeps its own in memory", cause=cause)
        self._is_place_well = error is None
