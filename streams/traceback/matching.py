"""Which of our calls somebody asks for: found, not found, or ambiguous. Never a guess.

Whoever asks has another clock, and perhaps no seconds. A call is named only if it is the single one between both
numbers inside the tolerance, and nothing that is known of it contradicts that. Two calls are ambiguous however near one
of them is: the nearer one is the wrong one as often as clocks differ by more than half of what lies between them.
Evidence rejects and never chooses: Call-IDs are rewritten, signatures are made anew, and durations are alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from detector.features.window_constants import HOUR_MS, MINUTE_MS
from streams.archive.calls import ArchivedCall
from streams.traceback.records import Status

TOLERANCE_MS = 5 * MINUTE_MS
"""Clocks that are off by 90 s each, a call that is set up for a while, a time without seconds: and as much again."""
ZONES_APART_MS = 14 * HOUR_MS
"""How far off a time is at most that was told in a wrong zone."""
DURATIONS_APART_S = 10.0
"""Two switches measure one talk alike, but for signalling: more is another call."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of the call: when, and what it was like.

    Attributes:
        instants_ms: When it was, epoch milliseconds; two where a clock was put back.
        tolerance_ms: How far a call may be from it, itself inclusive.
        duration_s: Seconds from answer to end; None = not known.
        is_answered: Whether it was answered; None = not known.
    """

    instants_ms: tuple[int, ...]
    tolerance_ms: int = TOLERANCE_MS
    duration_s: float | None = None
    is_answered: bool | None = None

    @property
    def begin_ms(self) -> int:
        """First instant at which the call may have been."""
        return min(self.instants_ms) - self.tolerance_ms

    @property
    def end_ms(self) -> int:
        """Last one, likewise."""
        return max(self.instants_ms) + self.tolerance_ms


@dataclass(frozen=True, slots=True)
class Match:
    """The result: one call where found, those that may be meant where ambiguous, none where not found."""

    status: Status
    calls: tuple[ArchivedCall, ...] = ()
    reason: str | None = None


def match(asked: Asked, calls: Sequence[ArchivedCall]) -> Match:
    """Find the call that is asked for among those between both numbers.

    Args:
        asked: What is known of it.
        calls: Every archived call between the numbers from `asked.begin_ms` to `asked.end_ms`, each once.
    """
    near = tuple(call for call in calls if _distance_ms(asked, call) <= asked.tolerance_ms)
    if not near:
        return Match(Status.NOT_FOUND, reason="no call between these numbers is so near in time")
    if len(near) > 1:
        return Match(Status.AMBIGUOUS, near, f"{len(near)} calls between these numbers are so near in time")
    contradiction = _contradiction(asked, near[0])
    if contradiction is not None:
        return Match(Status.AMBIGUOUS, near, contradiction)
    return Match(Status.FOUND, near)


def _distance_ms(asked: Asked, call: ArchivedCall) -> int:
    return min(abs(call.set_up.setup_time_ms - instant_ms) for instant_ms in asked.instants_ms)


def _contradiction(asked: Asked, call: ArchivedCall) -> str | None:
    """What says that the single call is not the one that is meant."""
    known = {asked.is_answered, call.is_answered} - {None}
    if len(known) > 1:
        return "the single call between these numbers was " + ("answered" if call.is_answered else "not answered")
    if asked.duration_s is not None and call.duration_s is not None:
        apart_s = abs(asked.duration_s - call.duration_s)
        if apart_s > DURATIONS_APART_S:
            return f"the single call between these numbers took {apart_s:.0f} s more or less than was said"
    return None


def whole_hours_away(asked: Asked, calls: Sequence[ArchivedCall]) -> int | None:
    """Hours from the time that is asked for to the nearest call that is whole hours away: a time in a wrong zone.

    Args:
        asked: What nothing was found for.
        calls: Those between both numbers, as far as `ZONES_APART_MS` away.
    """
    offsets_ms = [call.set_up.setup_time_ms - instant_ms for call in calls for instant_ms in asked.instants_ms]
    hours = [round(offset_ms / HOUR_MS) for offset_ms in offsets_ms]
    whole = [
        hour for hour, offset_ms in zip(hours, offsets_ms, strict=True)
        if abs(offset_ms - hour * HOUR_MS) <= asked.tolerance_ms
    ]  # fmt: skip
    return min(whole, key=abs, default=None)
