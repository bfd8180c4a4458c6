"""Fields of an event from whatever a switch says in other words, read as a worker would read them. Pure."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from detector.contract.errors import RobocallError
from detector.contract.events import MAX_RECORD_BYTES
from streams.wire.decoder import decode_one
from streams.wire.records import encode
from streams.wire.refusals import Code
from streams.wire.repairs import repair

Fields = dict[str, Any]

KEPT = frozenset(
    {"type", "call_id", "setup_time_ms", "calling_number", "called_number", "trunk_group_id", "switch_id"}
    | {"end_time_ms", "sip_status", "treatment", "decision_id"}
)
"""Without these an event would be another one, or none. At their bounds they fit into a record."""
FIRST_TO_GO = ("identity", "asserted_numbers", "diversion")
"""As the page for switches has it (docs/switch-questions.md)."""


class EventInvalid(RobocallError):
    """What was said makes no event. Its text names fields, never their values.

    Args:
        code: that a dead letter would have.
        message: one sentence.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


def event_fields(said: Mapping[str, Any]) -> Fields:
    """Read the fields of an event: texts that are too long are cut, numbers brought to their normal form.

    Args:
        said: by name, `type` among them. Unknown fields are left out, and null ones.

    Raises:
        EventInvalid: a field is missing or wrong.
    """
    event = decode_one(encode(said))
    if isinstance(event, tuple):
        raise EventInvalid(*event)
    return {"type": said["type"]} | without_nothing(msgspec.structs.asdict(cast("Any", repair(event))))


def without_nothing(said: Mapping[str, Any]) -> Fields:
    """Leave out what is null."""
    return {name: value for name, value in said.items() if value is not None}


def fitted(event: Mapping[str, Any]) -> bytes:
    """Encode an event for its topic, leaving out what a record has no room for: callers write texts at any length.

    Args:
        event: its fields. First the long lists give way, then the other fields, the longest first, our verdict last.

    Returns:
        A record; one that is too large where even the fields that make the event are.
    """
    data = msgspec.json.encode(event)
    if len(data) <= MAX_RECORD_BYTES:
        return data
    left = dict(event)
    sizes = {name: len(msgspec.json.encode(value)) for name, value in left.items() if name not in KEPT}
    by_size = sorted(sizes, key=lambda name: (name.startswith("own_"), -sizes[name]))
    for name in dict.fromkeys((*FIRST_TO_GO, *by_size)):
        left.pop(name, None)
        data = msgspec.json.encode(left)
        if len(data) <= MAX_RECORD_BYTES:
            break
    return data
