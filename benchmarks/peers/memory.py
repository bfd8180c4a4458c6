"""The whole job with its state in dictionaries of one process, for peers that run without a state store."""

from collections.abc import Mapping
from typing import Any

from benchmarks.peers.job import CallerState, SlidingCounts, answer, caller_end, caller_setup, trunk_setup


class MemoryJob:
    """State of all calling numbers and trunk groups of one partition."""

    def __init__(self) -> None:
        self._callers: dict[str, CallerState] = {}
        self._trunks: dict[str, SlidingCounts] = {}

    def answer(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        """Count the event; returns the answer to a set-up, None for the end of a call."""
        state = self._callers.get(event["calling_number"])
        if state is None:
            state = self._callers[event["calling_number"]] = CallerState()
        if event["type"] != "call_setup":
            caller_end(state, event)
            return None
        return answer(event, caller_setup(state, event) + self.trunk(event))

    def trunk(self, event: Mapping[str, Any]) -> list[int]:
        """Count a set-up in its trunk group only."""
        state = self._trunks.get(event["trunk_group_id"])
        if state is None:
            state = self._trunks[event["trunk_group_id"]] = SlidingCounts(distinct=False)
        return trunk_setup(state, event["setup_time_ms"])
