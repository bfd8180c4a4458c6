"""From outcomes to decision records: the answer as it is, and the one that replaces it once it is late."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from detector import passing
from detector.decisions import Action, Mode, Outcome, decide
from detector.passing import FAILED_OPEN
from detector.screening import Screening
from streams.poison import Poison
from streams.records import DecisionRecord, encode_decision

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
                found[row] = passing.late(waited_ms, self.deadline_ms)
            else:
                found[row] = passing.overload(waited_ms, self.shed_after_ms)
        return found


@dataclass(slots=True)
class Answers:
    """Encoded decisions; all lists run parallel to `screening.setups`.

    Attributes:
        screening: what they say; less those that could not be encoded.
        positions: index of each call's record among the values.
        decisions: values of the records.
        keys: their keys.
        late: what to publish once the answer is late; None where it is allow anyway.
        poison: records whose answer could not be encoded, by their position.
        failures: what encoding raised.
    """

    screening: Screening
    positions: list[int]
    decisions: list[bytes] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    late: list[LateForm | None] = field(default_factory=list)
    poison: list[Poison] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)


def answer(
    screening: Screening, positions: list[int], arrivals_ms: Sequence[int], waiting: Waiting | None, now_ms: int | None
) -> Answers:
    """Encode the decision of every call; one that cannot be encoded passes, and if even that fails it is left out.

    Args:
        screening: what was decided; changed in place where a call passes after all.
        positions: of each call's record among the values.
        arrivals_ms: of each call's record; 0 or less where nobody knows: never late.
        waiting: None where nobody waits: no late forms.
        now_ms: time of decision, epoch milliseconds; None takes each call's own setup time.
    """
    made = Answers(screening, positions)
    lost: list[int] = []
    rows = zip(screening.setups, screening.ids, screening.outcomes, screening.scores, screening.modes, strict=True)
    for row, (setup, identifier, outcome, score, mode) in enumerate(rows):
        decided_ms = setup.setup_time_ms if now_ms is None else now_ms
        late = None
        try:
            record = decide(setup, identifier, outcome, score, mode, decided_ms, screening.versions, DecisionRecord)
            value = encode_decision(record)
            if waiting is not None and outcome.action is not Action.ALLOW:
                late = _late_form(screening, row, arrivals_ms[row], waiting.deadline_ms)
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            made.failures.append(error)
            screening.fail(row)
            try:
                value = _allow(screening, row, decided_ms)
            except Exception as again:  # noqa: BLE001 - see above
                made.poison.append(Poison(positions[row], again))
                lost.append(row)
                continue
        made.decisions.append(value)
        made.keys.append((setup.switch_id or setup.call_id).encode("utf-8", "surrogatepass"))
        made.late.append(late)
    for row in reversed(lost):
        made.screening = made.screening.without(row)
        del positions[row]
    return made


def _allow(screening: Screening, row: int, decided_ms: int) -> bytes:
    """Encode the answer of a call that passes after all."""
    setup, identifier, mode = screening.setups[row], screening.ids[row], screening.modes[row]
    record = decide(setup, identifier, FAILED_OPEN, None, mode, decided_ms, screening.versions, DecisionRecord)
    return encode_decision(record)


def _late_form(screening: Screening, row: int, arrival_ms: int, deadline_ms: int) -> LateForm | None:
    """Only what is enforced can harm: in shadow the switch is told to allow whenever the answer comes."""
    if screening.modes[row] is not Mode.ENFORCE or arrival_ms <= 0:
        return None
    setup, identifier, score = screening.setups[row], screening.ids[row], screening.scores[row]

    def encode_late(now_ms: int) -> bytes:
        outcome = passing.late(now_ms - arrival_ms, deadline_ms)
        record = decide(setup, identifier, outcome, score, Mode.ENFORCE, now_ms, screening.versions, DecisionRecord)
        return encode_decision(record)

    return encode_late
