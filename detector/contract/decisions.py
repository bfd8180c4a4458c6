"""What we answer: version 1 of the decision contract, and the one place where a decision is put together."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from detector.contract.events import CallSetup, documented


class Action(StrEnum):
    """What the switch is to do with the call."""

    ALLOW = "allow"
    LABEL = "label"
    BLOCK = "block"


class Mode(StrEnum):
    """`shadow` answers allow and says in `would_be` what it would have been."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


class Step(StrEnum):
    """The step of the policy that decided, in order; `fail_open` (a bug, overload, a late answer) is outside of it.

    Two have two turns. The allow list: numbers of which is known who allowed them and why where it stands here, others
    after `subscriber`. Blocks of entities: by order and for a subscriber after `dno`, the rest where they stand here.
    """

    EMERGENCY = "emergency"
    ALLOW_LIST = "allow_list"
    DNO = "dno"
    SUBSCRIBER = "subscriber"
    ENTITY_BLOCK = "entity_block"
    RULE = "rule"
    MODEL = "model"
    ALLOW = "allow"
    FAIL_OPEN = "fail_open"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a decision, for a person and for a program."""

    code: str
    text: str
    value: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """What the called party is shown: a text of at most 15 characters, and where there is room for it a longer one."""

    text: str
    category: str
    long_text: str | None = None


@dataclass(frozen=True, slots=True)
class SipAnswer:
    """The exact SIP answer of a block. `reason_header` is null where the answer carries none (do-not-originate)."""

    status: int
    reason_phrase: str
    reason_header: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the policy made of one call, before mode and identifiers are applied."""

    action: Action
    decided_by: Step
    reasons: tuple[Reason, ...] = ()
    label: Label | None = None
    sip: SipAnswer | None = None


PLAIN_ALLOW = Outcome(Action.ALLOW, Step.ALLOW)
"""The outcome of nearly every call: nothing objected."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What a decision was made with."""

    model_version: str
    policy_version: str
    feature_schema: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one `call_setup`. Field order is the order on the wire."""

    call_id: str = documented(
        "The call that this answers; hashed where it is longer than 128 characters.", source="Call-ID header"
    )
    decision_id: str = documented(
        "Function of call id, set-up time, both numbers and trunk group: a replay or a repeat gives the same id. "
        "Quote it in redress."
    )
    action: Action = documented("What to do with the call.")
    mode: Mode = documented("In `shadow` the action is always `allow`.")
    would_be: Action | None = documented("In `shadow`: the action that `enforce` would have taken; else null.")
    decided_by: Step = documented("Step of the policy that decided.")
    score: float | None = documented("Calibrated probability of a robocall; null when no model ran.")
    label: Label | None = documented("Shown to the called party when the action is `label`; else null.")
    reasons: tuple[Reason, ...] = documented("Why, most important first; empty for a plain allow.")
    sip: SipAnswer | None = documented("SIP answer to send when the action is `block`; else null.")
    calling_number: str = documented("As in the event, in its normal form.")
    called_number: str = documented("As in the event, in its normal form.")
    trunk_group_id: str = documented("As in the event.")
    switch_id: str | None = documented("As in the event.")
    setup_time_ms: int = documented("As in the event.")
    decided_time_ms: int = documented("When it was decided; in a replay the event's own time.")
    model_version: str = documented("Version of the model that scored the call.")
    policy_version: str = documented("Version of the policy that decided.")
    feature_schema: str = documented("Id of the feature table.")


D = TypeVar("D")


def decide(
    event: CallSetup,
    identifier: str,
    outcome: Outcome,
    score: float | None,
    mode: Mode,
    decided_time_ms: int,
    versions: Versions,
    make: Callable[..., D],
) -> D:
    """Put the decision on one call together, after mode and identifiers. The one place that knows what shadow hides.

    Args:
        event: The call.
        identifier: Its decision id.
        outcome: What the policy made of it.
        score: Calibrated probability in [0, 1]; None when no model ran.
        mode: Mode that applies to the call. In shadow the answer is allow, and `would_be` says the rest.
        decided_time_ms: When it was decided, epoch milliseconds; in a replay the event's own time.
        versions: What it was decided with.
        make: `Decision`, or a wire record with the same fields in the same order.
    """
    enforced = mode is Mode.ENFORCE
    return make(
        event.call_id,
        identifier,
        outcome.action if enforced else Action.ALLOW,
        mode,
        None if enforced else outcome.action,
        outcome.decided_by,
        score,
        outcome.label if enforced else None,
        outcome.reasons,
        outcome.sip if enforced else None,
        event.calling_number,
        event.called_number,
        event.trunk_group_id,
        event.switch_id,
        event.setup_time_ms,
        decided_time_ms,
        versions.model_version,
        versions.policy_version,
        versions.feature_schema,
    )
