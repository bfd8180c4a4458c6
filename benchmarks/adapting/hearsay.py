"""What a carrier hears of calls of authors who tell it nothing themselves: complaints, wrong ones too, and traps.

Rates and delays are drawn for a carrier from the ranges of the fourth author, who says it of its own calls.
"""

import math
from random import Random

from detector.contract.events import CallEnd, CallEvent, CallSetup, Feedback, FeedbackSource, Verdict
from detector.features.window_constants import MINUTE_MS
from models.traffic.span import HOUR_MS
from models.traffic.truth import Truth

_ANNOYING = {"survey": 12.0, "political": 12.0, "debt_collection": 12.0, "outbound_call_centre": 8.0, "person": 0.2,
             "spoofed_callback": 0.2, "inbound_call_centre": 0.02, "conference": 0.02}  # fmt: skip
"""How much more readily people complain about a lawful kind than about others."""
_SPREAD = 1.2
_TRAP_LATE_H = 0.3
_NO_SUCH_NUMBER = 404


class Hearsay:
    """Takes events in order of time; says afterwards what was heard.

    Args:
        seed: Of what is drawn.

    Attributes:
        complains: Share of answered robocalls that somebody complains about.
        wrong: Share of complaints that are about lawful calls.
        misnamed: Share of complaints that name another number.
        traps: Share of the numbers out of service that are traps.
    """

    def __init__(self, seed: int) -> None:
        self._random = random = Random(f"hearsay {seed}")
        self.complains = math.exp(random.uniform(math.log(0.015), math.log(0.08)))
        self.wrong = random.uniform(0.15, 0.4)
        self.misnamed = random.uniform(0.02, 0.1)
        self.traps = random.uniform(0.03, 0.12)
        self._median_late_h = random.uniform(1.5, 8.0)
        self._open: dict[str, Truth] = {}
        self._answered: list[tuple[CallEnd, float]] = []
        """Answered lawful calls, with how annoying they are."""
        self._said: list[Feedback] = []
        self._robocalls = 0

    def hear(self, events: list[CallEvent], truths: list[Truth]) -> None:
        """Take note of calls that somebody may speak of.

        Args:
            events: In order of time, also with those of earlier calls.
            truths: Of the calls that are set up among them.
        """
        following = iter(truths)
        for event in events:
            if isinstance(event, CallSetup):
                self._open[event.call_id] = next(following)
            else:
                truth = self._open.pop(event.call_id, None)
                if truth is not None and any(map(str.isdigit, event.calling_number)):
                    self._ended(event, truth)

    def _ended(self, end: CallEnd, truth: Truth) -> None:
        if end.sip_status == _NO_SUCH_NUMBER and self._is_trap(end.called_number):
            self._say(end, FeedbackSource.HONEYPOT, self._random.expovariate(1 / _TRAP_LATE_H))
        if end.answer_time_ms is None:
            return
        if not truth.is_robocall:
            self._answered.append((end, _ANNOYING.get(truth.kind, 1.0)))
            return
        self._robocalls += 1
        if self._random.random() < self.complains:
            self._complain(end)

    def said_until(self, instant_ms: int) -> list[Feedback]:
        """What is said before an instant, in order of time; called once, when all calls were heard."""
        expected = self._robocalls * self.complains * self.wrong / (1 - self.wrong)
        share = expected / max(sum(weight for _, weight in self._answered), 1e-9)
        for end, weight in self._answered:
            if self._random.random() < share * weight:
                self._complain(end)
        return sorted((one for one in self._said if one.time_ms < instant_ms), key=lambda one: one.time_ms)

    def _is_trap(self, number: str) -> bool:
        return Random(f"trap {number}").random() < self.traps

    def _complain(self, end: CallEnd) -> None:
        late_h = self._median_late_h * math.exp(_SPREAD * self._random.gauss(0.0, 1.0))
        self._say(end, FeedbackSource.SUBSCRIBER_REPORT, late_h)

    def _say(self, end: CallEnd, source: FeedbackSource, late_h: float) -> None:
        is_trap = source is FeedbackSource.HONEYPOT
        calling = end.calling_number
        if not is_trap and self._random.random() < self.misnamed:
            calling = f"{calling[:-1]}{(int(calling[-1]) + 1) % 10}" if calling[-1].isdigit() else calling
        self._said.append(
            Feedback(
                time_ms=end.end_time_ms + int(late_h * HOUR_MS),
                verdict=Verdict.ROBOCALL,
                source=source,
                call_id=end.call_id if is_trap else None,
                calling_number=calling,
                called_number=end.called_number,
                call_time_ms=(end.setup_time_ms or end.end_time_ms) // MINUTE_MS * MINUTE_MS,
            )
        )
