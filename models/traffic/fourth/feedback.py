"""What a carrier hears about its calls: complaints, calls to numbers that are traps, and a few tracebacks.

Most calls are never spoken of. Some complaints are about lawful calls, and some name another number than the one that
called. A trap is the carrier's own line: it tells within the hour, and which call it was. Complaints come within hours
or days, tracebacks after days; both name the numbers and the minute of the call.
"""

import heapq

import numpy as np

from detector.contract.events import Feedback, FeedbackSource, Verdict
from detector.features.window_constants import MINUTE_MS
from models.traffic.fourth.arrays import Bools, Floats, Ints, draws
from models.traffic.fourth.calls import Calls
from models.traffic.fourth.network.numbers import text
from models.traffic.fourth.network.world import World
from models.traffic.span import HOUR_MS

_ANNOYING = {"survey": 12.0, "political": 12.0, "charity": 9.0, "debt_collection": 12.0, "outbound_call_centre": 8.0,
             "insurance_agent": 8.0, "recruiter": 5.0, "person": 0.2, "person_to_business": 0.1,
             "inbound_call_centre": 0.02, "conference": 0.02, "alarm_panel": 0.0}  # fmt: skip
"""How much more readily people complain about a lawful kind than about others."""
_UNANSWERED = 0.15  # of the chance that an answered call has
_MOST_DAYS_LATE = 6.0


class Witnesses:
    """Those who speak of calls; how many and how well is drawn for a carrier.

    Args:
        world: the carrier.

    Attributes:
        complains: share of answered robocalls that somebody complains about.
        wrong: share of complaints that are about lawful calls.
        misnamed: share of complaints that name another number.
        tracebacks: how many end in an hour, on the mean.
    """

    def __init__(self, world: World) -> None:
        random = draws(world.seed, "witnesses")
        self.complains = float(np.exp(random.uniform(np.log(0.015), np.log(0.08))))
        self.wrong = random.uniform(0.15, 0.4)
        self.misnamed = random.uniform(0.02, 0.1)
        self.tracebacks = random.uniform(2.0, 6.0) / 24
        self._median_late_h = random.uniform(1.5, 8.0)
        self._world = world
        self._weights = np.array([_ANNOYING.get(kind, 1.0) for kind in world.kinds])
        self._waiting: list[tuple[int, int, Feedback]] = []
        self._count = 0

    def hear(self, calls: Calls, hour: int) -> None:
        """Take note of the calls of an hour, which somebody may speak of later."""
        random = draws(self._world.seed, "heard", hour)
        is_robocall = calls.attempts.campaign > 0
        reaches = self._world.numbering.is_ours(calls.attempts.called) & (calls.attempts.calling > 0)
        may = reaches & self._world.numbering.is_in_service(calls.attempts.called)
        chance = np.where(calls.ends.talk_ms >= 0, 1.0, _UNANSWERED) * may
        right = self._complained(calls, is_robocall * chance * self.complains, random)
        expected = float((is_robocall * chance).sum()) * self.complains * self.wrong / (1 - self.wrong)
        annoyance = ~is_robocall * chance * self._weights[calls.attempts.kind]
        share = annoyance * (expected / annoyance.sum()) if annoyance.any() else annoyance
        self._complaints(calls, np.concatenate([right, self._complained(calls, share, random)]), random)
        trapped = np.flatnonzero(reaches & self._world.numbering.is_trap(calls.attempts.called))
        self._say(calls, trapped, FeedbackSource.HONEYPOT, random.exponential(0.3, len(trapped)))
        traced = _some(random, is_robocall & may, int(random.poisson(self.tracebacks)))
        self._say(calls, traced, FeedbackSource.TRACEBACK, random.uniform(20, 96, len(traced)))

    def said_until(self, instant_ms: int) -> list[Feedback]:
        """What is said before an instant and was not given yet, in order of time."""
        said: list[Feedback] = []
        while self._waiting and self._waiting[0][0] < instant_ms:
            said.append(heapq.heappop(self._waiting)[2])
        return said

    @staticmethod
    def _complained(calls: Calls, chance: Floats, random: np.random.Generator) -> Ints:
        return np.flatnonzero(random.random(len(calls)) < chance)

    def _complaints(self, calls: Calls, chosen: Ints, random: np.random.Generator) -> None:
        late_h = np.minimum(random.lognormal(np.log(self._median_late_h), 1.2, len(chosen)), _MOST_DAYS_LATE * 24)
        is_misnamed = random.random(len(chosen)) < self.misnamed
        self._say(calls, chosen, FeedbackSource.SUBSCRIBER_REPORT, late_h, 9 * is_misnamed)

    def _say(
        self, calls: Calls, chosen: Ints, source: FeedbackSource, late_h: Floats, wrong_by: Ints | int = 0
    ) -> None:
        """Remember what will be said of calls, so many hours after they ended, and in which minute they came."""
        numbers = (calls.attempts.calling[chosen] + wrong_by).tolist()
        times = (calls.end_ms[chosen] + (late_h * HOUR_MS).astype(np.int64)).tolist()
        is_traced, is_ours = source is FeedbackSource.TRACEBACK, source is FeedbackSource.HONEYPOT
        ids = [self._world.call_id(number) for number in calls.number[chosen].tolist()]
        names = [f"{self._world.kinds[calls.attempts.kind[i]]}-{calls.attempts.campaign[i]}" for i in chosen.tolist()]
        called = calls.attempts.called[chosen].tolist()
        came_ms = (calls.attempts.setup_ms[chosen] // MINUTE_MS * MINUTE_MS).tolist()
        for number, time_ms, name, call_id, line, at_ms in zip(
            numbers, times, names, ids, called, came_ms, strict=True
        ):
            said = Feedback(
                time_ms=time_ms,
                verdict=Verdict.ROBOCALL,
                source=source,
                call_id=call_id if is_ours else None,
                calling_number=text(number),
                called_number=text(line),
                call_time_ms=at_ms,
                campaign=name if is_traced else None,
            )
            self._count += 1  # two that are said at once stay in order
            heapq.heappush(self._waiting, (time_ms, self._count, said))


def _some(random: np.random.Generator, may: Bools, size: int) -> Ints:
    places = np.flatnonzero(may)
    return random.choice(places, min(size, len(places)), replace=False) if len(places) else places
