"""Find repeated keys and excessive depth in JSON, which the decoder accepts in silence (RFC 8259 section 4).

Two readers of one record must not see two different calling numbers, so a repeated key at any level refuses the record.
Only records that the scan left to the decoder are asked about here: the scan takes none that repeats a key.
"""

import json
import re
from typing import Any

MAX_DEPTH = 64

_OPENING, _BRACKETS = b"{[", re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)


class _Repeated(Exception):  # noqa: N818 - a signal that never leaves this module
    """An object repeats a key."""


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise _Repeated


def has_repeated_key(record: bytes) -> bool:
    """Say whether any object of a JSON record repeats a key, however it is written. Linear; never raises.

    Args:
        record: UTF-8. What is not JSON, or nests too deep, has none: that is said elsewhere.
    """
    try:
        # Integers are not converted: Python refuses those of more than 4,300 digits.
        json.loads(record, object_pairs_hook=_refuse_repeats, parse_int=len)
    except _Repeated:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def is_too_deep(record: bytes) -> bool:
    """Say whether a JSON record nests deeper than `MAX_DEPTH` levels. Linear; never raises, exact on valid JSON."""
    if record.count(b"{") + record.count(b"[") <= MAX_DEPTH:
        return False
    depth = 0
    for found in _BRACKETS.finditer(record):
        token = found.group()
        if token in _OPENING:
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token[0] != ord('"'):
            depth = max(depth - 1, 0)
    return False
