"""Calls that an odd model cannot stand, among the others, and records that no decoder can read."""

import zlib
from dataclasses import replace

from detector.contract.events import CallEnd, CallEvent

ONE_IN = 50


def is_poison(call_id: str) -> bool:
    """Whether the call is one of those."""
    return zlib.crc32(call_id.encode()) % ONE_IN == 0


def call_itself(event: CallEvent) -> CallEvent:
    """Let one call in `ONE_IN` go to the number that it comes from."""
    if isinstance(event, CallEnd) or not is_poison(event.call_id):
        return event
    return replace(event, called_number=event.calling_number)
