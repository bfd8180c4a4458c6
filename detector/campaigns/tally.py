"""What a campaign did, counted in a bounded memory: calls, numbers, areas, answers, and how its calls look."""

from collections import Counter
from dataclasses import dataclass, field

from detector.campaigns.calls import SuspectCall, area_of
from detector.campaigns.samples import Sample

MOST_NAMES = 64
"""Different trunk groups, origins, areas and so on that are counted by name; calls of all others count as `OTHERS`."""
NAME_LIMIT = 64
OTHERS = "others"
SEQUENCE_REACH = 10
"""A number dialled so little above the one before is the next of a sequence."""
SHORT_TALK_MS = 6_000
_SUBSCRIBER = 4


@dataclass(slots=True)
class Tally:
    """Counts of the calls of a campaign. Add calls in order of time.

    Attributes:
        first_ms: Set-up of the first call, epoch milliseconds.
        last_ms: Of the last one.
        calls: How many.
        scores: Sum of their scores.
        numbers: Calling numbers.
        called: Called numbers.
        areas: Calls by area code of the called number.
        trunks: Calls by trunk group.
        origins: Calls by signer and origid, of signed calls.
        levels: Calls by attestation, empty where there is none.
        agents: Calls by user agent, where one is said.
        callers: Calls by class of the calling number.
        neighbours: Calls whose calling number is of the called one's NPA-NXX.
        sequential: Calls to the number right above the one that was called before.
        ended: Calls whose end is known.
        answered: Those of them that were answered.
        short: Those answered that lasted `SHORT_TALK_MS` at most.
        talk_ms: Sum of the durations of the answered ones.
        latest_called: Number that was called last.
    """

    first_ms: int
    last_ms: int = 0
    calls: int = 0
    scores: float = 0.0
    numbers: Sample = field(default_factory=Sample)
    called: Sample = field(default_factory=Sample)
    areas: Counter[str] = field(default_factory=Counter)
    trunks: Counter[str] = field(default_factory=Counter)
    origins: Counter[str] = field(default_factory=Counter)
    levels: Counter[str] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    callers: Counter[str] = field(default_factory=Counter)
    neighbours: int = 0
    sequential: int = 0
    ended: int = 0
    answered: int = 0
    short: int = 0
    talk_ms: int = 0
    latest_called: str = ""

    def add(self, call: SuspectCall, caller: str) -> None:
        """Count a call.

        Args:
            call: Not counted yet.
            caller: Class of its calling number.
        """
        self.first_ms, self.last_ms = min(self.first_ms, call.at_ms), max(self.last_ms, call.at_ms)
        self.calls += 1
        self.scores += call.score
        self.numbers.add(call.calling_number)
        self.called.add(call.called_number)
        _count(self.areas, area_of(call.called_number))
        _count(self.trunks, call.trunk_group_id)
        _count(self.levels, call.attestation)
        _count(self.callers, caller)
        if call.signer_spc:
            _count(self.origins, f"{call.signer_spc} {call.origid}".strip())
        if call.user_agent:
            _count(self.agents, call.user_agent[:NAME_LIMIT])
        self.neighbours += call.calling_number[:-_SUBSCRIBER] == call.called_number[:-_SUBSCRIBER]
        self.sequential += _is_next(self.latest_called, call.called_number)
        self.latest_called = call.called_number

    def end(self, *, talk_ms: int | None) -> None:
        """Count the end of a call that was added.

        Args:
            talk_ms: How long it lasted from the answer on; None where it was never answered.
        """
        self.ended += 1
        if talk_ms is not None:
            self.answered += 1
            self.short += talk_ms <= SHORT_TALK_MS
            self.talk_ms += talk_ms

    def merge(self, other: "Tally") -> None:
        """Add the counts of another campaign that turned out to be the same one."""
        self.first_ms, self.last_ms = min(self.first_ms, other.first_ms), max(self.last_ms, other.last_ms)
        for name in ("calls", "scores", "neighbours", "sequential", "ended", "answered", "short", "talk_ms"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.numbers.merge(other.numbers)
        self.called.merge(other.called)
        for name in ("areas", "trunks", "origins", "levels", "agents", "callers"):
            mine: Counter[str] = getattr(self, name)
            for text, calls in getattr(other, name).items():
                _count(mine, text, calls)


def _count(counts: Counter[str], text: str, calls: int = 1) -> None:
    counts[text if text in counts or len(counts) < MOST_NAMES else OTHERS] += calls


def _is_next(before: str, now: str) -> bool:
    """Whether a number stands right above another one of its length."""
    if len(before) != len(now) or not (before[1:].isdecimal() and now[1:].isdecimal()):
        return False
    return 0 < int(now[1:]) - int(before[1:]) <= SEQUENCE_REACH
