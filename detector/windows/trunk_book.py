"""What an engine knows of trunk groups besides their rows: names, what changed, and the way to other workers."""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, islice
from typing import cast

import numpy as np
from numpy.typing import NDArray

from detector.columns.call_columns import CallBatch
from detector.columns.compiled import entry_point
from detector.windows import key_store, trunk_rows
from detector.windows.distinct_rows import first_rows
from detector.windows.key_store import Store
from detector.windows.trunks import header_of

SHARES_AT_ONCE = 64
NAMES_TRIED = 2
"""So many of the oldest names are tried for each new one while there are too many."""


class TrunkBook:
    """Names and changes of trunk groups. Used with the store of one engine, on its thread; no method blocks.

    Args:
        scoped: Key of the row of a trunk key in a partition.
        seed: Of the hashes; shares name it.
        most_names: More names than that are kept of trunk groups with windows alone.
    """

    def __init__(self, scoped: Callable[[int, int], int], *, seed: int, most_names: int) -> None:
        self.names: dict[int, str] = {}
        """Trunk key to trunk group id."""
        self._scoped = scoped
        self._seed = seed
        self._most_names = most_names
        self._changed: dict[int, dict[int, None]] = {}
        self._room = trunk_rows.make_room(SHARES_AT_ONCE)
        self._pack: Callable[..., object] | None = None
        self._share_out: Callable[..., int] | None = None

    def note(self, batch: CallBatch, store: Store) -> None:
        """Remember names and changes of a batch that is about to be counted."""
        rows = first_rows(batch.trunk, batch.partition)
        keys, partitions = batch.trunk[rows].tolist(), batch.partition[rows].tolist()
        new = 0
        for row, key, partition in zip(rows.tolist(), keys, partitions, strict=True):
            self._changed.setdefault(partition, {})[key] = None
            if key not in self.names:
                self.names[key] = batch.events[row].trunk_group_id  # an event may be lazy: made when asked for
                new += 1
        if new and len(self.names) > self._most_names:
            self._forget_names(NAMES_TRIED * new, set(keys), store)

    def _forget_names(self, most: int, recent: set[int], store: Store) -> None:
        """Try the oldest names: those that have no windows, and get none now, go; the others become the youngest."""
        for key in list(islice(self.names, most)):
            name = self.names.pop(key)
            if key in recent or any(self._is_tracked(key, partition, store) for partition in self._changed):
                self.names[key] = name
            else:
                for changed in self._changed.values():
                    changed.pop(key, None)

    def restore(self, key: int, name: str, partition: int, store: Store) -> None:
        """Take a name that came with restored rows, if one of them is its own; its share counts as changed."""
        changed = self._changed.setdefault(partition, {})
        if self._is_tracked(key, partition, store):
            self.names[key] = name
            changed[key] = None

    def forget(self, partition: int) -> None:
        """Forget what changed in a partition that moved to another worker."""
        self._changed.pop(partition, None)

    def recount(self, partition: int) -> None:
        """Take all trunk groups for changed in `partition`."""
        self._changed.setdefault(partition, {}).update(dict.fromkeys(self.names))

    def shares(self, partition: int, store: Store) -> dict[str, bytes]:
        """Packed shares of up to `SHARES_AT_ONCE` that changed longest ago; an evicted one has none."""
        changed: dict[int, None] = self._changed.get(partition, {})
        shares: dict[str, bytes] = {}
        while changed and not shares:
            waiting = list(islice(changed, SHARES_AT_ONCE))
            for key in waiting:
                del changed[key]
            shares = self._packed(partition, waiting, store)
        return shares

    def _packed(self, partition: int, trunks: list[int], store: Store) -> dict[str, bytes]:
        latest_ms, ends = np.empty((2, len(trunks)), dtype=np.int64)
        arguments = (store, self._keys(trunks, partition), self._room, latest_ms, ends)
        if self._pack is None:
            self._pack = entry_point(trunk_rows.pack, arguments)
        self._pack(*arguments)
        packed, start = self._room.packed[: ends[-1]].tobytes(), 0
        shares: dict[str, bytes] = {}
        for key, time_ms, end in zip(trunks, latest_ms.tolist(), ends.tolist(), strict=True):
            if time_ms >= 0:
                shares[self.names[key]] = header_of(self.names[key], time_ms, self._seed) + packed[start:end]
            start = end
        return shares

    def are_whole(self, shares: Sequence[bytes]) -> list[bool]:
        """Tell of each share whose header was read whether the rest is whole too."""
        is_whole = np.empty(len(shares), dtype=np.bool_)
        trunk_rows.check(*_joined(shares), self._room, is_whole)
        return cast("list[bool]", is_whole.tolist())

    def share_out(self, key: int, shares: Mapping[int, bytes], elsewhere: Sequence[bytes], store: Store) -> int:
        """Put what all shares but its own add up to into the row of each partition; how many of them have one."""
        keys = np.array([self._scoped(key, partition) for partition in shares])
        arguments = (store, keys, *_joined([*shares.values(), *elsewhere]), self._room)
        if self._share_out is None:
            self._share_out = cast("Callable[..., int]", entry_point(trunk_rows.share_out, arguments))
        return self._share_out(*arguments)

    def _keys(self, trunks: list[int], partition: int) -> NDArray[np.int64]:
        return np.array([self._scoped(key, partition) for key in trunks])

    def _is_tracked(self, key: int, partition: int, store: Store) -> bool:
        return int(key_store.find(store, self._scoped(key, partition))) >= 0


def _joined(shares: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Shares one after the other, and where each ends."""
    return np.frombuffer(b"".join(shares), np.uint8), np.fromiter(accumulate(map(len, shares)), np.int64, len(shares))
