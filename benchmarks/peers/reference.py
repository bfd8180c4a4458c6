"""The counts of the job by brute force: every window is counted anew from the whole history."""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field

from benchmarks.peers.backlog import Backlog
from benchmarks.peers.entries import TUMBLING
from benchmarks.peers.job import WINDOW_MS


@dataclass
class _Log:
    """What one key saw, in order of publication; times never decrease."""

    places: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    facts: list[str | bool] = field(default_factory=list)

    def add(self, place: int, time_ms: int, fact: str | bool) -> None:
        self.places.append(place)
        self.times.append(time_ms)
        self.facts.append(fact)

    def within(self, place: int, edge_ms: int) -> list[str | bool]:
        """Facts published up to `place` whose time is after `edge_ms`."""
        return self.facts[bisect_right(self.times, edge_ms) : bisect_right(self.places, place)]


class Reference:
    """Counts of any set-up of the backlog."""

    def __init__(self, backlog: Backlog) -> None:
        self._events = backlog.events
        self._calls: dict[str, _Log] = defaultdict(_Log)
        self._answered: dict[str, _Log] = defaultdict(_Log)
        self._trunks: dict[str, _Log] = defaultdict(_Log)
        for place, event in enumerate(backlog.events):
            if event.is_setup:
                self._calls[event.calling_number].add(place, event.setup_time_ms, event.called_number)
                self._trunks[event.trunk_group_id].add(place, event.setup_time_ms, fact=True)
            elif event.answer_time_ms is not None:
                self._answered[event.calling_number].add(place, event.end_time_ms, event.is_short)

    def counts(self, place: int, windows: str) -> list[int]:
        """The 20 counts of the set-up at `place`, in the order of job.json; `windows` as in `Entry`."""
        event = self._events[place]
        edges = [_edge(event.setup_time_ms, length, windows) for length in WINDOW_MS]
        calls = [self._calls[event.calling_number].within(place, edge) for edge in edges]
        answered = [self._answered[event.calling_number].within(place, edge) for edge in edges]
        trunk = [self._trunks[event.trunk_group_id].within(place, edge) for edge in edges]
        return [
            *map(len, calls),
            *map(len, answered),
            *(sum(fact is True for fact in facts) for facts in answered),
            *(len(set(facts)) for facts in calls),
            *map(len, trunk),
        ]


def _edge(now_ms: int, length_ms: int, windows: str) -> int:
    """Start of the half-open window, not included itself."""
    return now_ms // length_ms * length_ms - 1 if windows == TUMBLING else now_ms - length_ms
