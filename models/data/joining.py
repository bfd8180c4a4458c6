"""Join what was said of calls to the calls: by call id, by called number and time, or by calling number.

Calls are handed over one by one, in any order, from wherever they are kept; what was said is in memory, and of the
calls only those that something was said of.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from detector.contract.events import Feedback, FeedbackSource, Verdict, says_which_call
from detector.contract.numbers import normal_form
from models.data.verdicts import REPORTS_THAT_COUNT, Joined, Said, combined, lateness
from models.traffic.truth import Truth

REACH_MS = 24 * 3_600_000
"""A verdict on a number is about its calls in so long before it, unless told otherwise."""
TOLERANCE_MS = 5 * 60_000
"""People who remember when they were called are wrong by so much at most, unless told otherwise."""


@dataclass(slots=True)
class _Told:
    """Verdicts on the call to one number that is nearest to an instant, by rising instant."""

    times_ms: list[int] = field(default_factory=list)
    callers: list[str] = field(default_factory=list)
    """Empty where the verdict names none."""
    verdicts: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Standing:
    """Verdicts of one source on the calls of a number until an instant, by rising instant."""

    until_ms: list[int] = field(default_factory=list)
    verdicts: list[int] = field(default_factory=list)
    is_joined: bytearray = field(default_factory=bytearray)


class Joining:
    """Finds the verdicts on each call and what they come to. The result depends on no order.

    A verdict is joined in the most exact way that it allows, and in no other:

    1. with a call id, to that call;
    2. with the called number and the instant of the call, to the call to that number, and from the calling number where
       it has one, that is nearest to the instant and at most `tolerance_ms` away; of two equally near to the earlier;
    3. with both numbers, or with the calling number alone, to its calls in the `reach_ms` up to and including when it
       was said. Where it tells the instant of the call, that instant plus the tolerance stands for when it was said.

    A calling number without a digit (`anonymous`) is that of many callers, and not joined alone.

    Args:
        feedback: What was said; the same record twice counts once, and what names no call is left out.
        reach_ms: See above.
        tolerance_ms: See above.
        traps: Numbers that nobody should call, in normal form: a call to one is a robocall, says a honeypot.
        hits: Calls that a rule says something of, as robocalls: source by call id.
    """

    def __init__(
        self,
        feedback: Iterable[Feedback],
        *,
        reach_ms: int = REACH_MS,
        tolerance_ms: int = TOLERANCE_MS,
        traps: Collection[str] = frozenset(),
        hits: Mapping[str, str] | None = None,
    ) -> None:
        self._reach_ms = reach_ms
        self._tolerance_ms = tolerance_ms
        self._traps = frozenset(traps)
        self._hits = hits or {}
        self._by_call: dict[str, list[int]] = {}
        self._told: dict[str, _Told] = {}
        self._standing: dict[str, dict[str, dict[str, _Standing]]] = {}  # by calling, called number or nothing, source
        self._nearest: dict[int, tuple[int, int, str]] = {}  # by verdict: how far, when, and the call id
        self._found: dict[str, set[int]] = {}
        self._said: list[Said] = []
        self._index(feedback)
        self.verdicts = len(self._said)
        """How many different ones name a call or number."""
        self.ties = 0
        """Calls left out, since those for and against weigh the same; counted by `labels`."""
        self.unjoined = 0
        """Verdicts that are about none of the calls; counted by `labels`."""
        self._trapped = self._number(Said(True, FeedbackSource.HONEYPOT, Joined.LINE, 0))
        self._hit = {source: self._number(Said(True, source, Joined.CALL, 0)) for source in set(self._hits.values())}

    def _number(self, said: Said) -> int:
        """Keep what was said under a number."""
        self._said.append(said)
        return len(self._said) - 1

    def _index(self, feedback: Iterable[Feedback]) -> None:
        told: list[tuple[int, str, str, Said]] = []
        standing: list[tuple[Said, str, str]] = []
        for one in dict.fromkeys(feedback):
            if not says_which_call(one):
                continue
            calling, called = normal_form(one.calling_number or ""), normal_form(one.called_number or "")
            if one.call_id is not None:
                self._by_call.setdefault(one.call_id, []).append(self._number(_said(one, Joined.CALL, one.time_ms)))
            elif called and one.call_time_ms is not None:
                told.append((one.call_time_ms, called, calling, _said(one, Joined.LINE, one.time_ms)))
            elif calling and (called or any(map(str.isdigit, calling))):
                until_ms = one.time_ms if one.call_time_ms is None else one.call_time_ms + self._tolerance_ms
                standing.append((_said(one, Joined.LINE if called else Joined.NUMBER, until_ms), calling, called))
        for call_time_ms, called, calling, said in sorted(told, key=lambda each: each[0]):
            line = self._told.setdefault(called, _Told())
            line.times_ms.append(call_time_ms)
            line.callers.append(calling)
            line.verdicts.append(self._number(said))
        for said, calling, called in sorted(standing, key=lambda each: lateness(each[0])):
            by_source = self._standing.setdefault(calling, {}).setdefault(called, {})
            of_source = by_source.setdefault(said.source, _Standing())
            of_source.until_ms.append(said.time_ms)
            of_source.verdicts.append(self._number(said))
            of_source.is_joined.append(False)

    def take(self, call_id: str, calling_number: str, called_number: str, setup_time_ms: int) -> None:
        """Look at one call. The same one may come again.

        Args:
            call_id: Of the call.
            calling_number: As the event has it.
            called_number: Likewise.
            setup_time_ms: Epoch milliseconds.
        """
        calling, called = normal_form(calling_number), normal_form(called_number)
        found = [*self._by_call.get(call_id, ())]
        if called in self._told:
            self._look_for_nearest(self._told[called], call_id, calling, setup_time_ms)
        if calling in self._standing:
            for line in {"", called}:
                for of_source in self._standing[calling].get(line, {}).values():
                    found += self._standing_at(of_source, setup_time_ms)
        if called in self._traps:
            found.append(self._trapped)
        if call_id in self._hits:
            found.append(self._hit[self._hits[call_id]])
        if found:
            self._found.setdefault(call_id, set()).update(found)

    def _look_for_nearest(self, line: _Told, call_id: str, calling: str, setup_time_ms: int) -> None:
        first = bisect_left(line.times_ms, setup_time_ms - self._tolerance_ms)
        last = bisect_right(line.times_ms, setup_time_ms + self._tolerance_ms)
        for at in range(first, last):
            if line.callers[at] in {"", calling}:
                here = (abs(line.times_ms[at] - setup_time_ms), setup_time_ms, call_id)
                number = line.verdicts[at]
                self._nearest[number] = min(here, self._nearest.get(number, here))

    def _standing_at(self, of_source: _Standing, setup_time_ms: int) -> list[int]:
        """Verdicts that hold for a call of that time: of thousands the latest, since no more can count."""
        first = bisect_left(of_source.until_ms, setup_time_ms)
        last = bisect_right(of_source.until_ms, setup_time_ms + self._reach_ms)
        of_source.is_joined[first:last] = b"\1" * (last - first)
        return of_source.verdicts[max(first, last - REPORTS_THAT_COUNT) : last]

    def labels(self) -> Iterator[tuple[str, Truth]]:
        """Call id and label of each call that something was said of, by rising call id; ties are left out.

        Called once, when all calls were taken; `ties` and `unjoined` are right at its end.
        """
        for number, (_, _, call_id) in self._nearest.items():
            self._found.setdefault(call_id, set()).add(number)
        self.unjoined = self.verdicts - len(self._joined())
        for call_id, numbers in sorted(self._found.items()):
            truth = combined([self._said[number] for number in numbers])
            if truth is None:
                self.ties += 1
            else:
                yield call_id, truth

    def _joined(self) -> set[int]:
        """Numbers of the verdicts that are about a call."""
        joined = {number for numbers in self._found.values() for number in numbers if number < self.verdicts}
        for by_line in self._standing.values():
            for one in chain.from_iterable(by_source.values() for by_source in by_line.values()):
                joined.update(number for number, flag in zip(one.verdicts, one.is_joined, strict=True) if flag)
        return joined


def _said(one: Feedback, joined: Joined, time_ms: int) -> Said:
    return Said(one.verdict is Verdict.ROBOCALL, str(one.source), joined, time_ms, one.campaign or "", one.kind or "")
