"""Keyed digests: what a number keeps, what it loses, and that nothing else in a record gives it away."""

import json
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.columns.call_columns import build_batch
from detector.columns.decision_ids import decision_id
from detector.contract.events import CallSetup
from detector.policy.settings import Policy
from detector.policy.tables import PolicyTables
from streams.archive.numbers import WITHHELD, NumberKey, redact
from streams.wire.records import EVENT_DECODER
from tests.streams.archive.archive_case import SECRET, setup

KEY = NumberKey(SECRET)
OTHER_KEY = NumberKey(SECRET + ".")


def decoded(record: dict[str, Any]) -> CallSetup:
    """A call setup as the worker reads it."""
    return cast("CallSetup", EVENT_DECODER.decode(json.dumps(record)))


def number_class(number: str) -> int:
    """The class that the detector sees."""
    event = EVENT_DECODER.decode(json.dumps(setup(1, calling_number=number)))
    return int(build_batch([event], [True], seed=1).number_class[0])


def test_a_block_is_permuted() -> None:
    """Each of its 10,000 numbers becomes another one of the block, none of them twice."""
    replaced = [KEY.number(f"+1202555{line:04}") for line in range(10_000)]
    assert sorted(replaced) == [f"+1202555{line:04}" for line in range(10_000)]
    unmoved = np.mean([replaced[line] == f"+1202555{line:04}" for line in range(10_000)])
    assert unmoved < 0.001  # a random permutation leaves one in 10,000 where it was


def test_blocks_and_keys_have_permutations_of_their_own() -> None:
    lines = range(200)
    here = [KEY.number(f"+1202555{line:04}")[-4:] for line in lines]
    next_block = [KEY.number(f"+1202556{line:04}")[-4:] for line in lines]
    other_key = [OTHER_KEY.number(f"+1202555{line:04}")[-4:] for line in lines]
    assert sum(a == b for a, b in zip(here, next_block, strict=True)) < 5
    assert sum(a == b for a, b in zip(here, other_key, strict=True)) < 5
    assert KEY.identity != OTHER_KEY.identity


@pytest.mark.parametrize(
    "number",
    ["+12025550123", "+19115550100", "+447700900123", "+5215512345678", "12025550123", "+10005550100", "+0123456789",
     "Alice", "sip:alice@example.com", "Bob 77", "anonymous", "911", "72345", "", "+4", "+99912345678901234"],
)  # fmt: skip
def test_the_class_of_a_number_stays(number: str) -> None:
    assert number_class(KEY.number(number)) == number_class(number)


@given(st.text(max_size=40))
def test_the_class_of_anything_stays(number: str) -> None:
    assert number_class(KEY.number(number)) == number_class(number)
    assert len(KEY.number(number)) <= max(len(number), 20)


def test_people_are_not_recognised_and_services_are() -> None:
    for number in ("+12025550123", "+447700900123", "12025550123", "Alice", "sip:alice@example.com"):
        assert KEY.number(number) != number
    for number in ("911", "+1911", "urn:service:sos", "anonymous", "Restricted"):
        assert KEY.number(number) == number


def test_emergency_calls_stay_emergency_calls() -> None:
    tables = PolicyTables(Policy())
    for number in ("911", "+1911", "988", "urn:service:sos", "urn:service:sos.police"):
        assert tables.emergency.called(KEY.number(number))


def test_a_record_keeps_no_number_name_or_note() -> None:
    """Every field that may hold one is replaced, emptied, or kept only as the fact that it was there."""
    person, callee = "+12025550123", "+13035550142"
    record: dict[str, Any] = setup(1) | {
        "calling_number": person, "called_number": callee, "from_number": person, "diversion": [callee, person],
        "calling_name": f"Alice {person}", "identity": [f"header of {person}"],
        "to_number": callee, "asserted_numbers": [f"tel:{person}", "sip:+1-202-555-0123@host"],
        "own_names": [f"Alice {person}", "Acme"], "own_call_reason": f"Call {person} back",
        "own_diverted_from": callee, "own_forwarder_spc": "456B",
    }  # fmt: skip
    redact(record, KEY)
    assert person not in str(record)
    assert callee not in str(record)
    assert record["calling_name"] == WITHHELD
    assert (record["own_names"], record["own_call_reason"]) == ([WITHHELD] * 2, WITHHELD)
    assert (record["own_diverted_from"], record["own_forwarder_spc"]) == (KEY.number(callee), "456B")
    assert record["identity"] is None
    assert record["asserted_numbers"] == [KEY.number(person)] * 2
    assert record["from_number"] == record["calling_number"] == record["diversion"][1] == KEY.number(person)
    ended: dict[str, Any] = setup(1) | {"reason": f"SIP;cause=603;text={person}", "decision_id": "0" * 32}
    redact(ended, KEY)
    assert ended["reason"] is None
    replaced = setup(1, calling_number=ended["calling_number"], called_number=ended["called_number"])
    assert ended["decision_id"] == decision_id(decoded(replaced))
    unknown: dict[str, Any] = ended | {"setup_time_ms": None}
    redact(unknown, KEY)
    assert unknown["decision_id"] is None
    private = [{"code": code, "text": f"Alice {person}"} for code in ("caller_name", "call_reason")]
    why = [*private, {"code": "model", "text": "Score 0.9"}]
    answered: dict[str, Any] = {"calling_number": person, "reasons": why}
    redact(answered, KEY)
    assert [one["text"] for one in answered["reasons"]] == [WITHHELD, WITHHELD, "Score 0.9"]
    verdict: dict[str, Any] = {"calling_number": person, "note": f"{person} again"}
    redact(verdict, KEY)
    assert verdict == {"calling_number": KEY.number(person), "note": None}


def test_the_decision_id_is_that_of_the_replaced_call() -> None:
    """The original is a plain hash: with it everybody could try the 10,000 numbers of a block."""
    event = decoded(setup(1))
    original = decision_id(event)
    record: dict[str, Any] = {
        "call_id": "call-1", "decision_id": original, "setup_time_ms": event.setup_time_ms,
        "trunk_group_id": "nyc-ix-7",
        "calling_number": event.calling_number, "called_number": event.called_number,
        "sip": {"status": 603, "reason_phrase": "Network Blocked", "reason_header": f"id={original}"},
    }  # fmt: skip
    redact(record, KEY)
    numbers = {name: KEY.number(getattr(event, name)) for name in ("calling_number", "called_number")}
    replaced = decoded(setup(1, **numbers))
    assert record["decision_id"] == decision_id(replaced)
    assert original not in str(record)
