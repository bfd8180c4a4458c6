"""Chains in memory, parsed, and addresses that failed, for a short time: bounded by number and bytes, no clock read."""

import threading
from collections import OrderedDict

from detector.trust.certificates import Chain
from detector.trust.verdict import Refused
from streams.trust.stored_chains import Entry


class ChainCache:
    """What is known of addresses. Those that failed have room of their own: they never push a chain out.

    Any thread may ask and tell.

    Args:
        entries: most chains, and most failures. Beyond it the chain goes that was not used for longest, the oldest
            failure.
        size_bytes: most bytes of chains, as they were fetched.
    """

    def __init__(self, entries: int, size_bytes: int) -> None:
        self._most = entries
        self._most_bytes = size_bytes
        self._chains: OrderedDict[str, Entry] = OrderedDict()
        self._refusals: OrderedDict[str, tuple[Refused, int]] = OrderedDict()
        self.size_bytes = 0
        self._lock = threading.Lock()

    @property
    def chains(self) -> int:
        """How many chains are kept."""
        return len(self._chains)

    @property
    def refusals(self) -> int:
        """How many failures are kept."""
        return len(self._refusals)

    def get(self, url: str, now_ms: int) -> Chain | Refused | None:
        """What stands at an address, or why that is not known; None where it has to be asked. Constant time.

        Args:
            url: the address.
            now_ms: epoch milliseconds.
        """
        with self._lock:
            entry = self._chains.get(url)
            if entry is not None:
                if now_ms < entry.until_ms:
                    self._chains.move_to_end(url)
                    return entry.chain
                self._drop(url)
            failed = self._refusals.get(url)
            if failed is not None:
                if now_ms < failed[1]:
                    return failed[0]
                del self._refusals[url]
            return None

    def keep(self, entry: Entry) -> None:
        """Keep a chain, in the place of what was known of its address."""
        with self._lock:
            self._drop(entry.url)
            self._refusals.pop(entry.url, None)
            self._chains[entry.url] = entry
            self.size_bytes += len(entry.content)
            while len(self._chains) > self._most or self.size_bytes > self._most_bytes:
                self._drop(next(iter(self._chains)))

    def refuse(self, url: str, refusal: Refused, until_ms: int) -> None:
        """Keep that an address failed, until then, epoch milliseconds."""
        with self._lock:
            self._refusals.pop(url, None)
            self._refusals[url] = (refusal, until_ms)
            if len(self._refusals) > self._most:
                self._refusals.popitem(last=False)

    def _drop(self, url: str) -> None:
        entry = self._chains.pop(url, None)
        if entry is not None:
            self.size_bytes -= len(entry.content)
