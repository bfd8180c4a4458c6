"""The common job in plain Python, exact, for peers whose own windows do not slide. Standard library only.

State is kept per calling number and per trunk group. A window that moves on subtracts what has left it, so each event
costs a constant number of steps on average.
"""

import json
import math
from collections.abc import Mapping
from operator import mul
from pathlib import Path
from typing import Any

JOB_FILE = Path(__file__).parent / "job.json"
_JOB = json.loads(JOB_FILE.read_text())
WINDOW_MS: tuple[int, ...] = tuple(_JOB["window_ms"])
SHORT_TALK_MS: int = _JOB["short_talk_ms"]
WEIGHTS: tuple[float, ...] = tuple(_JOB["weights"])
BIAS: float = _JOB["bias"]
BLOCK_AT: float = _JOB["block_at"]
N_WINDOWS = len(WINDOW_MS)
_PLACES = tuple(range(N_WINDOWS))
ONE = [1] * N_WINDOWS
NOTHING = [0] * (2 * N_WINDOWS)
TRIM_AT = 512
"""Entries that have left the longest window before the list is shortened: an occasional copy instead of many."""


class SlidingCounts:
    """How many entries, marked entries and distinct items lie in `(now - length, now]` of each window.

    Args:
        distinct: whether items are counted; without it only times are kept.
    """

    __slots__ = ("items", "marked", "seen", "starts", "times")

    def __init__(self, *, distinct: bool) -> None:
        self.times: list[int] = []
        self.items: list[Any] = []
        self.starts = [0] * N_WINDOWS
        self.marked = [0] * N_WINDOWS
        self.seen: list[dict[Any, int]] | None = [{} for _ in _PLACES] if distinct else None

    def add_item(self, now_ms: int, item: str) -> None:
        """Count one entry with an item that is counted distinct."""
        self.times.append(now_ms)
        self.items.append(item)
        for seen in self.seen or ():
            seen[item] = seen.get(item, 0) + 1

    def add_marked(self, now_ms: int, *, mark: bool) -> None:
        """Count one entry, marked or not."""
        self.times.append(now_ms)
        self.items.append(mark)
        if mark:
            self.marked = [count + 1 for count in self.marked]

    def add(self, now_ms: int) -> None:
        """Count one entry."""
        self.times.append(now_ms)

    def advance(self, now_ms: int) -> list[int]:
        """Let go of what has left each window; returns the entries that each still holds."""
        times, starts, held = self.times, self.starts, len(self.times)
        for window in _PLACES:
            start, edge = starts[window], now_ms - WINDOW_MS[window]
            if start < held and times[start] <= edge:
                stop = start + 1
                while stop < held and times[stop] <= edge:
                    stop += 1
                self._leave(window, start, stop)
                starts[window] = stop
        if starts[-1] >= TRIM_AT and 2 * starts[-1] >= held:
            self._trim(starts[-1])
            held = len(self.times)
        return [held - start for start in self.starts]

    def _leave(self, window: int, start: int, stop: int) -> None:
        left = self.items[start:stop]
        if self.seen is None:
            self.marked[window] -= sum(left)
            return
        seen = self.seen[window]
        for item in left:
            if seen[item] == 1:
                del seen[item]
            else:
                seen[item] -= 1

    def _trim(self, number: int) -> None:
        del self.times[:number]
        del self.items[:number]
        self.starts = [start - number for start in self.starts]


class CallerState:
    """One calling number: its set-ups and its answered calls. Many numbers call once: `only` is that call."""

    __slots__ = ("answered", "only", "setups")

    def __init__(self) -> None:
        self.only: tuple[int, str] | None = None
        self.setups: SlidingCounts | None = None
        self.answered: SlidingCounts | None = None


def caller_setup(state: CallerState, event: Mapping[str, Any]) -> list[int]:
    """Count a set-up; returns calls, answered, short, distinct called numbers, of the four windows each."""
    now_ms, called = event["setup_time_ms"], event["called_number"]
    ended = NOTHING
    if state.answered is not None:
        ended = state.answered.advance(now_ms) + state.answered.marked
    setups = state.setups
    if setups is None:
        if state.only is None:
            state.only = (now_ms, called)
            return [*ONE, *ended, *ONE]
        setups = state.setups = SlidingCounts(distinct=True)
        setups.add_item(*state.only)
    setups.add_item(now_ms, called)
    return [*setups.advance(now_ms), *ended, *map(len, setups.seen or ())]


def caller_end(state: CallerState, event: Mapping[str, Any]) -> None:
    """Count the end of a call, where it was answered."""
    answer_ms = event.get("answer_time_ms")
    if answer_ms is None:
        return
    end_ms = event["end_time_ms"]
    if state.answered is None:
        state.answered = SlidingCounts(distinct=False)
    else:
        state.answered.advance(end_ms)
    state.answered.add_marked(end_ms, mark=end_ms - answer_ms <= SHORT_TALK_MS)


def trunk_setup(state: SlidingCounts, now_ms: int) -> list[int]:
    """Count a set-up in its trunk group; returns the calls of the four windows."""
    state.add(now_ms)
    return state.advance(now_ms)


def score(counts: list[int]) -> float:
    """The logistic regression of job.json, terms added in the order of the weights."""
    return 1.0 / (1.0 + math.exp(-sum(map(mul, WEIGHTS, counts), BIAS)))


def answer(event: Mapping[str, Any], counts: list[int]) -> dict[str, Any]:
    """What a peer sends for one set-up."""
    value = score(counts)
    action = "block" if value >= BLOCK_AT else "allow"
    return {"call_id": event["call_id"], "action": action, "score": value, "counts": counts}
