"""Calls within the contract that cost much more to read than others, as long as a record may be.

None is refused for what makes it dear: fields that nobody knows, escapes, a number written for people.
"""

import json
from collections.abc import Callable

CALL = {
    "type": "call_setup", "call_id": "", "setup_time_ms": 1_700_000_000_000, "calling_number": "+12025550101",
    "called_number": "+12025550199", "trunk_group_id": "t", "switch_id": "s",
}  # fmt: skip


def _call(number: int, **fields: str) -> bytes:
    return json.dumps(CALL | {"call_id": f"dear-{number}"} | fields).encode()


def _with(number: int, field: bytes) -> bytes:
    return _call(number)[:-1] + b"," + field + b"}"


def nested(number: int) -> bytes:
    """120 lists, each 60 deep; a batch of a thousand is 8.5 KB of zstd."""
    return _with(number, b'"x":[' + b",".join([b"[" * 60 + b"]" * 60] * 120) + b"]")


def nested_objects(number: int) -> bytes:
    """A hundred objects, each 25 deep."""
    return _with(number, b'"x":[' + b",".join([b'{"a":' * 25 + b"1" + b"}" * 25] * 100) + b"]")


def many_keys(number: int) -> bytes:
    """1,700 fields that nobody knows."""
    return _with(number, b",".join(b'"%d":1' % key for key in range(1_700)))


def escapes(number: int) -> bytes:
    """1,000 names and texts that are written in escapes."""
    return _with(number, b",".join(b'"\\u0061%d":"\\n"' % key for key in range(900)))


def formatted(number: int) -> bytes:
    """A number as people write it, which is put right."""
    return _call(number, calling_number="tel:+1-202-555-0101;verstat=TN-Validation-Passed")


DEAR: dict[str, Callable[[int], bytes]] = {
    "nested valid calls": nested,
    "nested objects": nested_objects,
    "many keys": many_keys,
    "escapes": escapes,
    "formatted numbers": formatted,
}
"""How to make one, by what it is; of a number, which is in its call id."""
