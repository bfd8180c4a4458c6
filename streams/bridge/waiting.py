"""Calls that wait for their decision: each is found by the decision's key, call id, set-up time and both numbers."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from detector.contract.decisions import Decision
from detector.contract.events import TEXT_LIMIT
from streams.wire.repairs import as_decided


class Place(NamedTuple):
    """What a decision is matched by.

    Attributes:
        key: of its record: the switch id, else the call id.
        call: call id and numbers as the decision has them: calls of one Call-ID may begin in one millisecond.
        setup_time_ms: of the call.
    """

    key: bytes
    call: tuple[str, ...]
    setup_time_ms: int


def place_of(setup: Mapping[str, Any]) -> Place:
    """Where the decision on a set-up will be found.

    Raises:
        KeyError: it lacks a call id, a number or a set-up time.
    """
    call = as_decided(str(setup["call_id"]), setup["calling_number"], setup["called_number"])
    key = str(setup.get("switch_id") or "")[:TEXT_LIMIT] or call[0]
    return Place(key.encode("utf-8", "surrogatepass"), call, int(setup["setup_time_ms"]))


class WaitingCalls:
    """A bounded table. Used on the event loop alone; nothing in it waits for another.

    Args:
        most: calls that may wait at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._calls: dict[bytes, dict[tuple[tuple[str, ...], int], list[asyncio.Future[Decision]]]] = {}
        self._count = 0

    def __len__(self) -> int:
        """Number of calls that wait."""
        return self._count

    @property
    def is_full(self) -> bool:
        """No more may wait."""
        return self._count >= self._most

    def has(self, key: bytes | None) -> bool:
        """Whether any call waits for a decision of this key: others need not be decoded."""
        return key in self._calls

    def add(self, place: Place) -> "asyncio.Future[Decision]":
        """Let a call wait; the same call may wait twice, and both get the decision."""
        future: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._calls.setdefault(place.key, {}).setdefault(place[1:], []).append(future)
        self._count += 1
        return future

    def remove(self, place: Place, future: "asyncio.Future[Decision]") -> None:
        """Note that a call waits no longer, whatever became of it; once for each `add`."""
        calls = self._calls[place.key]
        futures = calls[place[1:]]
        futures.remove(future)
        self._count -= 1
        if not futures:
            del calls[place[1:]]
        if not calls:
            del self._calls[place.key]

    def settle(self, key: bytes, decision: Decision) -> bool:
        """Give a decision to whoever waits for it; whether anybody did."""
        call = decision.call_id, decision.calling_number, decision.called_number
        futures = self._calls.get(key, {}).get((call, decision.setup_time_ms), [])
        for future in futures:
            if not future.done():
                future.set_result(decision)
        return bool(futures)
