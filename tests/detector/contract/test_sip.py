"""603+ to the byte, and nothing that a header must not hold."""

import re

import pytest

from detector.contract.decisions import SipAnswer
from detector.contract.errors import PolicyInvalid, SettingInvalid
from detector.contract.events import Role
from detector.contract.sip import DnoStatus, Location, Redress, analytics_block, dno_block, location_of


def test_a_603_plus_with_all_contacts_is_exact() -> None:
    """Worked out by hand from ATIS-1000099 and the forms in the wild."""
    redress = Redress(url="https://example.com/redress", tel="+18005550123", email="redress@example.com")

    answer = analytics_block(redress, Location.TRANSIT, "0a1b-_Z")

    assert answer.status == 603
    assert answer.reason_phrase == "Network Blocked"
    assert answer.reason_header == (
        'SIP;cause=603;text="v=analytics1;url=https://example.com/redress;tel=+18005550123;email=redress@example.com'
        ';id=0a1b-_Z";location=TN'
    )


@pytest.mark.parametrize(
    ("redress", "contact"),
    [
        (Redress(url="https://example.com/r?a=1&b=2"), "url=https://example.com/r?a=1&b=2"),
        (Redress(tel="+18005550123"), "tel=+18005550123"),
        (Redress(email="r@example.com"), "email=r@example.com"),
    ],
)
def test_one_contact_is_enough(redress: Redress, contact: str) -> None:
    header = analytics_block(redress, Location.TERMINATING, "x").reason_header

    assert header == f'SIP;cause=603;text="v=analytics1;{contact};id=x";location=RLN'


def test_freeswitch_detects_it() -> None:
    """FreeSWITCH: status 603, phrase without regard to case, Reason text starting `v=analytics1;`."""
    answer = analytics_block(Redress(tel="+18005550123"), Location.ORIGINATING, "d1")

    text = re.search(r'text="([^"]*)"', answer.reason_header or "")
    assert (answer.status, answer.reason_phrase.lower()) == (603, "network blocked")
    assert text is not None
    assert text[1].startswith("v=analytics1;")


@pytest.mark.parametrize(
    ("role", "location"),
    [
        (Role.ORIGINATING, "LN"),
        (Role.GATEWAY, "TN"),
        (Role.INTERMEDIATE, "TN"),
        (Role.TERMINATING, "RLN"),
        ("terminating", "RLN"),
        (None, "LN"),
    ],
)
def test_location_is_that_of_the_role_else_the_default(role: str | None, location: str) -> None:
    assert location_of(role, Location.ORIGINATING).value == location


@pytest.mark.parametrize(
    "contact",
    [
        {},
        {"url": "http://example.com"},
        {"url": "https://"},
        {"url": 'https://example.com/"'},
        {"url": "https://example.com/;id=1"},
        {"url": "https://example.com/\r\nVia: x"},
        {"url": "https://example.com/\n"},
        {"url": "https://example.com/a b"},
        {"url": "https://example.com/\\"},
        {"url": "https://exämple.com/"},
        {"tel": "8005550123"},
        {"tel": "+1"},
        {"tel": "+18005550123\n"},
        {"tel": "+1800555012345678"},
        {"email": "nobody"},
        {"email": "a@b"},
        {"email": 'a"@example.com'},
        {"email": "a@example.com;x=1"},
        {"email": "a@example.com\n"},
        {"url": "https://example.com/", "tel": "1"},
    ],
)
def test_a_contact_that_could_break_the_header_is_refused(contact: dict[str, str]) -> None:
    with pytest.raises(SettingInvalid) as refused:
        Redress(**contact)

    assert isinstance(refused.value, PolicyInvalid)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("identifier", ["", "a" * 65, "a b", 'a"', "a;b", "a\n", "ä"])
def test_an_identifier_outside_the_standard_is_refused(identifier: str) -> None:
    with pytest.raises(ValueError, match="1 to 64"):
        analytics_block(Redress(tel="+18005550123"), Location.TRANSIT, identifier)


def test_an_identifier_of_64_characters_passes() -> None:
    assert f"id={'a' * 64}" in (
        analytics_block(Redress(tel="+18005550123"), Location.TRANSIT, "a" * 64).reason_header or ""
    )


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (DnoStatus.DECLINE, SipAnswer(603, "Decline", None)),
        (DnoStatus.FORBIDDEN, SipAnswer(403, "Forbidden", None)),
        (DnoStatus.NOT_FOUND, SipAnswer(404, "Not Found", None)),
    ],
)
def test_a_do_not_originate_block_is_never_a_603_plus(status: DnoStatus, answer: SipAnswer) -> None:
    assert dno_block(status) == answer
