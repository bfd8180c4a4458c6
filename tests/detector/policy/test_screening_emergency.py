"""Emergencies pass everything, and what only claims to be one does not."""

from dataclasses import replace
from typing import Any

import pytest

from detector.contract.decisions import Action, Mode, Step
from detector.policy.entries import EntryAction
from detector.policy.lists import Basis, Lists
from detector.policy.settings import Policy
from detector.policy.signers import Signer
from detector.testing import BY_ORDER, CALLEE, CALLER, call_setup, make_screener, outcome, screen
from tests.detector.policy_case import CATEGORIES, SCORE

ENFORCE = Policy(
    mode=Mode.ENFORCE, budgets=BY_ORDER, minimum_samples=(), categories=CATEGORIES, emergency_trunks=("psap",)
)
SIGNED = {"attestation": "A", "verstat": "TN-Validation-Passed"}


@pytest.mark.parametrize(
    ("fields", "lists", "code"),
    [
        ({"called_number": "911"}, Lists(), "emergency_called"),
        ({"called_number": "urn:service:sos"}, Lists(), "emergency_called"),
        ({"called_number": "+13334567890"}, Lists(emergency=frozenset(["+13334567890"])), "emergency_list"),
        ({}, Lists(emergency=frozenset([CALLEE])), "emergency_list"),
        ({}, Lists(emergency=frozenset([CALLER])), "emergency_list"),
        ({"called_number": "+18002738255"}, Lists(), "emergency_called"),
        ({"called_number": "+17106274387"}, Lists(), "priority_service"),
        ({"calling_number": "911"}, Lists(), "from_911"),
        ({"calling_number": "+19115550123"}, Lists(), "from_911"),
        ({"priority": " PSAP-Callback ", "trunk_group_id": "psap"}, Lists(), "psap_callback"),
        ({"resource_priority": "q735.1, ESNET.0", "trunk_group_id": "psap"}, Lists(), "esnet"),
        ({"resource_priority": "ets.0", **SIGNED}, Lists(), "priority_service"),
        ({"resource_priority": "wps.1", **SIGNED}, Lists(), "priority_service"),
        ({"resource_priority": "wps.1", "own_cause": "passed", "own_attestation": "A"}, Lists(), "priority_service"),
    ],
)
def test_an_emergency_passes_and_says_why(fields: dict[str, Any], lists: Lists, code: str) -> None:
    full = replace(lists, block=frozenset(["t-1", "psap"]), dno=frozenset([CALLER[2:]]))

    decided = outcome(make_screener(ENFORCE, {"call-1": {SCORE: 1.0}}, lists=full), call_setup(**fields))

    assert (decided.action, decided.decided_by) == (Action.ALLOW, Step.EMERGENCY)
    assert [reason.code for reason in decided.reasons] == [code]


@pytest.mark.parametrize(
    "claim", [{"priority": "psap-callback"}, {"resource_priority": "esnet.0"}, {"resource_priority": "wps.0"}]
)
@pytest.mark.parametrize(
    "signed",
    [
        {},
        {"attestation": "A"},
        {"attestation": "B", "verstat": "TN-Validation-Passed"},
        {"attestation": "A", "verstat": "TN-Validation-Failed"},
        {"attestation": "A", "verstat": "No-TN-Validation"},
        {**SIGNED, "own_verstat": "TN-Validation-Failed", "own_cause": "certificate_revoked"},
    ],
)
def test_a_claim_that_nothing_vouches_for_opens_no_door(claim: dict[str, Any], signed: dict[str, Any]) -> None:
    """Anybody can write a header; it does not lead past do-not-originate, and it is counted."""
    lists = Lists(dno=frozenset([CALLER[2:]]))

    screening = screen(make_screener(ENFORCE, lists=lists), call_setup(**claim, **signed))

    assert (screening.outcome(0).action, screening.outcome(0).decided_by) == (Action.BLOCK, Step.DNO)
    assert screening.unbelieved == 1


@pytest.mark.parametrize("fields", [{"priority": "emergency"}, {"resource_priority": "q735.1"}, {"called_number": ""}])
def test_other_priorities_are_no_emergency(fields: dict[str, Any]) -> None:
    decided = outcome(make_screener(ENFORCE, {"call-1": {SCORE: 1.0}}), call_setup(**fields))

    assert decided.decided_by is Step.MODEL


@pytest.mark.parametrize(
    "called", ["<urn:service:sos>", '"x" <sip:911@h>', "sip:%39%31%31@h", "sip:911%20@h", "sip:sos@h", "tel:911"]
)
def test_the_form_of_a_called_emergency_number_is_seen_before_it_is_read(called: str) -> None:
    """Columns tell which texts may be one: none of the odd forms is left out."""
    decided = outcome(make_screener(ENFORCE, {"call-1": {SCORE: 1.0}}), call_setup(called_number=called))

    assert (decided.action, decided.decided_by) == (Action.ALLOW, Step.EMERGENCY)


@pytest.mark.parametrize("verstat", ["TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation"])
@pytest.mark.parametrize(
    ("signed", "code"),
    [
        ("psap-callback", "psap_callback"),
        ("psap-callback, esnet.1", "psap_callback"),
        ("q735.0, esnet.1", "esnet"),
        ("ets.0", "priority_service"),
    ],
)
@pytest.mark.parametrize("claim", [{}, {"priority": "psap-callback"}, {"resource_priority": "wps.0"}])
def test_a_signed_priority_is_believed_from_any_trunk_group(
    verstat: str, signed: str, code: str, claim: dict[str, Any]
) -> None:
    """Whatever came of the number, and whatever the headers claim."""
    lists = Lists(dno=frozenset([CALLER[2:]]))
    call = call_setup(own_priority=signed, own_verstat=verstat, **claim)

    screening = screen(make_screener(ENFORCE, lists=lists), call)

    assert (screening.outcome(0).action, screening.outcome(0).decided_by) == (Action.ALLOW, Step.EMERGENCY)
    assert [reason.code for reason in screening.outcome(0).reasons] == [code]
    assert screening.unbelieved == 0


@pytest.mark.parametrize("signed", ["", "q735.0", "esnet", "xesnet.1", "psap-callback-not"])
def test_another_signed_priority_is_no_emergency(signed: str) -> None:
    """Nor does it lend belief to what the headers claim."""
    call = call_setup(own_priority=signed, priority="psap-callback")

    screening = screen(make_screener(ENFORCE, {"call-1": {SCORE: 1.0}}), call)

    assert (screening.outcome(0).decided_by, screening.unbelieved) == (Step.MODEL, 1)


BY_SIGNER = [
    {"own_priority": "esnet.1", "own_priority_spc": "123A", "own_verstat": "No-TN-Validation"},
    {"own_priority": "psap-callback", "own_priority_spc": "123A", "priority": "psap-callback"},
    {"resource_priority": "wps.0", "own_verstat": "TN-Validation-Passed", "own_cause": "passed",
     "own_attestation": "A", "own_signer_spc": "123A"},
]  # fmt: skip


def of_signer(call: dict[str, Any], policy: Policy = ENFORCE, **entry: Any) -> tuple[Action, Step, int]:
    """What becomes of a call from a do-not-originate number, where the policy has an entry of signer 123A."""
    full = {"action": EntryAction.BLOCK, "reason": "campaigns"} | entry
    with_entry = replace(policy, signers=(Signer("123A", **full),))
    screening = screen(make_screener(with_entry, lists=Lists(dno=frozenset([CALLER[2:]]))), call_setup(**call))
    return screening.outcome(0).action, screening.outcome(0).decided_by, screening.unbelieved


@pytest.mark.parametrize("call", BY_SIGNER)
@pytest.mark.parametrize("entry", [{}, {"basis": Basis.COURT_ORDER}])
def test_a_signer_that_is_blocked_vouches_for_no_priority(call: dict[str, Any], entry: dict[str, Any]) -> None:
    """It would lead its calls past its own block by it, and past do-not-originate; the claim is counted."""
    assert of_signer(call, **entry) == (Action.BLOCK, Step.DNO, 1)


@pytest.mark.parametrize("call", BY_SIGNER)
@pytest.mark.parametrize(
    "entry", [{"action": EntryAction.LABEL}, {"action": EntryAction.REPORT}, {"mode": Mode.SHADOW}]
)
def test_a_signer_that_is_not_blocked_vouches_for_priorities(call: dict[str, Any], entry: dict[str, Any]) -> None:
    """An entry that is only tried changes nothing."""
    assert of_signer(call, **entry) == (Action.ALLOW, Step.EMERGENCY, 0)


@pytest.mark.parametrize("call", BY_SIGNER)
@pytest.mark.parametrize(
    "also", [{"trunk_group_id": "psap"}, {"called_number": "911"}, {"calling_number": "+19115550123"}]
)
def test_what_is_an_emergency_by_itself_passes_whoever_signed(call: dict[str, Any], also: dict[str, str]) -> None:
    """47 CFR 64.1200(k): calls to 911 are never blocked, and the carrier may name the trunk groups of its services."""
    assert of_signer(call | also) == (Action.ALLOW, Step.EMERGENCY, 0)


def test_a_priority_is_its_signers_whoever_signed_the_number() -> None:
    """Another one signed the priority of a call by a signer that is blocked, and the other way round."""
    number = {"own_verstat": "TN-Validation-Passed", "own_cause": "passed", "own_attestation": "A"}
    good = number | {"own_signer_spc": "123A", "own_priority": "ets.0", "own_priority_spc": "456B"}
    bad = number | {"own_signer_spc": "456B", "own_priority": "ets.0", "own_priority_spc": "123A"}

    assert of_signer(good) == (Action.ALLOW, Step.EMERGENCY, 0)
    assert of_signer(bad) == (Action.BLOCK, Step.DNO, 1)
