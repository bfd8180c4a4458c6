"""Whether what a fetch brings continues what was fetched before: by leader epochs, and by what brokers refuse.

Each batch names the epoch of the leader that wrote it (KIP-101). As long as the epoch stays nothing can have been cut
off between two fetches; with another one the log has to be looked at (`streams.kafka.locating`). Pure bookkeeping.
"""

import struct
from collections.abc import Iterable
from typing import Any

from streams.kafka.fetch.layout import BEFORE_LENGTH, MAGIC

_BATCH_HEAD = struct.Struct(">8xiib")

_UNTOLD = -1


class Lineage:
    """Used on the event loop alone; no method blocks or raises.

    Attributes:
        epochs: of the last batch that was fetched, by partition.
    """

    def __init__(self) -> None:
        self.epochs: dict[Any, int] = {}
        self._doubts: set[Any] = set()
        self._accepted: set[Any] = set()

    def accept(self, tp: Any) -> None:
        """Take the next batch whatever its epoch is: its log was looked at."""
        self._accepted.add(tp)
        self._doubts.discard(tp)

    def arrived(self, tp: Any, data: bytes, start: int, stop: int) -> None:
        """Note the batches of a partition that were fetched, in order; `data` holds them from `start` to `stop`."""
        first = last = _UNTOLD
        while start + _BATCH_HEAD.size <= stop:
            length, epoch, magic = _BATCH_HEAD.unpack_from(data, start)
            if magic != MAGIC or length <= 0:  # older ones do not say
                return
            start += BEFORE_LENGTH + length
            if start > stop:
                break
            first, last = epoch if first == _UNTOLD else first, epoch
        if last == _UNTOLD:
            return
        if tp in self._accepted:
            self._accepted.discard(tp)
        elif self.epochs.get(tp, first) != first:
            self._doubts.add(tp)
            return
        self.epochs[tp] = last

    def refused(self, tps: Iterable[Any]) -> None:
        """Note partitions of which a fetch failed."""
        self._doubts.update(tps)

    def take_doubts(self) -> list[Any]:
        """Partitions whose log has to be looked at; each is told once."""
        found = list(self._doubts)
        self._doubts.clear()
        return found
