"""The verification API of ATIS-1000082: what was verified, else that nothing was, and a decision as it can arrive."""

import json
from typing import Any

import pytest

from detector.trust.verdict import Cause, Verdict
from streams.bridge.asking import FailOpen
from streams.bridge.http.problems import Problem
from streams.bridge.http.verification import BLOCKED, PHRASES, read_verification, verification_answer
from streams.contract_docs.examples import examples
from streams.wire.records import DECISION_DECODER
from tests.streams.bridge.http.conftest import PEER

NOW_MS = 1_760_000_000_500
EXAMPLES = {example.name: example.value for example in examples()}


def request(**changes: Any) -> bytes:
    asked = {"from": {"tn": "12025550101"}, "to": {"tn": ["13125550142"]}, "time": 1_760_000_000, "identity": "e.e.e"}
    return json.dumps({"verificationRequest": asked | changes}).encode()


def test_a_request_becomes_a_set_up() -> None:
    """Numbers without `+` are those of a PASSporT (RFC 8225); the header goes to the workers raw."""
    assert read_verification(request(), PEER, "id-1", NOW_MS) == {
        "type": "call_setup",
        "call_id": "id-1",
        "setup_time_ms": NOW_MS,
        "calling_number": "+12025550101",
        "called_number": "+13125550142",
        "trunk_group_id": "tg-chi",
        "switch_id": "sbc-chi-1",
        "identity": ["e.e.e"],
    }


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"from": {"tn": "+12025550101"}}, "calling_number", "+12025550101"),
        ({"from": {"tn": ["12025550101"]}}, "calling_number", "+12025550101"),
        ({"from": {"tn": "anonymous"}}, "calling_number", "anonymous"),
        ({"to": {"tn": "911"}}, "called_number", "911"),
        ({"identity": ["shaken", "div"]}, "identity", ["shaken", "div"]),
        ({"identity": None}, "identity", None),
    ],
)
def test_other_ways_of_writing_the_same(changes: dict[str, Any], field: str, expected: object) -> None:
    """As SBCs differ; short codes and withheld numbers stay what they are."""
    assert read_verification(request(**changes), PEER, "id-1", NOW_MS).get(field) == expected


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", request(to={}), request(time="now"), b"\xff", b"[" * 5_000])
def test_what_is_no_request_is_a_problem(body: bytes) -> None:
    """In one sentence."""
    with pytest.raises(Problem, match="ATIS-1000082"):
        read_verification(body, PEER, "id-1", NOW_MS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("allow", {"reasontext": "signature not verified"}),
        ("shadow", {"reasontext": "signature not verified"}),
        ("label", {"reasontext": "label: Maybe automated"}),
    ],
)
def test_a_call_that_is_routed_has_no_reasoncode(name: str, expected: dict[str, str]) -> None:
    """An SBC rejects by reasoncode."""
    found = json.loads(verification_answer(DECISION_DECODER.decode(EXAMPLES[name]), None))

    assert found == {"verificationResponse": {"verstat": "No-TN-Validation"} | expected}


def test_a_block_has_one_that_means_nothing_else() -> None:
    """Its redress travels in `reasondesc`."""
    decision = DECISION_DECODER.decode(EXAMPLES["block"])
    assert decision.sip is not None

    found = json.loads(verification_answer(decision, None))["verificationResponse"]

    assert found == {
        "verstat": "No-TN-Validation",
        "reasoncode": BLOCKED,
        "reasontext": "Network Blocked",
        "reasondesc": decision.sip.reason_header,
    }


def test_a_call_that_nobody_decided_passes() -> None:
    """And says so."""
    found = json.loads(verification_answer(None, FailOpen.LATE))

    assert found == {"verificationResponse": {"verstat": "No-TN-Validation", "reasontext": "fail-open: late"}}


FAILED = Verdict(cause=Cause.SIGNATURE_INVALID, detail="the signature does not hold")


@pytest.mark.parametrize(
    ("name", "verdict", "expected"),
    [
        ("allow", Verdict(cause=Cause.PASSED), {"verstat": "TN-Validation-Passed"}),
        (
            "allow",
            FAILED,
            {
                "verstat": "TN-Validation-Failed",
                "reasoncode": 438,
                "reasontext": "Invalid Identity Header",
                "reasondesc": "the signature does not hold",
            },
        ),
        (
            "label",
            FAILED,
            {
                "verstat": "TN-Validation-Failed",
                "reasoncode": 438,
                "reasontext": "label: Maybe automated",
                "reasondesc": "the signature does not hold",
            },
        ),
        (
            "allow",
            Verdict(cause=Cause.NOT_CHECKED, detail="not there in time"),
            {"verstat": "No-TN-Validation", "reasondesc": "not there in time"},
        ),
    ],
)
def test_our_own_verdict_is_told(name: str, verdict: Verdict, expected: dict[str, Any]) -> None:
    """With the code and phrase of RFC 8224 where the signature does not hold."""
    found = json.loads(verification_answer(DECISION_DECODER.decode(EXAMPLES[name]), None, verdict))

    assert found == {"verificationResponse": expected}


def test_a_verdict_stands_where_a_call_is_blocked_or_was_not_decided() -> None:
    """The block's own code goes before that of the signature."""
    block = json.loads(verification_answer(DECISION_DECODER.decode(EXAMPLES["block"]), None, FAILED))
    late = json.loads(verification_answer(None, FailOpen.LATE, Verdict(cause=Cause.PASSED)))

    told = block["verificationResponse"]
    assert (told["verstat"], told["reasoncode"]) == ("TN-Validation-Failed", BLOCKED)
    assert late == {"verificationResponse": {"verstat": "TN-Validation-Passed", "reasontext": "fail-open: late"}}


@pytest.mark.parametrize("code", {code for cause in Cause if (code := Verdict(cause=cause).code)})
def test_every_code_has_its_phrase(code: int) -> None:
    assert PHRASES[code]
