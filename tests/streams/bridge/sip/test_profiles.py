"""By which answers calls pass, are labelled and blocked."""

from typing import Any

import pytest

from detector.contract.decisions import Action, Decision
from streams.bridge.peers import Peers
from streams.bridge.sip.profiles import Said, answer_to, passing, warnings
from tests.streams.bridge.bridge_case import REASON, decision
from tests.streams.bridge.sip.sip_case import peer, request

SETUP = {
    "call_id": "1",
    "setup_time_ms": 1_760_000_000_000,
    "calling_number": "+12025550101",
    "called_number": "+13125550142",
    "trunk_group_id": "t",
}
CALLER = "sip:+12025550101@192.0.2.10"
CONTACT = ("Contact", "<sip:+13125550142@dip.example;user=phone>")
PROFILES = ("clearip", "ribbon", "redirect")


def told(profile: str, action: str, **more: Any) -> Said:
    asks = peer(profile=profile, label_header=more.pop("label_header", "p-asserted-identity"))
    return answer_to(asks, request(), decision(SETUP, action, **more))


@pytest.mark.parametrize(
    ("profile", "answer"),
    [
        ("clearip", (404, "Not Found", ())),
        ("ribbon", (503, "Service Unavailable", ())),
        ("redirect", (302, "Moved Temporarily", (CONTACT,))),
    ],
)
def test_a_call_passes_as_the_profile_has_it(profile: str, answer: object) -> None:
    assert told(profile, "allow") == (answer, Action.ALLOW)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_call_that_nobody_judged_passes_the_same_way_and_says_so(profile: str) -> None:
    found, plain = (passing(peer(profile=profile), request(), is_fail_open=is_open) for is_open in (True, False))

    assert found[:2] == plain[:2]
    assert found.headers == (*plain.headers, ("Reason", 'SIP;cause=404;text="fail-open"'))


@pytest.mark.parametrize("profile", PROFILES)
def test_what_a_worker_had_too_late_passes_as_what_nobody_judged(profile: str) -> None:
    assert told(profile, "allow", decided_by="fail_open").answer == passing(
        peer(profile=profile), request(), is_fail_open=True
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_a_block_is_the_bytes_of_the_decision(profile: str) -> None:
    assert told(profile, "block") == ((603, "Network Blocked", (("Reason", REASON),)), Action.BLOCK)
    plain = {"status": 403, "reason_phrase": "Forbidden", "reason_header": None}
    assert told(profile, "block", sip=plain) == ((403, "Forbidden", ()), Action.BLOCK)


def test_a_plain_404_is_a_603_where_404_means_pass() -> None:
    """A policy may answer do-not-originate blocks so; without a Reason it is no 603+."""
    plain = {"status": 404, "reason_phrase": "Not Found", "reason_header": None}
    assert told("clearip", "block", sip=plain) == ((603, "Decline", ()), Action.BLOCK)
    assert told("ribbon", "block", sip=plain) == ((404, "Not Found", ()), Action.BLOCK)


@pytest.mark.parametrize("profile", PROFILES)
def test_what_cannot_be_executed_passes(profile: str) -> None:
    passes = told(profile, "allow")
    assert told(profile, "block", sip=None) == passes
    assert told(profile, "label", label=None) == passes
    assert told(profile, "allow", mode="shadow", would_be="block") == passes


@pytest.mark.parametrize("profile", ["clearip", "redirect"])
@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("p-asserted-identity", ("P-Asserted-Identity", f'"Maybe automated" <{CALLER}>')),
        ("call-info", ("Call-Info", '<data:,>;call-reason="Maybe automated"')),
    ],
)
def test_a_label_comes_with_the_way_on_in_the_header_that_the_peer_has(
    profile: str, header: str, line: tuple[str, str]
) -> None:
    found = told(profile, "label", label_header=header)
    assert found == ((302, "Moved Temporarily", (CONTACT, line)), Action.LABEL)


def test_a_peer_that_shows_no_label_or_cannot_be_told_of_one_lets_the_call_pass() -> None:
    assert told("ribbon", "label") == told("ribbon", "allow")
    assert told("clearip", "label", label_header="none") == told("clearip", "allow")


def test_no_text_of_a_stranger_leaves_its_place() -> None:
    label = {"text": 'a" <b\\', "category": "c"}
    found: Decision = decision(SETUP, "label", label=label)
    said = answer_to(peer(), request(uri='sip:a">;x=<y\x00\x7f', from_='<sip:"\t<z>;tag=1'), found)

    assert said.answer.headers == (("Contact", "<sip:a;x=y>"), ("P-Asserted-Identity", r'"a\" <b\\" <sip:z>'))


def test_each_profile_in_use_is_warned_of_once_with_its_peers() -> None:
    peers = Peers([peer(), peer(name="p-2"), peer(name="p-3", profile="ribbon")])
    first, second = warnings(peers)

    assert first.startswith("profile clearip (p-1, p-2) lets calls pass by 404")
    assert second.startswith("profile ribbon (p-3) lets calls pass by 503: a switch may take this dip for dead")


def test_a_carrier_with_a_thousand_peers_can_read_the_warning() -> None:
    (warning,) = warnings(Peers([peer(name=f"p-{n}", addresses=[f"192.0.2.{n}"]) for n in range(200)]))

    assert warning.startswith("profile clearip (p-0, p-1, p-2, p-3, p-4 and 195 more) lets calls pass")
