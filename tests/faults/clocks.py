"""Switches with wrong clocks: events dated hours ahead or behind, and the way back to the truth."""

import json
import zlib
from dataclasses import replace
from typing import Any

from detector.contract.events import CallEnd, CallEvent

HOURS_MS = 5 * 3_600_000
TIMES = ("setup_time_ms", "answer_time_ms", "end_time_ms")


def error_ms(switch_id: str | None) -> int:
    """How wrong a switch's clock is: a third of them ahead, a third behind, a third right."""
    return (-HOURS_MS, 0, HOURS_MS)[zlib.crc32((switch_id or "").encode()) % 3]


def set_wrong(event: CallEvent) -> CallEvent:
    """The event as its switch would date it."""
    error = error_ms(event.switch_id)
    if not isinstance(event, CallEnd):
        return replace(event, setup_time_ms=event.setup_time_ms + error)
    answered = None if event.answer_time_ms is None else event.answer_time_ms + error
    return replace(
        event,
        setup_time_ms=None if event.setup_time_ms is None else event.setup_time_ms + error,
        answer_time_ms=answered,
        end_time_ms=event.end_time_ms + error,
    )


def set_right(record: bytes) -> bytes:
    """A record of the log as it would be had its switch a right clock."""
    event: dict[str, Any] = json.loads(record)
    error = error_ms(event.get("switch_id"))
    return json.dumps(event | {name: event[name] - error for name in TIMES if name in event}).encode()
