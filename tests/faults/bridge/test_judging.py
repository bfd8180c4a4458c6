"""How calls of a drill are judged, and damaged datagrams made: by hand, so that a drill can fail."""

import random
from dataclasses import replace

import pytest

from streams.bridge.sip.messages import Response
from streams.commands.demo.view import Routing
from tests.faults.answers import Answer
from tests.faults.bridge.calls import Asked, Findings, found
from tests.faults.bridge.datagrams import Sender, mutants
from tests.streams.bridge.sip.sip_case import invite

CALL = Asked("c1", must_block=False, sent_s=0.0, took_s=0.5, routing=Routing.PASSED)
HAS_TO = replace(CALL, must_block=True)
ALLOW = Answer(0.0, 0, "c1", "d1", "allow", frozenset(), ("allow", "allow", "null", "null"))
BLOCK = replace(ALLOW, decided_by="dno", substance=("block", "dno", "null", "null"))


def judged(call: Asked, decision: Answer | None) -> Findings:
    """The findings of one call."""
    return found([call], {} if decision is None else {"c1": decision})


@pytest.mark.parametrize(
    ("call", "decision", "wrongly"),
    [
        (CALL, ALLOW, (0, 0)),
        (replace(CALL, routing=Routing.BLOCKED), BLOCK, (1, 0)),  # it may not be blocked
        (replace(HAS_TO, routing=Routing.BLOCKED), BLOCK, (0, 0)),
        (replace(HAS_TO, routing=Routing.BLOCKED), ALLOW, (1, 0)),  # no decision asked for it
        (replace(HAS_TO, routing=Routing.BLOCKED), None, (1, 0)),
        (HAS_TO, ALLOW, (0, 1)),
        (HAS_TO, None, (0, 1)),
        (replace(HAS_TO, routing=Routing.LABELLED), ALLOW, (0, 1)),
        (replace(HAS_TO, routing=Routing.UNDECIDED), BLOCK, (0, 0)),
        (replace(HAS_TO, routing=Routing.UNANSWERED), BLOCK, (0, 0)),
    ],
)
def test_a_call_is_wrong_where_its_answer_is_not_its_truth(
    call: Asked, decision: Answer | None, wrongly: tuple[int, int]
) -> None:
    findings = judged(call, decision)

    assert (findings.wrongly_blocked, findings.wrongly_passed) == wrongly
    assert findings.routed == {call.routing: 1}


def test_the_slowest_answer_is_of_calls_that_have_one() -> None:
    calls = [CALL, replace(CALL, took_s=0.7), replace(CALL, took_s=9.0, routing=Routing.UNANSWERED)]

    assert found(calls, {"c1": ALLOW}).slowest_s == 0.7


def test_damaged_datagrams_are_different_calls_and_the_same_ones_for_a_seed() -> None:
    seeds = [invite(via="SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK1")]

    made = list(mutants([seeds], 50, random.Random(3)))

    assert made == list(mutants([seeds], 50, random.Random(3)))
    assert len(set(made)) == 50
    assert sum(b"Call-Id: %d-call-1" % number in data for number, data in enumerate(made)) > 10


@pytest.mark.parametrize(("status", "blocked"), [(404, set()), (603, {"c1"}), (607, {"c1"})])
def test_blocks_among_answers_are_kept_to_be_held_against_decisions(status: int, blocked: set[str]) -> None:
    sender = Sender(9)  # nobody has to listen there
    headers = {"via": ["SIP/2.0/UDP 127.0.0.1"], "cseq": ["1 INVITE"], "call-id": ["c1"]}

    sender._take(Response(headers, status))

    assert (sender.came.blocked, sender.came.statuses) == (blocked, {status: 1})
    sender._socket.close()
