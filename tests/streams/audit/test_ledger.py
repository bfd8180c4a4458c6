"""The books of an audit: each promise, kept and not kept."""

import hashlib
import json
from typing import Any

import pytest

from detector.contract.events import TEXT_LIMIT
from streams.audit.ledger import Breach, Ledger
from streams.contract_docs.examples import examples
from streams.kafka.topics import CALL_DECISIONS
from streams.wire.records import decode_event
from streams.wire.repairs import repair

CAME_MS = 1_780_000_000_000
DEADLINE_MS = 250
LATE = {"code": "late", "text": "Too late.", "value": None, "threshold": None}


def call(name: str, **other: Any) -> bytes:
    made: dict[str, Any] = {
        "type": "call_setup", "call_id": name, "setup_time_ms": CAME_MS,
        "calling_number": "+12025550101", "called_number": "+12025550102", "trunk_group_id": "trunk-1",
    }  # fmt: skip
    return json.dumps(made | other).encode()


def allowed(name: str, **other: Any) -> bytes:
    identifier = f"id-{name}".replace(":", "_")[:64]
    found: dict[str, Any] = {
        "call_id": name, "decision_id": identifier, "action": "allow", "mode": "enforce", "would_be": None,
        "decided_by": "allow", "score": 0.01, "label": None, "reasons": [], "sip": None,
        "calling_number": "+12025550101", "called_number": "+12025550102", "trunk_group_id": "trunk-1",
        "switch_id": None, "setup_time_ms": CAME_MS, "decided_time_ms": CAME_MS + 5, "model_version": "m",
        "policy_version": "p", "feature_schema": "f",
    }  # fmt: skip
    return json.dumps(found | other).encode()


def failed_open(name: str, code: str = "late", **other: Any) -> bytes:
    return allowed(name, decided_by="fail_open", reasons=[{**LATE, "code": code}], **other)


def labelled(name: str, **other: Any) -> bytes:
    label = {"text": "Spam?", "category": "spam", "detail": None}
    return allowed(name, **{"action": "label", "label": label, "decided_by": "model", **other})


def blocked(name: str, status: int = 603, header: str | None = "own", **other: Any) -> bytes:
    own = f'SIP;cause=603;text="v=analytics1;url=https://a.example/;id=id-{name}";location=RLN'
    sip = {"status": status, "reason_phrase": "Network Blocked", "reason_header": own if header == "own" else header}
    return allowed(name, **{"action": "block", "sip": sip, "decided_by": "model", **other})


def found(*decisions: bytes) -> dict[Breach, int]:
    """Of the call `a` and these decisions."""
    ledger = Ledger(DEADLINE_MS)
    ledger.event(0, 7, call("a"), CAME_MS)
    for one in decisions:
        ledger.decision(one)
    ledger.conclude()
    return dict(ledger.breaches)


@pytest.mark.parametrize(
    "decisions",
    [
        [allowed("a")],
        [allowed("a"), allowed("a", decided_time_ms=CAME_MS + 90_000)],
        [labelled("a", decided_time_ms=CAME_MS + DEADLINE_MS)],
        [blocked("a"), failed_open("a", decided_time_ms=CAME_MS + 9_000)],
        [failed_open("a"), blocked("a")],
        [blocked("a"), failed_open("a", "repeated")],
        [failed_open("a", "lists_unknown"), blocked("a")],
        [blocked("a", 404, None, decided_by="dno")],
        [blocked("a", 603, None, decided_by="entity_block")],
        [blocked("a", 607, None, decided_by="entity_block")],
        [allowed("a", mode="shadow", would_be="block", decided_by="model")],
    ],
    ids=[
        "once", "the same again", "at the deadline", "late the second time", "late at first", "not known any more",
        "lists not known at first", "do-not-originate", "order", "for a subscriber", "shadow",
    ],
)  # fmt: skip
def test_what_keeps_every_promise_is_clean(decisions: list[bytes]) -> None:
    assert found(*decisions) == {}


@pytest.mark.parametrize(
    ("decisions", "breach"),
    [
        ([], Breach.UNDECIDED),
        ([allowed("a"), allowed("b")], Breach.UNKNOWN),
        ([allowed("a", setup_time_ms=CAME_MS + 1), allowed("a")], Breach.UNKNOWN),
        ([allowed("a"), allowed("a", decision_id="another")], Breach.TWO_IDS),
        ([blocked("a"), labelled("a")], Breach.CHANGED),
        ([failed_open("a"), blocked("a"), labelled("a")], Breach.CHANGED),
        ([blocked("a", decided_time_ms=CAME_MS + DEADLINE_MS + 1)], Breach.STALE),
        ([allowed("a"), b"{"], Breach.MALFORMED),
        ([allowed("a", decision_id="a b")], Breach.MALFORMED),
        ([allowed("a", action="block")], Breach.MALFORMED),
        ([allowed("a", action="label")], Breach.MALFORMED),
        ([blocked("a", 604, None, decided_by="dno")], Breach.MALFORMED),
        ([blocked("a", 607)], Breach.MALFORMED),
        ([blocked("a", 607, decided_by="entity_block")], Breach.MALFORMED),
        ([blocked("a", 603, None)], Breach.MALFORMED),
        ([blocked("a", decided_by="dno")], Breach.MALFORMED),
        ([labelled("a", label={"text": "Possible automated call", "category": "spam"})], Breach.MALFORMED),
        ([blocked("a", header='SIP;cause=603;text="v=analytics1;id=another"')], Breach.MALFORMED),
        ([allowed("a", mode="shadow")], Breach.MALFORMED),
        ([labelled("a", mode="shadow", would_be="label")], Breach.MALFORMED),
        ([allowed("a", would_be="block")], Breach.MALFORMED),
    ],
)
def test_each_broken_promise_is_found_once(decisions: list[bytes], breach: Breach) -> None:
    assert found(*decisions) == {breach: 1}


def test_examples_of_the_contract_are_sound() -> None:
    """What the contract shows is what the auditor takes."""
    ledger = Ledger(DEADLINE_MS)
    shown = [one.value for one in examples() if one.topic == CALL_DECISIONS]
    for value in shown:
        ledger.decision(value)

    assert len(shown) > 3
    assert ledger.breaches[Breach.MALFORMED] == 0


def test_a_dead_letter_needs_no_decision() -> None:
    """A batch that cannot be read is one letter about all of its records; another topic's letters say nothing."""
    ledger = Ledger(DEADLINE_MS)
    for offset in range(4):
        ledger.event(2, offset, call(f"call-{offset}"), CAME_MS)
    letter = {"topic": "call-events", "partition": 2, "offset": 1, "last_offset": 2}
    ledger.letter(json.dumps(letter).encode())
    ledger.letter(json.dumps({**letter, "topic": "call-feedback", "offset": 0}).encode())
    ledger.letter(b"junk")
    ledger.conclude()

    assert ledger.examples[Breach.UNDECIDED] == ["call-0", "call-3"]
    assert ledger.counts["refused"] == 2


def test_records_that_are_no_set_up_are_passed_over() -> None:
    ledger = Ledger(DEADLINE_MS)
    for junk in (None, b"", b"\xff", b"[" * 5_000, b'{"type":"call_end"}', call("a", type="call_end"), call("")):
        ledger.event(0, 1, junk, CAME_MS)

    assert ledger.counts["calls"] == 0


def test_a_call_id_that_is_too_long_is_known_by_its_hash() -> None:
    ledger = Ledger(DEADLINE_MS)
    ledger.event(0, 0, call("x" * 129), CAME_MS)
    ledger.decision(allowed("sha256:" + hashlib.sha256(b"x" * 129).hexdigest()))
    ledger.conclude()

    assert not ledger.breaches


APART = [{"calling_number": "+12025550199"}, {"called_number": "911"}, {"trunk_group_id": "trunk-2"}]


@pytest.mark.parametrize("other", APART, ids=["calling", "called", "trunk group"])
def test_calls_to_which_a_caller_gave_one_id_are_calls_of_their_own(other: dict[str, Any]) -> None:
    """Another answer, under another id, is no broken promise; one that has none is."""
    both, one = Ledger(DEADLINE_MS), Ledger(DEADLINE_MS)
    for ledger in (both, one):
        ledger.event(0, 0, call("a"), CAME_MS)
        ledger.event(0, 1, call("a", **other), CAME_MS)
        ledger.decision(blocked("a"))
    both.decision(allowed("a", decision_id="another", **other))
    both.conclude()
    one.conclude()

    assert not both.breaches
    assert one.breaches == {Breach.UNDECIDED: 1}


@pytest.mark.parametrize("written", ["tel:+1-202-555-0101", '"A" <sip:+12025550101@host>'])
def test_a_formatted_number_is_known_by_its_normal_form(written: str) -> None:
    ledger = Ledger(DEADLINE_MS)
    ledger.event(0, 0, call("a", calling_number=written, called_number="c" * 300), CAME_MS)
    ledger.decision(allowed("a", called_number="c" * 256))
    ledger.conclude()

    assert not ledger.breaches


def test_a_long_text_is_known_by_its_beginning_as_it_was_decided() -> None:
    """Cut, it is a number in another form than its normal one: a decision on it says the cut text."""
    text = "+1 202 555 0101".ljust(300) + "c"
    ledger = Ledger(DEADLINE_MS)
    ledger.event(0, 0, call("a", calling_number=text), CAME_MS)
    ledger.decision(allowed("a", calling_number=text[:TEXT_LIMIT]))
    ledger.conclude()

    assert repair(decode_event(call("a", calling_number=text))).calling_number == text[:TEXT_LIMIT]
    assert not ledger.breaches


def test_old_calls_are_forgotten_once_they_are_decided_and_no_sooner() -> None:
    """One that waits for an hour is found when its decision comes; calls from before the audit need none."""
    ledger = Ledger(DEADLINE_MS)
    ledger.event(0, 0, call("slow"), CAME_MS)
    ledger.event(0, 1, call("before"), CAME_MS, is_judged=False)
    ledger.event(0, 2, call("quick"), CAME_MS)
    ledger.decision(allowed("quick"))
    ledger.forget(CAME_MS + 3_600_000)
    ledger.decision(allowed("slow", decided_time_ms=CAME_MS + 3_600_000))
    ledger.conclude()

    assert not ledger.breaches
    assert ledger.percentile_ms(50) == 5
    assert ledger.counts["calls"] == 2


def test_memory_has_a_bound_and_what_is_given_up_is_counted() -> None:
    ledger = Ledger(DEADLINE_MS, most=10)
    for number in range(25):
        ledger.event(0, number, call(f"call-{number}"), CAME_MS)
    ledger.conclude()

    assert ledger.counts["given_up"] == 15
    assert ledger.breaches == {Breach.UNDECIDED: 10}


def test_a_decision_on_a_call_that_was_given_up_is_no_broken_promise() -> None:
    """A carrier with more calls than are kept at a time would read that it decides calls that nobody set up."""
    ledger = Ledger(DEADLINE_MS, most=10)
    for number in range(12):
        ledger.event(0, number, call(f"call-{number}"), CAME_MS)
    for number in range(12):
        ledger.decision(allowed(f"call-{number}"))
    ledger.conclude()

    assert ledger.counts["given_up"]
    assert ledger.breaches[Breach.UNKNOWN] == 0
