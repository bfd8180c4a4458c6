"""The odd form of answering: the decision of one call, put together and encoded by itself, and its late form.

The fast form stands beside it (`streams.screening.bulk_allows`); one table of tests holds the two together.
"""

from dataclasses import dataclass

from detector.contract.decisions import Action, Outcome, decide
from detector.contract.events import CallSetup
from detector.policy.screening import Screening
from detector.policy.unjudged import FAILED_OPEN
from streams.screening.decision_keys import key_of
from streams.screening.lateness import LateForm, Waiting
from streams.wire.records import DecisionRecord, encode


@dataclass(frozen=True, slots=True)
class SingleAnswer:
    """The answer to one call.

    Attributes:
        decision: Its encoded record.
        key: Key of the record.
        late: What replaces it once it is late; None where it allows anyway, or where nobody waits.
        failure: The internal error for which the call passes; None where there was none.
    """

    decision: bytes
    key: bytes
    late: LateForm | None
    failure: Exception | None = None


def answer_one(
    screening: Screening, row: int, arrival_ms: int, waiting: Waiting | None, now_ms: int | None
) -> SingleAnswer:
    """Encode the decision of one call; one that cannot be encoded passes instead, which `screening` notes.

    Args:
        screening: What was decided; changed in place where the call passes after all.
        row: The call.
        arrival_ms: Of its record, epoch milliseconds; 0 or less where nobody knows: never late.
        waiting: None where nobody waits.
        now_ms: Time of decision, epoch milliseconds; None takes the call's own setup time.

    Raises:
        Exception: Any: the call can be answered in no form at all.
    """
    event = screening.calls.events[row]
    decided_ms = event.setup_time_ms if now_ms is None else now_ms
    try:
        decision = _encoded(screening, row, event, screening.outcome(row), decided_ms)
        late = _late_form(screening, row, event, arrival_ms, waiting)
        return SingleAnswer(decision, key_of(event), late)
    except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
        failure = error
    screening.fail(row)
    try:
        return SingleAnswer(_encoded(screening, row, event, FAILED_OPEN, decided_ms), key_of(event), None, failure)
    except Exception as again:
        raise again from failure


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
    return encode(record)


def _late_form(
    screening: Screening, row: int, event: CallSetup, arrival_ms: int, waiting: Waiting | None
) -> LateForm | None:
    """Only what is enforced can harm: in shadow the switch is told to allow whenever the answer comes."""
    if waiting is None or arrival_ms <= 0 or screening.outcome(row).action is Action.ALLOW or screening.is_shadow[row]:
        return None

    def encode_late(now_ms: int) -> bytes:
        return _encoded(screening, row, event, waiting.late(arrival_ms, now_ms), now_ms)

    return LateForm(waiting.expires_ms(arrival_ms), encode_late)
