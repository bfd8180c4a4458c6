"""Raw records: which of them are touched, and that all else goes on byte for byte."""

import json
from typing import Any

import pytest

from detector.contract.events import MAX_RECORD_BYTES
from detector.trust.verdict import Cause, Verdict
from streams.trust.own_fields import OWN_FIELDS
from streams.verifying.raw_setups import changed, setup_to_change
from tests.streams.trust.signed_calls import setup

END = {
    "type": "call_end",
    "call_id": "1@a",
    "end_time_ms": 1_800_000_000_000,
    "calling_number": "+12025550101",
    "called_number": "+12025550199",
    "trunk_group_id": "t",
    "sip_status": 200,
    "identity": ["e.e.e"],
}


def raw(**more: Any) -> bytes:
    return json.dumps(setup("1@a", "e.e.e") | more).encode()


@pytest.mark.parametrize(
    "value",
    [None, b"", b"junk", b"[]", b"\xff", raw(identity=None), raw(identity=[]), raw(call_id=None),
     json.dumps(END).encode(), b" " * (MAX_RECORD_BYTES + 1)],
)  # fmt: skip
def test_what_is_no_signed_set_up_goes_on_as_it_came(value: bytes | None) -> None:
    """An end may not be signed, and what cannot be read is the workers' to refuse."""
    assert setup_to_change(value) is None


@pytest.mark.parametrize("value", [raw(), raw(role="of tomorrow"), raw(calling_number="tel:+1-202-555-0101")])
def test_a_signed_set_up_is_read_as_a_worker_would(value: bytes) -> None:
    found = setup_to_change(value)

    assert found is not None
    assert found.identity == ["e.e.e"]


def test_its_verdict_joins_it_and_nothing_else_changes() -> None:
    """Fields that nobody knows stay too."""
    value = raw(vendor={"a": [1, None]}, own_verstat="TN-Validation-Passed", own_names=["Bank"])

    found = json.loads(changed(value, Verdict(cause=Cause.STALE)))

    said = {name: one for name, one in json.loads(value).items() if name not in OWN_FIELDS}
    assert found == said | {"own_verstat": "TN-Validation-Failed", "own_cause": "stale"}


@pytest.mark.parametrize("name", ["own_verstat", r"\u006fwn_verstat"])
def test_what_a_switch_says_of_our_verdict_is_taken_out(name: str) -> None:
    """However it writes it, signed or not."""
    value = raw(identity=None).replace(b'"identity"', f'"{name}":"TN-Validation-Passed","identity"'.encode())

    assert setup_to_change(value) is not None
    assert not OWN_FIELDS & json.loads(changed(value, None)).keys()


@pytest.mark.parametrize(
    "number", ["1e999", "-1.5E+30000", "9" * 5_000, "123456789012345678901234567890", "0.1e-999", "-0", "1.50"]
)
def test_what_a_field_that_nobody_knows_holds_neither_hides_a_verdict_nor_changes(number: str) -> None:
    """A worker skips it unread, however large it is."""
    value = raw(own_verstat="TN-Validation-Passed").replace(b"{", f'{{"vendor":{number},'.encode(), 1)
    found = setup_to_change(value)
    assert found is not None
    assert found.own_verstat == "TN-Validation-Passed"

    for said in (changed(value, None), changed(value, Verdict(cause=Cause.STALE))):
        assert b"TN-Validation-Passed" not in said
        assert f'"vendor":{number},'.encode() in said


def test_headers_give_way_where_a_record_has_no_room_for_both() -> None:
    value = raw(identity=["x" * 8_000, "y" * (MAX_RECORD_BYTES - 8_400)])
    assert setup_to_change(value) is not None

    found = changed(value, Verdict(cause=Cause.STALE, signer_spc="1" * 200))

    assert len(found) <= MAX_RECORD_BYTES
    assert "identity" not in json.loads(found)
