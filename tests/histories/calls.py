"""A short log of calls that make the policy remember things: few numbers, some in bursts. A function of its seed."""

import json
from random import Random
from typing import Any, NamedTuple

from detector.testing import START_MS
from streams.kafka.publishing.publisher import partition_of

TRUNK_GROUPS = ("t-1", "t-2", "t-3")
ENDS = (200, 200, 404, 480, 486, 603)


class Record(NamedTuple):
    """A record of the log, as its reader gets it; `call_id` is that of the call that it sets up, if it does."""

    partition: int
    offset: int
    at_ms: int
    key: bytes
    value: bytes
    call_id: str | None = None


def home_of(number: str, partitions: int) -> int:
    """Partition of a calling number, as every producer and worker works it out."""
    return partition_of(number.encode("utf-8", "surrogatepass"), partitions)


def short_log(events: int, *, partitions: int, seed: int, numbers: int = 14) -> list[Record]:
    """Make so many records, in order of arrival: set-ups, ends, and now and then one that nobody can read.

    Every fifth number is signed for, every seventh is no number at all, and the first ones call far more often.
    """
    chance = Random(seed)
    callers = [_caller(chance, index) for index in range(numbers)]
    often = [numbers + 4 - index for index in range(numbers)]
    found: list[Record] = []
    ends = [0] * partitions
    open_calls: list[dict[str, Any]] = []
    at_ms = START_MS
    while len(found) < events:
        at_ms += chance.choice((0, 40, 700, 4_000, 90_000))
        if open_calls and chance.random() < 0.35:
            event = _end(chance, open_calls.pop(chance.randrange(len(open_calls))), at_ms)
        else:
            event = _setup(chance, f"call-{seed}-{len(found)}", *chance.choices(callers, often)[0], at_ms)
            open_calls.append(event)
        number = event["calling_number"]
        is_readable = chance.random() < 0.97
        value = json.dumps(event).encode() if is_readable else b"{not a call"
        call_id = event["call_id"] if is_readable and event["type"] == "call_setup" else None
        partition = home_of(number, partitions)
        found.append(Record(partition, ends[partition], at_ms, number.encode(), value, call_id))
        ends[partition] += 1
    return found


def _caller(chance: Random, index: int) -> tuple[str, bool]:
    if index % 7 == 6:
        return f"anonymous-{index}", False
    return f"+1212{chance.randrange(200, 999)}{chance.randrange(10_000):04}", index % 5 == 4


def _setup(chance: Random, call_id: str, number: str, is_signed: bool, at_ms: int) -> dict[str, Any]:
    signed = {"attestation": "A", "verstat": "TN-Validation-Passed", "origid": "o-1", "signer_spc": "1234"}
    signed |= {f"own_{name}": value for name, value in signed.items()} | {"own_cause": "passed"}
    return {
        "type": "call_setup",
        "call_id": call_id,
        "setup_time_ms": at_ms - chance.choice((0, 0, 15, 8_000)),
        "calling_number": number,
        "called_number": f"+1310555{chance.randrange(40):04}",
        "trunk_group_id": chance.choice(TRUNK_GROUPS),
        "role": "terminating",
        **(signed if is_signed else {}),
    }


def _end(chance: Random, call: dict[str, Any], at_ms: int) -> dict[str, Any]:
    kept = ("call_id", "setup_time_ms", "calling_number", "called_number", "trunk_group_id")
    status = chance.choice(ENDS)
    end = {"type": "call_end", "end_time_ms": at_ms, "sip_status": status, **{name: call[name] for name in kept}}
    return end | ({"answer_time_ms": call["setup_time_ms"] + 900} if status == 200 else {})
