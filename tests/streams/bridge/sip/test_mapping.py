"""From an INVITE to a `call_setup`: by the table of docs/contract.md and the rules of docs/switch-questions.md."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.events import MAX_RECORD_BYTES
from detector.policy.emergency import EmergencyTable
from detector.policy.settings import Policy
from streams.bridge.sip.mapping import call_setup, caller_of
from streams.bridge.sip.messages import Junk, read_request
from streams.wire.reading import read
from streams.wire.record_columns import records_of
from streams.wire.repairs import short_call_id
from tests.streams.bridge.sip.sip_case import invite, peer, request

NOW_MS = 1_760_000_000_000


def mapped(*more: str, of: dict[str, Any] | None = None, **headers: Any) -> dict[str, Any]:
    """The set-up, held against the contract."""
    setup = call_setup(request(*more, **headers), peer(**(of or {})), "192.0.2.10", NOW_MS)
    require_contract(setup)
    return setup


def require_contract(setup: dict[str, Any]) -> None:
    data = msgspec.json.encode(setup)
    assert len(data) <= MAX_RECORD_BYTES
    found = read(records_of([data]))
    assert found.rejected == []
    assert len(found.events) == 1


def passport(**claims: Any) -> str:
    """A PASSporT without a good signature, as an Identity value."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims)]
    return f"{'.'.join(parts)}.c2ln;info=<https://certificates.example/a,b.pem>;alg=ES256;ppt=shaken"


def test_a_long_call_id_is_hashed_as_the_contract_has_it() -> None:
    """As it came it could take the room of a whole record, and its call would pass unasked."""
    assert mapped(call_id="x" * 128)["call_id"] == "x" * 128
    assert mapped(call_id="x" * 60_000)["call_id"] == short_call_id("x" * 60_000)


def test_a_plain_invite_is_a_plain_call() -> None:
    assert mapped() == {
        "type": "call_setup",
        "call_id": "call-1@192.0.2.10",
        "setup_time_ms": NOW_MS,
        "calling_number": "+12025550101",
        "called_number": "+13125550142",
        "trunk_group_id": "tg-file",
        "switch_id": "p-1",
        "source_ip": "192.0.2.10",
        "calling_name": "Acme Dental",
    }


def test_what_stands_in_further_headers_goes_into_the_fields_of_the_table() -> None:
    setup = mapped(
        'P-Asserted-Identity: "Acme" <sip:+12025550111@a;isup-oli=62>, <tel:+1-202-555-0112>',
        "Privacy: id;critical",
        "Diversion: <sip:+13125550177@a>;reason=unconditional, <tel:+13125550178>",
        "Diversion: <sip:+13125550179@a>",
        "Priority: psap-callback",
        "Resource-Priority: ets.0",
        "Resource-Priority: wps.1",
        "User-Agent: SBC/1.2",
        'P-Charging-Vector: icid-value="abc;1";icid-generated-at=10.0.0.1',
        "Attestation-Info: A",
        "Identity: " + passport(attest="A"),
        "y: " + passport(attest="B"),
        "Via: SIP/2.0/TCP 198.51.100.9;received=198.51.100.7",
        to="<sip:+13125550199@dip.example>",
        contact="<sip:+12025550101;tgrp=tg-9;trunk-context=carrier.example@192.0.2.10>",
        of={"switch_id": "sbc-1", "upstream_ocn": "123A", "role": "originating"},
    )

    assert setup == {
        "type": "call_setup",
        "call_id": "call-1@192.0.2.10",
        "setup_time_ms": NOW_MS,
        "calling_number": "+12025550112",
        "called_number": "+13125550142",
        "trunk_group_id": "tg-9@carrier.example",
        "switch_id": "sbc-1",
        "upstream_ocn": "123A",
        "source_ip": "198.51.100.7",
        "from_number": "+12025550101",
        "calling_name": "Acme Dental",
        "privacy": True,
        "diversion": ["+13125550177", "+13125550178", "+13125550179"],
        "identity": [passport(attest="A"), passport(attest="B")],
        "priority": "psap-callback",
        "resource_priority": "ets.0, wps.1",
        "user_agent": "SBC/1.2",
        "icid": "abc;1",
        "role": "originating",
        "to_number": "+13125550199",
        "asserted_numbers": ['"Acme" <sip:+12025550111@a;isup-oli=62>', "<tel:+1-202-555-0112>"],
        "attestation_info": "A",
    }


ASSERTED = "P-Asserted-Identity: <sip:+12025550111@a;oli=29>"


def test_a_peer_whose_assertions_are_not_believed_has_its_callers_from_from() -> None:
    setup = mapped(ASSERTED, of={"asserts_identity": False})
    assert (setup["calling_number"], setup.get("from_number")) == ("+12025550101", None)
    assert setup["asserted_numbers"] == ["<sip:+12025550111@a;oli=29>"]
    assert mapped(ASSERTED)["ani_ii"] == "29"


@pytest.mark.parametrize(
    ("header", "privacy"), [("none", False), ("id", True), ("user;none", True), ("session", False), ("HEADER", True)]
)
def test_privacy_is_what_was_asked_for(header: str, privacy: bool) -> None:
    assert mapped(f"Privacy: {header}")["privacy"] is privacy
    assert "privacy" not in mapped()


@pytest.mark.parametrize(
    ("headers", "group"),
    [
        ({"contact": "<sip:a;tgrp=tg-1@b>"}, "tg-1"),
        ({"contact": "<sip:a@b;tgrp=tg-1;otg=tg-2>"}, "tg-1"),
        ({"from_": "<sip:a@b;otg=tg-3>;tag=1", "contact": "<sip:a@b;otg=tg-2>"}, "tg-3"),
        ({"uri": "sip:+13125550142@dip;otg=tg-4"}, "tg-4"),
        ({"contact": "*"}, "tg-file"),
        ({"contact": None}, "tg-file"),
    ],
)
def test_a_trunk_group_that_is_named_wins_over_the_file(headers: dict[str, Any], group: str) -> None:
    assert mapped(**headers)["trunk_group_id"] == group
    assert mapped(**headers, of={"reads_trunk_group": False})["trunk_group_id"] == "tg-file"
    assert mapped(**headers, of={"reads_trunk_group": None})["trunk_group_id"] == "tg-file", "callers write it too"


def test_history_names_who_forwarded_latest_first_and_not_the_target() -> None:
    entries = "<sip:+13125550151@a>;index=1, <sip:+13125550152@a?Reason=SIP%3Bcause%3D302>;index=1.1"
    target = "<sip:+13125550142@b>;index=1.1.1, <sip:+13125550142@c>;index=1.1.1.1"

    assert mapped(f"History-Info: {entries}, {target}")["diversion"] == ["+13125550152", "+13125550151"]
    assert mapped(f"History-Info: {entries}", "Diversion: <tel:+13125550159>")["diversion"] == ["+13125550159"]
    assert "diversion" not in mapped("History-Info: <sip:+13125550142@b>;index=1")


VERSTAT = "<sip:+12025550101;verstat=TN-Validation-Passed@a>;tag=1"


def test_a_verification_counts_of_a_peer_that_verifies_alone() -> None:
    """What strangers write is nothing but their word."""
    identity = "Identity: " + passport(attest="A", origid="0b3e")

    assert {"verstat", "attestation", "origid"} & set(mapped(identity, from_=VERSTAT)) == set()
    found = mapped(identity, from_=VERSTAT, of={"verifies": True})
    assert (found["verstat"], found["attestation"], found["origid"]) == ("TN-Validation-Passed", "A", "0b3e")

    failed = mapped(identity, from_=VERSTAT.replace("Passed", "Failed"), of={"verifies": True})
    assert failed["verstat"] == "TN-Validation-Failed"
    assert "attestation" not in failed
    assert "attestation" not in mapped(identity, of={"verifies": True})


@pytest.mark.parametrize(
    "identity",
    ["", "a.b.c", "a.e30.c", f"a.{base64.urlsafe_b64encode(b'[1]').decode()}.c", passport(attest="D"), "..."],
)
def test_a_passport_that_makes_no_sense_says_nothing(identity: str) -> None:
    found = mapped(f"Identity: {identity}", from_=VERSTAT, of={"verifies": True})
    assert found["verstat"] == "TN-Validation-Passed"
    assert "attestation" not in found


@pytest.mark.parametrize(
    ("sender", "number"),
    [
        ('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1', "anonymous"),
        ("<sip:2025550101;phone-context=+1@a>", "2025550101"),
        ("<sip:%2B1202-555-0101@a>", "+12025550101"),
        ("<sip:host.example>", "host.example"),
        ("junk", "junk"),
    ],
)
def test_a_caller_without_a_good_number_is_sent_as_it_came(sender: str, number: str) -> None:
    assert mapped(from_=sender)["calling_number"] == number


@pytest.mark.parametrize(
    ("uri", "called"),
    [
        ("sip:911@psap.example;user=phone", "911"),
        ("sip:%39%31%31@h", "911"),
        ("sip:911%20@h", "911"),
        ("sips:+1-911;phone-context=+1@h", "+1911"),
        ("tel:911;phone-context=+1", "911"),
        ("sip:sos@h", "sip:sos@h"),
        ("sip:sos.police@h", "sip:sos.police@h"),
        ("urn:service:sos", "urn:service:sos"),
        ("URN:service:SOS.police", "URN:service:SOS.police"),
        ("sip:9-1-1@h", "sip:9-1-1@h"),
    ],
)
def test_an_emergency_is_one_whatever_the_request_uri_looks_like(uri: str, called: str) -> None:
    setup = mapped(uri=uri)
    assert setup["called_number"] == called
    assert EmergencyTable(Policy()).called(called)


def test_from_and_to_and_all_else_may_be_missing_but_the_call_id() -> None:
    assert mapped(from_=None, to=None, contact=None)["calling_number"] == ""
    with pytest.raises(KeyError):
        mapped(call_id=None)


def test_what_is_long_is_cut_so_that_the_record_can_be_taken() -> None:
    long, longer = "x" * 300, "x" * 6_000
    setup = mapped(
        *(f"P-Asserted-Identity: <tel:+1202555{number}>{long}" for number in range(1000, 1020)),
        *(f"Diversion: <tel:+1312555{number}{long}>" for number in range(1000, 1020)),
        *(f"Identity: {number}.{longer}" for number in range(3)),
        f"User-Agent: {long}",
        f"Priority: {long}",
        from_=f'"{long}" <sip:{long}@a>',
        call_id=long,
    )

    assert len(setup["user_agent"]) == 256
    assert len(setup["identity"]) == 1
    assert setup["calling_number"] == "+12025551000"


def test_bytes_that_are_no_text_become_text() -> None:
    data = invite("User-Agent: AGENT").replace(b"AGENT", b"\xff\xfeA")
    setup = call_setup(read_request(data), peer(), "192.0.2.10", NOW_MS)

    require_contract(setup)
    assert setup["user_agent"] == "\ufffd\ufffdA"


def test_the_caller_of_a_label_is_whoever_is_believed() -> None:
    asserted = request(ASSERTED)
    assert caller_of(asserted, peer()).address.uri == "sip:+12025550111@a;oli=29"
    assert caller_of(asserted, peer(asserts_identity=False)).address.uri == "sip:+12025550101@192.0.2.10"


LINES = st.lists(
    st.tuples(
        st.sampled_from(
            ["From", "To", "P-Asserted-Identity", "Diversion", "History-Info", "Identity", "Privacy", "Via", "Contact",
             "P-Charging-Vector", "Call-ID", "User-Agent"]
        ),
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=60)
        | st.text('<>"\\;,:@=%.+1 ', max_size=60),
    ),
    max_size=12,
)  # fmt: skip


@given(LINES, st.booleans())
def test_whatever_stands_in_the_headers_the_set_up_keeps_the_contract(
    lines: list[tuple[str, str]], verifies: bool
) -> None:
    message = request(*(f"{name}: {value}" for name, value in lines), from_=None, contact=None)
    require_contract(call_setup(message, peer(verifies=verifies), "192.0.2.10", NOW_MS))


def test_every_invite_of_the_torture_test_has_a_set_up_that_keeps_the_contract(reference_data: Path) -> None:
    """RFC 4475; one of them lacks a Call-ID."""
    mapped_ones = 0
    for path in sorted((reference_data / "sip_torture").glob("*.dat")):
        try:
            found = read_request(path.read_bytes())
        except Junk:
            continue
        if "call-id" in found.headers:
            require_contract(call_setup(found, peer(verifies=True), "192.0.2.10", NOW_MS))
            mapped_ones += 1
    assert mapped_ones >= 40
