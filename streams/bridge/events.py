"""Fields of an event from whatever a switch says in other words, read as a worker would read them. Pure."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from detector.contract.errors import RobocallError
from streams.wire.decoder import decode_one
from streams.wire.records import encode
from streams.wire.refusals import Code
from streams.wire.repairs import repair

Fields = dict[str, Any]


class EventInvalid(RobocallError):  # noqa: N818 - the name states what is wrong
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
