"""Header values: lists, addresses, URIs, Via."""

import time

import pytest
import sipmessage
from hypothesis import given
from hypothesis import strategies as st

from streams.bridge.sip.values import MOST_VALUES, read_address, read_uri, read_via, split_list


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("", []),
        (" , ,", []),
        ("a, b", ["a", "b"]),
        ('"Last, First" <sip:a@b>, <sip:c,d@e>;x="1,2"', ['"Last, First" <sip:a@b>', '<sip:c,d@e>;x="1,2"']),
        (r'"a\",b" <sip:a@b>,c', [r'"a\",b" <sip:a@b>', "c"]),
        ('"never closed, a', ['"never closed, a']),
        (",".join("abcdefgh" * 20), list("abcdefgh" * 8)),
    ],
)
def test_a_list_is_cut_at_its_commas_alone(value: str, parts: list[str]) -> None:
    assert split_list(value) == parts
    assert len(parts) <= MOST_VALUES


@pytest.mark.parametrize(
    ("value", "name", "uri", "parameters"),
    [
        ('"Acme; <Dental>" <sip:a@b;c=d>;tag=1;lr', "Acme; <Dental>", "sip:a@b;c=d", {"tag": "1", "lr": ""}),
        (r'"say \"hi\"" <sip:a@b>', 'say "hi"', "sip:a@b", {}),
        ("Acme Dental <tel:+1>", "Acme Dental", "tel:+1", {}),
        ("sip:a@b;tag=1", "", "sip:a@b", {"tag": "1"}),
        ("<sip:a@b>;TAG = 1 ; tag=2", "", "sip:a@b", {"tag": "1"}),
        ('"not closed <sip:a@b>', '"not closed', "sip:a@b", {}),
        ("", "", "", {}),
    ],
)
def test_an_address_has_a_name_a_uri_and_parameters(
    value: str, name: str, uri: str, parameters: dict[str, str]
) -> None:
    assert read_address(value) == (name, uri, parameters)


@pytest.mark.parametrize(
    ("uri", "number", "parameters"),
    [
        ("sip:+12025550101@host;user=phone", "+12025550101", {"user": "phone"}),
        ("sip:+1-202-555-0101;verstat=TN-Validation-Passed@h", "+12025550101", {"verstat": "TN-Validation-Passed"}),
        ("sips:%2B12025550101:secret@[2001:db8::1]:5061", "+12025550101", {}),
        ("TEL:+1(202)555-0101;tgrp=tg-1", "+12025550101", {"tgrp": "tg-1"}),
        ("tel:202-555-0101;phone-context=+1", "2025550101", {"phone-context": "+1"}),
        ("sip:anonymous@anonymous.invalid", "anonymous", {}),
        ("sip:host.example;lr", "host.example", {"lr": ""}),
        ("sip:911@psap?Subject=a@b", "911", {}),
        ("urn:service:sos", "urn:service:sos", {}),
        ("nothing", "nothing", {}),
        ("", "", {}),
    ],
)
def test_a_uri_has_a_number_and_parameters_before_and_behind_its_host(
    uri: str, number: str, parameters: dict[str, str]
) -> None:
    found = read_uri(uri)
    assert (found.number, found.parameters) == (number, parameters)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport", ("192.0.2.1", 5060, {"branch": "z9hG4bK1", "rport": ""})),
        ("SIP  /   2.0 /TCP [2001:db8::1]:5070", ("2001:db8::1", 5070, {})),
        ("SIP/2.0/UDP host:99999", ("host", 5060, {})),
        ("SIP/2.0/UDP host:0", ("host", 5060, {})),
        ("SIP/3.0/UDP host", None),
        ("SIP/2.0/UDP", None),
        ("", None),
    ],
)
def test_a_via_says_where_the_answer_goes(value: str, found: object) -> None:
    assert read_via(value) == found


@given(st.text())
def test_nothing_raises(text: str) -> None:
    split_list(text)
    read_address(text)
    assert read_uri(text).number is not None
    read_via(text)


@given(
    st.from_regex(r"[a-z]{1,9}", fullmatch=True),
    st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), min_size=1).filter(str.strip),
    st.integers(1, 65_535),
)
def test_a_well_formed_address_is_read_as_another_library_reads_it(user: str, name: str, port: int) -> None:
    """`sipmessage` writes it."""
    uri = sipmessage.URI(scheme="sip", user=user, host="host.example", port=port)
    written = str(sipmessage.Address(uri=uri, name=name, parameters=sipmessage.Parameters(tag="1")))
    found = read_address(written)

    assert found == (name, str(uri), {"tag": "1"})
    assert read_uri(found.uri).user == user


@pytest.mark.parametrize("filling", ["1", "(", ";a=b", ',"', "<", "\\", "a ", "%2B", "@", "[:"])
def test_the_longest_value_costs_no_more_than_its_length(filling: str) -> None:
    """8,000 digits took 0.8 s in a library, and four times as long for twice as many."""
    text = "tel:+" + filling * (60_000 // len(filling)) + "!"

    began_s = time.process_time()
    split_list(text)
    read_address(f'"{text}')
    assert read_uri(text).number
    read_via(f"SIP/2.0/UDP {text}")
    assert time.process_time() - began_s < 1
