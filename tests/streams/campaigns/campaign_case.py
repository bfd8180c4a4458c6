"""Events and decisions of suspect calls, as switches and workers publish them."""

import json
import time
from collections.abc import Iterable
from typing import Any

Pair = tuple[bytes, bytes]
"""A `call_setup` and the decision on it."""


def pair(number: int, *, score: float | None = 0.97, action: str = "label", **fields: Any) -> Pair:
    """A call and the decision on it.

    Args:
        number: Of the call; another number is another caller.
        score: Of the decision.
        action: Of the decision.
        **fields: Of the call.
    """
    setup = {
        "type": "call_setup",
        "call_id": f"call-{number}",
        "setup_time_ms": time.time_ns() // 1_000_000,
        "calling_number": f"+1212555{number:04d}",
        "called_number": f"+1310555{37 * number % 10_000:04d}",
        "trunk_group_id": "tg-1",
        **fields,
    }
    decision = {
        "call_id": setup["call_id"],
        "setup_time_ms": setup["setup_time_ms"],
        "decided_time_ms": time.time_ns() // 1_000_000,
        "called_number": setup["called_number"],
        "decision_id": f"decision-{number}",
        "action": action,
        "would_be": None,
        "score": score,
    }
    return json.dumps(setup).encode(), json.dumps(decision).encode()


def end(number: int, *, talk_ms: int | None = 8_000) -> bytes:
    """The end of such a call."""
    at_ms = time.time_ns() // 1_000_000
    fields = {
        "type": "call_end",
        "call_id": f"call-{number}",
        "end_time_ms": at_ms,
        "answer_time_ms": None if talk_ms is None else at_ms - talk_ms,
        "calling_number": f"+1212555{number:04d}",
        "called_number": "+13105550001",
        "trunk_group_id": "tg-1",
        "sip_status": 200 if talk_ms is not None else 487,
    }
    return json.dumps(fields).encode()


def pairs(numbers: Iterable[int], **fields: Any) -> list[Pair]:
    """Some such calls."""
    return [pair(number, **fields) for number in numbers]
