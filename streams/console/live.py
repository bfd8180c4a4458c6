"""What was decided lately, in bounded memory: figures by the second, and the latest decisions. Knows no Kafka."""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from typing import NamedTuple

from detector.contract.decisions import Action, Decision, Step
from streams.console.kept import Kept
from streams.console.scores import ScoreSketch
from streams.console.subjects import Kind, Subject
from streams.wire.records import DECISION_DECODER
from streams.wire.refusals import REFUSALS

SECONDS = 300
"""That figures are kept for."""
RATE_S = 10
LATENCY_S = 60
MOST_VERSIONS = 10
LATE = 100
"""More decisions than are shown are looked at: some come later than others whose calls were set up after theirs."""
EDGES_MS = tuple(round(1.2**step, 1) for step in range(64))
"""Upper ends of the classes of latency, each a fifth above the one before: 1 ms to 97 s."""
ROWS = ("allow", "label", "block", "tried_label", "tried_block", "failed_open")
"""What is counted: actions, what a policy only tried, and calls that passed because nobody judged them in time."""


class Latency(NamedTuple):
    """From set-up to decision, milliseconds, as upper ends of classes; None without decisions.

    Decisions that came later than the last class are counted apart: of a replay, or of a backlog.
    """

    p50_ms: float | None
    p99_ms: float | None
    later: int


@dataclass(slots=True)
class _Second:
    at_s: int
    counts: list[int] = field(default_factory=lambda: [0] * len(ROWS))
    latencies: list[int] = field(default_factory=lambda: [0] * (len(EDGES_MS) + 1))


class LiveMemory:
    """Takes decisions as they are published. Used on the event loop alone.

    Args:
        kept: latest decisions that are kept, and as many suspect ones beside them.
        clock: seconds since 1970.

    Attributes:
        unreadable: records that are no decisions.
        scores: what the model would do at other thresholds.
    """

    def __init__(self, kept: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds: deque[_Second] = deque(maxlen=SECONDS + 1)
        self._latest = Kept(kept)
        self._suspect = Kept(kept)
        self._versions: Counter[tuple[str, str, str]] = Counter()
        self.unreadable = 0
        self.scores = ScoreSketch(clock)

    def take(self, key: bytes | None, value: bytes) -> None:
        """Take a record of `call-decisions`; what is none is counted. A few microseconds."""
        del key
        try:
            decision = DECISION_DECODER.decode(value)
        except REFUSALS:
            self.unreadable += 1
            return
        now_s = int(self._clock())
        if not self._seconds or self._seconds[-1].at_s < now_s:
            self._seconds.append(_Second(now_s))
        second = self._seconds[-1]
        for row in _rows(decision):
            second.counts[row] += 1
        second.latencies[bisect_left(EDGES_MS, decision.decided_time_ms - decision.setup_time_ms)] += 1
        self.scores.take(decision)
        self._count_versions(decision, self._latest.add(decision))
        if is_suspect(decision):
            self._suspect.add(decision)

    def rates(self) -> dict[str, float]:
        """Decisions a second by `ROWS`, over the last `RATE_S` whole seconds."""
        now_s = int(self._clock())
        sums = _sums([one.counts for one in self._since(now_s - RATE_S) if one.at_s < now_s], len(ROWS))
        return {row: count / RATE_S for row, count in zip(ROWS, sums, strict=True)}

    def latency(self) -> Latency:
        """Over the last `LATENCY_S`."""
        since = self._since(int(self._clock()) - LATENCY_S)
        *classes, later = _sums([one.latencies for one in since], len(EDGES_MS) + 1)
        return Latency(_quantile(classes, 0.5), _quantile(classes, 0.99), later)

    def series(self) -> dict[str, list[int]]:
        """Decisions of each of the last `SECONDS` whole seconds by `ROWS`, and `at_s`; nothing came: 0."""
        now_s = int(self._clock())
        counts = {one.at_s: one.counts for one in self._seconds}
        at_s = list(range(now_s - SECONDS, now_s))
        empty = [0] * len(ROWS)
        return {"at_s": at_s} | {
            row: [counts.get(second, empty)[place] for second in at_s] for place, row in enumerate(ROWS)
        }

    def versions(self) -> list[tuple[str, str, str, int]]:
        """Policy, model and mode of the latest decisions that are kept, and how many had them, the most first."""
        return [(*versions, calls) for versions, calls in self._versions.most_common(MOST_VERSIONS)]

    def trunks(self, most: int) -> list[str]:
        """Trunk groups of the decisions that are kept, in alphabetical order."""
        return sorted(islice(self._latest.texts(Kind.TRUNK), most))

    def suspects(self, most: int) -> list[Decision]:
        """The latest calls that were labelled or blocked, or would have been; the latest first."""
        return list(islice(reversed(self._suspect.all), most))

    def about(self, subject: Subject, most: int) -> list[Decision]:
        """What is kept about a subject, the latest first; it costs as much as there is to find."""
        found: dict[str, Decision] = {}
        for kept in (self._latest, self._suspect):
            for one in islice(kept.about(subject), most + LATE):
                found.setdefault(one.decision_id, one)
        return sorted(found.values(), key=lambda one: one.setup_time_ms, reverse=True)[:most]

    def _count_versions(self, come: Decision, gone: Decision | None) -> None:
        self._versions[_versions(come)] += 1
        if gone is not None:
            versions = _versions(gone)
            self._versions[versions] -= 1
            if not self._versions[versions]:
                del self._versions[versions]  # else each version that ever was stays

    def _since(self, at_s: int) -> Iterator[_Second]:
        return (one for one in self._seconds if one.at_s >= at_s)


def is_suspect(decision: Decision) -> bool:
    """Whether a call was labelled or blocked, or would have been."""
    return decision.action is not Action.ALLOW or decision.would_be in _OBJECTIONS


_OBJECTIONS = {Action.LABEL: 3, Action.BLOCK: 4}
_DONE = {Action.ALLOW: 0, Action.LABEL: 1, Action.BLOCK: 2}


def _rows(decision: Decision) -> Iterator[int]:
    """Places in `ROWS` that a decision counts at."""
    yield _DONE[decision.action]
    if decision.would_be in _OBJECTIONS and decision.would_be is not decision.action:
        yield _OBJECTIONS[decision.would_be]
    if decision.decided_by is Step.FAIL_OPEN:
        yield ROWS.index("failed_open")


def _versions(decision: Decision) -> tuple[str, str, str]:
    return decision.policy_version, decision.model_version, decision.mode.value


def _sums(rows: Sequence[Sequence[int]], length: int) -> list[int]:
    return [sum(column) for column in zip(*rows, strict=True)] if rows else [0] * length


def _quantile(classes: Sequence[int], share: float) -> float | None:
    """Upper end of the class that holds the share."""
    total = sum(classes)
    if not total:
        return None
    place = bisect_left(list(accumulate(classes)), share * total)
    return EDGES_MS[place]
