"""Claims of extensions: names with their digests, priorities, who forwarded a call."""

import hashlib
import json
from base64 import b64encode
from typing import Any

import pytest

from detector.trust.extensions import diverter_of, name_of, original_of, priorities_of
from detector.trust.passport import Passport
from detector.trust.verdict import CallerName, Cause, Refused
from tests.detector.trust.authority import CALLED, CALLING, claims, provider

CARD = ["vcard", [["fn", {}, "text", "Bank"], ["logo", {}, "uri", "https://example.org/logo.png"]]]


def token(**more: Any) -> Passport:
    return Passport(b"", "", "", "", claims(**more), 0, CALLING, frozenset({CALLED}))


def digest_of(value: Any, kind: str = "sha256") -> str:
    written = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return f"{kind}-{b64encode(hashlib.new(kind, written).digest()).decode()}"


def test_a_name_with_its_reason() -> None:
    """A logo is not fetched and not kept."""
    found = name_of(token(rcd={"nam": "Bank", "icn": "https://example.org/a.png"}, crn="Your card"), "123A")

    assert found == CallerName(name="Bank", reason="Your card", signer_spc="123A")
    assert name_of(token(), "123A") is None


@pytest.mark.parametrize("kind", ["sha256", "sha384", "sha512"])
def test_digests_of_what_stands_in_the_token_are_checked(kind: str) -> None:
    """Of a card; that of the logo it points to would have to be fetched."""
    rcdi = {"/jcd": digest_of(CARD, kind), "/jcd/1/1/3": digest_of("whatever", kind)}

    assert name_of(token(rcd={"nam": "Bank", "jcd": CARD}, rcdi=rcdi), None) is not None
    with pytest.raises(Refused):
        name_of(token(rcd={"nam": "Bank", "jcd": [*CARD, "more"]}, rcdi=rcdi), None)


@pytest.mark.parametrize(
    "changes",
    [
        {"crn": "A reason without a name"},
        {"rcd": "Bank"},
        {"rcd": {}},
        {"rcd": {"nam": ""}},
        {"rcd": {"nam": "x" * 257}},
        {"rcd": {"nam": "Bank\u202e"}},
        {"rcd": {"nam": ["Bank"]}},
        {"rcd": {"nam": "Bank"}, "crn": 1},
        {"rcd": {"nam": "Bank"}, "rcdi": []},
        {"rcd": {"nam": "Bank"}, "rcdi": {"/nam": 1}},
        {"rcd": {"nam": "Bank"}, "rcdi": {"/nam": "md5-" + "A" * 43}},
        {"rcd": {"nam": "Bank"}, "rcdi": {"nam": "sha256-" + "A" * 43}},
        {"rcd": {"nam": "Bank"}, "rcdi": {"/icn": "sha256-" + "A" * 43}},
        {"rcd": {"nam": "Bank", "jcd": CARD}, "rcdi": {"/jcd/7": "sha256-" + "A" * 43}},
        {"rcd": {"nam": "Bank", "jcd": CARD}, "rcdi": {"/jcd/01": "sha256-" + "A" * 43}},
        {"rcd": {"nam": "Bank", "jcd": CARD}, "rcdi": {"/jcd": "sha256-" + "A" * 45}},
    ],
)
def test_a_name_that_is_not_sound_is_none(changes: dict[str, Any]) -> None:
    """A terminal shows names: nothing that turns text around, or moves the cursor."""
    with pytest.raises(Refused) as refusal:
        name_of(token(**changes), None)
    assert refusal.value.cause is Cause.CLAIMS_MALFORMED


def test_priorities_of_calls_and_of_call_backs() -> None:
    """Resource-Priority and Priority, each alone and both."""
    assert priorities_of(token(rph={"auth": ["ets.0", "wps.1"]})) == (("ets.0", "wps.1"), None)
    assert priorities_of(token(sph="psap-callback")) == ((), "psap-callback")
    assert priorities_of(token(rph={"auth": ["esnet.1"]}, sph="psap-callback")) == (("esnet.1",), "psap-callback")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sph": "emergency"},
        {"sph": ["psap-callback"]},
        {"rph": "ets.0"},
        {"rph": {}},
        {"rph": {"auth": "ets.0"}},
        {"rph": {"auth": ["ets"]}},
        {"rph": {"auth": [1]}},
        {"rph": {"auth": ["ets.0\r\nX: y"]}},
        {"rph": {"auth": ["ets.0"] * 17}},
    ],
)
def test_other_priorities_are_refused(changes: dict[str, Any]) -> None:
    """None, unknown ones, other forms, too many."""
    with pytest.raises(Refused):
        priorities_of(token(**changes))


def test_who_forwarded_may_have_a_history() -> None:
    """`hi` stands beside the number (RFC 8946 section 4.1)."""
    assert diverter_of(token(div={"tn": CALLED, "hi": "1.1"})) == CALLED


def test_the_token_inside_is_taken_apart() -> None:
    """It is a token alone, without parameters."""
    inner = provider().sign(claims())

    assert original_of(token(opt=inner)).signature == inner.rpartition(".")[2]
    for opt in (None, 1, "", "..c2ln", inner + ";ppt=shaken"):
        with pytest.raises(Refused):
            original_of(token(opt=opt))
