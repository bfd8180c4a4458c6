"""The cases of the kit: an id that stays, a sentence, and where the contract says so; and what became of one.

An id is never given to another case. `docs/conformance.md` lists them all, and a test holds it to this module.
"""

from collections.abc import Iterator
from dataclasses import dataclass

CONTRACT, QUESTIONS = "docs/contract.md", "docs/switch-questions.md"


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that the contract asks for.

    Attributes:
        identifier: `D03`: side and number.
        promise: one sentence, what is expected.
        section: page and heading where the contract says so.
    """

    identifier: str
    promise: str
    section: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a case.

    Attributes:
        case: which.
        seen: what was seen, for a person; no subscriber's number.
        passed: None where there was nothing to judge, and `seen` says what was missing.
    """

    case: Case
    seen: str
    passed: bool | None


def _side(letter: str, *cases: tuple[str, str]) -> tuple[Case, ...]:
    return tuple(Case(f"{letter}{number:02}", promise, section) for number, (promise, section) in enumerate(cases, 1))


DETECTOR = _side(
    "D",
    ("a set-up gets one decision, with its call id and decision id", f"{CONTRACT}#decision"),
    ("a decision has every field, in the order of the contract", f"{CONTRACT}#decision"),
    ("a decision is keyed by switch_id, on the partition that murmur2 gives", f"{CONTRACT}#topics"),
    ("without switch_id it is keyed by call_id", f"{CONTRACT}#topics"),
    ("a repeated set-up gets the same decision_id again", f"{CONTRACT}#what-the-switch-must-do"),
    ("+1-NPA-555-01XX is answered as +1NPA55501XX", f"{CONTRACT}#topics"),
    ("a caller without a number is answered", f"{CONTRACT}#topics"),
    ("a call id of 200 characters is answered by its sha256: form", f"{CONTRACT}#topics"),
    ("an optional text that is too long costs no decision", f"{CONTRACT}#topics"),
    ("unknown fields are ignored", f"{CONTRACT}#topics"),
    ("a call to 911 passes, whoever calls", "docs/policy.md#the-order-of-decision"),
    ("an impossible calling number is answered plainly: no 603+, no Reason", f"{CONTRACT}#do-not-originate-block"),
    ("a number on the block list gets 603+, byte for byte", f"{CONTRACT}#block-by-analytics-603"),
    ("where analytics may not block the call is labelled, in at most 15 characters", f"{CONTRACT}#label"),
    ("a record that breaks the contract becomes a dead letter, and gets no decision", f"{CONTRACT}#dead_letter"),
    ("an end gets no decision", f"{CONTRACT}#call_end"),
    ("a decision that comes too late says allow", f"{CONTRACT}#late"),
)

PRODUCER = _side(
    "P",
    ("every record keeps the contract", f"{CONTRACT}#codes"),
    ("the key is calling_number, byte for byte", f"{CONTRACT}#topics"),
    ("the partition is that of murmur2", f"{CONTRACT}#topics"),
    ("the producer is idempotent", f"{QUESTIONS}#the-producer"),
    ("numbers are in E.164 with +", f"{CONTRACT}#topics"),
    ("every set-up has a switch_id", f"{QUESTIONS}#several-instances-under-one-switch-id"),
    ("one set-up a call: none per fork, re-INVITE or new attempt", f"{QUESTIONS}#which-invites"),
    ("the clock is within a second of the broker's", f"{QUESTIONS}#clocks"),
    ("every call that ended has a call_end", f"{CONTRACT}#call_end"),
    ("an end comes after its set-up, on the same key", f"{CONTRACT}#topics"),
    ("setup_time_ms of an end is that of its set-up", f"{CONTRACT}#topics"),
    ("an end repeats both numbers and the trunk group of its set-up", f"{CONTRACT}#call_end"),
    ("times are in order: set-up, answer, end", f"{CONTRACT}#call_end"),
    ("an end says what was done with the call", f"{CONTRACT}#call_end"),
    ("an end names the decision that was acted on, and no other", f"{QUESTIONS}#ends"),
    ("a blocked call was never answered", f"{QUESTIONS}#ends"),
)

CONSUMER = _side(
    "C",
    ("allow: the call is routed", f"{CONTRACT}#what-the-switch-must-do"),
    ("label: the call is routed with the label", f"{CONTRACT}#what-the-switch-must-do"),
    ("603+: the call is answered with 603, and tried nowhere else", f"{CONTRACT}#what-the-switch-must-do"),
    ("a block by 404: the call is answered with exactly that", f"{CONTRACT}#what-the-switch-must-do"),
    ("no decision: the timer routes the call", f"{CONTRACT}#what-the-switch-must-do"),
    ("a block after the timer: the call stays routed", f"{QUESTIONS}#the-timer"),
    ("the same decision twice: acted on once", f"{CONTRACT}#what-the-switch-must-do"),
    ("allow, then block for the same call: the first stands", f"{CONTRACT}#what-the-switch-must-do"),
    ("an action that nobody knows: the call is routed", f"{CONTRACT}#what-the-switch-must-do"),
    ("bytes that are no JSON, then allow: the call is routed", f"{CONTRACT}#what-the-switch-must-do"),
    ("a block under another switch's key: not ours", f"{CONTRACT}#what-the-switch-must-do"),
    ("shadow that would block: the call is routed", f"{CONTRACT}#what-the-switch-must-do"),
    ("fields that nobody knows yet: ignored", f"{CONTRACT}#changes"),
)


def all_cases() -> Iterator[Case]:
    """Every case of the three sides, in order."""
    yield from DETECTOR
    yield from PRODUCER
    yield from CONSUMER
