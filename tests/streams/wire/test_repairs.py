"""What a switch may get wrong without losing its call: the call is read, and what was put right is counted."""

import hashlib
import json
from typing import Any

import pytest

from detector.contract.events import (
    CALL_ID_LIMIT,
    IDENTITY_LIMIT,
    LIST_LIMIT,
    TEXT_LIMIT,
    Attestation,
    ReleasedBy,
    Role,
)
from streams.wire.reading import join, read
from streams.wire.record_columns import records_of
from streams.wire.repairs import Repair

SETUP = {
    "type": "call_setup",
    "call_id": "c",
    "setup_time_ms": 1_760_000_000_000,
    "calling_number": "+12025550101",
    "called_number": "+13125550142",
    "trunk_group_id": "t",
}
END = {**SETUP, "type": "call_end", "end_time_ms": 1_760_000_009_000, "sip_status": 486}


def record(base: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps(base | fields).encode()


@pytest.mark.parametrize(
    ("name", "long", "kept"),
    [
        ("user_agent", "u" * (TEXT_LIMIT + 1), "u" * TEXT_LIMIT),
        ("calling_name", "\u00e9" * 300, "\u00e9" * TEXT_LIMIT),
        ("diversion", ["+12025550100"] * (LIST_LIMIT + 1), ["+12025550100"] * LIST_LIMIT),
        ("diversion", ["d" * 300, "+12025550100"], ["d" * TEXT_LIMIT, "+12025550100"]),
        ("identity", ["i" * (IDENTITY_LIMIT + 5)], ["i" * IDENTITY_LIMIT]),
        ("from_number", "5" * 300, "5" * TEXT_LIMIT),
        ("calling_number", "+1" + "0" * 300, "+1" + "0" * (TEXT_LIMIT - 2)),
        ("called_number", "c" * 9_000, "c" * TEXT_LIMIT),
    ],
)
def test_a_long_optional_text_is_cut_and_counted(name: str, long: Any, kept: Any) -> None:
    """The call is judged without the rest of it; so it is with a number, which its caller writes."""
    reading = read(records_of([record(SETUP, **{name: long}), record(SETUP)]))

    assert reading.rejected == []
    assert [getattr(event, name) for event in reading.events] == [kept, SETUP.get(name)]
    assert reading.repairs == {Repair.TEXT: 1}


def test_a_long_text_around_a_number_is_taken_off_before_anything_is_cut() -> None:
    """A display name has any length."""
    reading = read(records_of([record(SETUP, calling_number='"' + "a" * 400 + '" <tel:+12025550101>')]))

    assert [event.calling_number for event in reading.events] == ["+12025550101"]
    assert reading.repairs == {Repair.NUMBER: 1}


@pytest.mark.parametrize(
    ("base", "written", "kept"),
    [
        (SETUP, {"attestation": "D"}, {"attestation": None}),
        (SETUP, {"attestation": ""}, {"attestation": None}),
        (SETUP, {"attestation": "A", "role": "elsewhere"}, {"attestation": Attestation.A, "role": None}),
        (SETUP, {"attestation": "a", "role": "terminating"}, {"attestation": None, "role": Role.TERMINATING}),
        (END, {"treatment": "?", "released_by": "called"}, {"treatment": None, "released_by": ReleasedBy.CALLED}),
    ],
)
def test_a_value_that_nobody_knows_is_left_out_and_counted(
    base: dict[str, Any], written: dict[str, Any], kept: dict[str, Any]
) -> None:
    """What a stranger wrote into a header costs no call its decision; known values beside it stay what they are."""
    reading = read(records_of([record(base, **written), record(base)]))

    assert reading.rejected == []
    first = reading.events[0]
    assert {name: getattr(first, name) for name in kept} == kept
    assert all(type(getattr(first, name)) is type(value) for name, value in kept.items())
    assert type(first) is type(reading.events[1])
    assert reading.repairs == {Repair.CHOICE: 1}


@pytest.mark.parametrize(
    "broken", [{"attestation": 1}, {"attestation": "D", "call_id": ""}, {"role": "?", "trunk_group_id": 7}]
)
def test_a_value_that_nobody_knows_hides_no_other_fault(broken: dict[str, Any]) -> None:
    reading = read(records_of([record(SETUP, **broken)]))

    assert len(reading.rejected) == 1
    assert not reading.repairs


@pytest.mark.parametrize("base", [SETUP, END], ids=["setup", "end"])
def test_a_long_call_id_is_hashed_in_a_form_that_a_switch_can_make(base: dict[str, Any]) -> None:
    """Set-up, end and decision of a call agree on it."""
    longest, longer = "c" * CALL_ID_LIMIT, "\u00e9" * (CALL_ID_LIMIT + 1)

    reading = read(records_of([record(base, call_id=longest), record(base, call_id=longer)]))

    assert [event.call_id for event in reading.events] == [
        longest,
        "sha256:" + hashlib.sha256(longer.encode()).hexdigest(),
    ]
    assert reading.repairs == {Repair.CALL_ID: 1}


def test_numbers_are_normalised_and_counted() -> None:
    """Calling, called and From; of a set-up and of an end."""
    written = {"calling_number": "+1-202-555-0101", "called_number": "tel:+13125550142"}

    reading = read(records_of([record(SETUP, **written, from_number="+1 202 555 0102"), record(END, **written)]))

    assert [(event.calling_number, event.called_number) for event in reading.events] == [
        ("+12025550101", "+13125550142")
    ] * 2
    assert reading.repairs == {Repair.NUMBER: 5}


def test_repairs_are_the_same_one_by_one() -> None:
    """A batch that is read record by record, since one of them made our code raise, is repaired alike."""
    values = [record(SETUP, call_id="c" * 200), record(SETUP), record(END, calling_number="tel:+12025550101")]
    records = records_of(values)

    joined = join(records, [(place, read(records_of([value]))) for place, value in enumerate(values)])

    assert joined.events == read(records).events
    assert joined.repairs == read(records).repairs == {Repair.CALL_ID: 1, Repair.NUMBER: 1}
