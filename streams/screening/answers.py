"""From outcomes to decision records: the answer as it is, and the one that replaces it once it is late."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detector.contract.decisions import Action, Outcome, decide
from detector.contract.events import CallSetup
from detector.policy import unjudged
from detector.policy.screening import Screening
from detector.policy.unjudged import FAILED_OPEN
from streams.screening.bulk_allows import Slices, write_allows
from streams.screening.one_by_one import Poison
from streams.wire.records import DecisionRecord, encode_decision

LateForm = Callable[[int], bytes]
"""Encodes the answer of a call that its decision did not reach in time; takes the present, epoch milliseconds."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """When a batch begins, and how long its calls may have waited by then, all in milliseconds.

    Attributes:
        now_ms: wall clock, epoch milliseconds.
        deadline_ms: a switch no longer waits for an answer after this.
        shed_after_ms: a call that waited longer is not judged, so that those behind it need not wait.
    """

    now_ms: int
    deadline_ms: int
    shed_after_ms: int

    def passed(self, arrivals_ms: Sequence[int]) -> dict[int, Outcome]:
        """Outcome by row of the calls that are not judged.

        Args:
            arrivals_ms: of each call; 0 or less where nobody knows: it did not wait.
        """
        most_ms = min(self.deadline_ms, self.shed_after_ms)
        if not arrivals_ms or self.now_ms - min(arrivals_ms) <= most_ms:
            return {}
        found: dict[int, Outcome] = {}
        for row, arrival_ms in enumerate(arrivals_ms):
            waited_ms = self.now_ms - arrival_ms
            if waited_ms <= most_ms or arrival_ms <= 0:
                continue
            if waited_ms > self.deadline_ms:
                found[row] = unjudged.late(waited_ms, self.deadline_ms)
            else:
                found[row] = unjudged.overload(waited_ms, self.shed_after_ms)
        return found


@dataclass(slots=True)
class Answers:
    """Encoded decisions; all sequences run parallel to `screening.calls`.

    Attributes:
        screening: what they say; less those that could not be encoded.
        positions: index of each call's record among the values.
        decisions: values of the records.
        keys: their keys.
        late: by row, what to publish once the answer is late; none where it is allow anyway.
        poison: records whose answer could not be encoded, by their position.
        failures: what encoding raised.
    """

    screening: Screening
    positions: list[int]
    decisions: Sequence[bytes] = ()
    keys: Sequence[bytes] = ()
    late: dict[int, LateForm] = field(default_factory=dict)
    poison: list[Poison] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)


def answer(
    screening: Screening, positions: list[int], arrivals_ms: Sequence[int], waiting: Waiting | None, now_ms: int | None
) -> Answers:
    """Encode the decision of every call; one that cannot be encoded passes, and if even that fails it is left out.

    Calls that are simply allowed, and whose texts stand in their records as they are, are written all at once.

    Args:
        screening: what was decided; changed in place where a call passes after all.
        positions: of each call's record among the values.
        arrivals_ms: of each call's record; 0 or less where nobody knows: never late.
        waiting: None where nobody waits: no late forms.
        now_ms: time of decision, epoch milliseconds; None takes each call's own setup time.
    """
    made = Answers(screening, positions)
    whole, bounds, is_written = _write_allows(made, now_ms)
    decisions: dict[int, bytes] = {}
    keys: dict[int, bytes] = {}
    lost: list[int] = []
    for row in (~is_written).nonzero()[0].tolist():
        try:
            event = screening.calls.events[row]
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            made.failures.append(error)
            made.poison.append(Poison(positions[row], error))
            lost.append(row)
            continue
        decided_ms = event.setup_time_ms if now_ms is None else now_ms
        try:
            decisions[row] = _encoded(screening, row, event, screening.outcome(row), decided_ms)
            late = _late_form(screening, row, event, arrivals_ms[row], waiting)
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            made.failures.append(error)
            screening.fail(row)
            late = None
            try:
                decisions[row] = _encoded(screening, row, event, FAILED_OPEN, decided_ms)
            except Exception as again:  # noqa: BLE001 - see above
                made.poison.append(Poison(positions[row], again))
                lost.append(row)
                continue
        keys[row] = (event.switch_id or event.call_id).encode("utf-8", "surrogatepass")
        if late is not None:
            made.late[row] = late
    made.decisions, made.keys = Slices(whole, bounds[:, :2], decisions), Slices(whole, bounds[:, 2:], keys)
    return _less(made, lost) if lost else made


def _write_allows(made: Answers, now_ms: int | None) -> tuple[bytes, NDArray[np.int64], NDArray[np.bool_]]:
    """Write what can be written at once: the bytes, the bounds of records and keys in them, and of which calls."""
    screening = made.screening
    is_wanted = screening.calls.plain.copy()
    if screening.decided:
        is_wanted[list(screening.decided)] = False
    if is_wanted.any():
        try:
            return *write_allows(screening, is_wanted, now_ms), is_wanted
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            made.failures.append(error)
    nothing = np.zeros((len(screening.calls), 4), np.int64)
    return b"", nothing, np.zeros(len(screening.calls), np.bool_)


def _less(made: Answers, lost: list[int]) -> Answers:
    """Take out the calls that cannot be answered."""
    decisions, keys = list(made.decisions), list(made.keys)
    late: list[LateForm | None] = [made.late.get(row) for row in range(len(decisions))]
    for row in reversed(lost):
        made.screening = made.screening.without(row)
        for values in (made.positions, decisions, keys, late):
            del values[row]
    made.decisions, made.keys = decisions, keys
    made.late = {row: one for row, one in enumerate(late) if one is not None}
    return made


def _encoded(screening: Screening, row: int, event: CallSetup, outcome: Outcome, decided_ms: int) -> bytes:
    """Encode the decision of one call."""
    record = decide(
        event,
        screening.calls.identifier(row),
        outcome,
        screening.score(row),
        screening.mode(row),
        decided_ms,
        screening.versions,
        DecisionRecord,
    )
    return encode_decision(record)


def _late_form(
    screening: Screening, row: int, event: CallSetup, arrival_ms: int, waiting: Waiting | None
) -> LateForm | None:
    """Only what is enforced can harm: in shadow the switch is told to allow whenever the answer comes."""
    if waiting is None or arrival_ms <= 0 or screening.outcome(row).action is Action.ALLOW or screening.is_shadow[row]:
        return None
    deadline_ms = waiting.deadline_ms

    def encode_late(now_ms: int) -> bytes:
        return _encoded(screening, row, event, unjudged.late(now_ms - arrival_ms, deadline_ms), now_ms)

    return encode_late
