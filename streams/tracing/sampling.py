"""Which calls are traced, and under which trace id: functions of a key and the call, so that all processes agree.

Nothing that a switch sends decides it. A caller who does not know the key can neither have a call traced nor keep it
from being traced.
"""

import hashlib
import time
from collections.abc import Callable

import numpy as np

from detector.columns.arrays import Bytes
from detector.columns.decision_ids import DECISION_ID_BYTES

MOST_PER_S = 100
"""Calls that a process traces in a second: what tracing costs has a bound, whatever the share and the traffic."""
_LOTS = 2**32
_HIGH_BITS = np.uint64(32)
_PERSON = b"traces"


class Sampling:
    """Chooses calls by their decision ids. Used by one thread.

    Args:
        key: secret of all processes that trace.
        ratio: share of calls that are chosen, 0 to 1.
        clock_s: monotonic seconds.
    """

    __slots__ = ("_below", "_clock_s", "_factor", "_left", "_mask", "_second", "_secret")

    def __init__(self, key: str, ratio: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._secret = hashlib.blake2b(key.encode(), digest_size=32, person=_PERSON).digest()
        self._mask = np.uint64(int.from_bytes(self._secret[:8], "little"))
        self._factor = np.uint64(int.from_bytes(self._secret[8:16], "little") | 1)
        self._below = round(ratio * _LOTS)
        self._clock_s = clock_s
        self._second = 0
        self._left = 0

    def chosen(self, digests: Bytes) -> list[int]:
        """Choose calls, fewer where too many are chosen in this second. Some nanoseconds a call.

        Args:
            digests: decision ids, shape (n, 16) uint8.

        Returns:
            Their rows, ascending.
        """
        words = np.ascontiguousarray(digests).view("<u8")[:, 0]
        lots = ((words ^ self._mask) * self._factor) >> _HIGH_BITS  # the product wraps: its high half knows all bits
        rows: list[int] = np.flatnonzero(lots < self._below).tolist()
        return self._bounded(rows) if rows else rows

    def _bounded(self, rows: list[int]) -> list[int]:
        second = int(self._clock_s())
        if second != self._second:
            self._second, self._left = second, MOST_PER_S
        taken = rows[: self._left]
        self._left -= len(taken)
        return taken

    def trace_id(self, digest: bytes) -> int:
        """Trace id of a call, 1 to 2**128 - 1; nobody without the key can tell whose it is.

        Args:
            digest: its decision id, 16 bytes.
        """
        data = hashlib.blake2b(digest, key=self._secret, digest_size=DECISION_ID_BYTES).digest()
        return int.from_bytes(data) or 1
