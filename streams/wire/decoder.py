"""The odd form of reading `call-events`: one by one through msgspec, whose word decides what is accepted and why not.

The fast form stands beside it (`streams.wire.scan`); one table of tests holds the two together. Whatever a record
holds, it affects no other record.
"""

from collections import Counter
from dataclasses import dataclass, field

from detector.columns.arrays import Ints
from detector.contract.events import MAX_RECORD_BYTES, CallEvent
from streams.wire.record_columns import Records
from streams.wire.records import decode_event
from streams.wire.refusals import CODE_MEANINGS, MESSAGE_LIMIT, REFUSALS, Code, Rejected, classify, passed_in_silence
from streams.wire.repairs import Repair, repair


@dataclass(slots=True)
class Decoded:
    """Records that went through the decoder.

    Attributes:
        events: Those that it accepted, by the position of their record, in order.
        rejected: The others, in order.
        repairs: What was put right in the events, and how often.
    """

    events: dict[int, CallEvent] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    repairs: Counter[Repair] = field(default_factory=Counter)


def decode(records: Records, positions: Ints) -> Decoded:
    """Decode some of the records, one by one.

    Called for those that the scan is not certain of. Never raises for what a record holds.

    Args:
        records: The batch.
        positions: Which of them, shape (k,), ascending.
    """
    decoded = Decoded()
    for position in positions.tolist():
        found = decode_one(records.value(position))
        if isinstance(found, tuple):
            code, message = found
            decoded.rejected.append(Rejected(position, code, message[:MESSAGE_LIMIT]))
        else:
            decoded.events[position] = repair(found, decoded.repairs)
    return decoded


def decode_one(value: bytes | None) -> CallEvent | tuple[Code, str]:
    """Decode one record: its event as it was written (`streams.wire.repairs`), or why it is refused. Never raises."""
    if not value:
        return Code.EMPTY, CODE_MEANINGS[Code.EMPTY]
    if len(value) > MAX_RECORD_BYTES:
        return Code.TOO_LARGE, CODE_MEANINGS[Code.TOO_LARGE]
    try:
        event = decode_event(value)
        if not value.isascii():
            value.decode()  # msgspec skips the text of unknown fields unread
    except REFUSALS as error:
        return classify(value, error)
    silent = passed_in_silence(value)
    return event if silent is None else (silent, CODE_MEANINGS[silent])
