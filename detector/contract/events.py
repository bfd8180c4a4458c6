"""What a carrier's switch tells us: version 1 of the event contract, as frozen value types.

Each field carries its meaning, its SIP source and its bounds as metadata; the wire records (`streams.wire.records`),
the AsyncAPI document and the page for switch vendors are generated from it. Times are integers, epoch milliseconds UTC.
"""

from dataclasses import MISSING, dataclass, field
from enum import StrEnum
from typing import Any

EARLIEST_TIME_MS = 946_684_800_000  # 2000-01-01T00:00:00Z
LATEST_TIME_MS = 4_102_444_800_000  # 2100-01-01T00:00:00Z
MAX_RECORD_BYTES = 16 * 1024
TEXT_LIMIT = 256
CALL_ID_LIMIT = 128
LIST_LIMIT = 16
IDENTITY_LIMIT = 8_192
NAMES_LIMIT = 4
LONGEST_RING_MS = 86_400_000


class Attestation(StrEnum):
    """SHAKEN attestation level (ATIS-1000074, RFC 8588)."""

    A = "A"
    B = "B"
    C = "C"


class Role(StrEnum):
    """Where in the call path the reporting switch stands; picks the `location` of a 603+ (RFC 8606)."""

    ORIGINATING = "originating"
    GATEWAY = "gateway"
    INTERMEDIATE = "intermediate"
    TERMINATING = "terminating"


class ReleasedBy(StrEnum):
    """Who ended the call."""

    CALLING = "calling"
    CALLED = "called"
    NETWORK = "network"


class Treatment(StrEnum):
    """What the switch did with a call, whatever the decision said."""

    ALLOW = "allow"
    LABEL = "label"
    BLOCK = "block"
    TIMEOUT = "timeout"


class Verdict(StrEnum):
    """What somebody who knows says a call or number was."""

    ROBOCALL = "robocall"
    LEGITIMATE = "legitimate"


class FeedbackSource(StrEnum):
    """Who says so."""

    SUBSCRIBER_REPORT = "subscriber_report"
    TRACEBACK = "traceback"
    REDRESS = "redress"
    ANALYST = "analyst"
    HONEYPOT = "honeypot"


def documented(doc: str, *, source: str = "", default: Any = MISSING, **bounds: int) -> Any:
    """A dataclass field with its meaning, its SIP source and its bounds.

    Bounds are those of JSON Schema in snake case: `min_length`, `max_length` (of a string, or of each in a list),
    `max_items`, `ge`, `le`.
    """
    metadata = {"doc": doc, "source": source, "bounds": bounds}
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


def _time(doc: str, source: str, **default: Any) -> Any:
    return documented(doc, source=source, ge=EARLIEST_TIME_MS, le=LATEST_TIME_MS, **default)


def _text(doc: str, source: str, *, max_length: int = TEXT_LIMIT, **more: Any) -> Any:
    return documented(doc, source=source, max_length=max_length, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSetup:
    """A call attempt: the INVITE as the switch saw it. Answered by exactly one decision."""

    call_id: str = _text(
        "Identifies the call at this switch.", "Call-ID header", max_length=CALL_ID_LIMIT, min_length=1
    )
    setup_time_ms: int = _time("When the INVITE arrived.", "switch clock")
    calling_number: str = _text(
        "Calling number, best in E.164 with `+`. Its formatting is removed; what is no number (`anonymous`) stays.",
        "P-Asserted-Identity, else From",
    )
    called_number: str = _text("Called number, likewise, before number-portability routing.", "Request-URI")
    trunk_group_id: str = _text(
        "Trunk group that the call came in by.", "tgrp and trunk-context (RFC 4904), or otg", min_length=1
    )
    switch_id: str | None = _text("Switch that waits for the decision; key of `call-decisions`.", "", default=None)
    upstream_ocn: str | None = _text("Operating company number of the provider behind the trunk.", "", default=None)
    source_ip: str | None = _text("Address that the INVITE came from.", "layer 3, or top Via", default=None)
    from_number: str | None = _text("Number in From where it differs from the calling number.", "From", default=None)
    calling_name: str | None = _text("Display name or CNAM.", "From display name, or Call-Info", default=None)
    privacy: bool | None = documented("The caller asked for privacy.", source="Privacy (RFC 3323)", default=None)
    diversion: list[str] | None = documented(
        "Numbers that forwarded the call, latest first.",
        source="Diversion (RFC 5806) or History-Info (RFC 7044)",
        default=None,
        max_length=TEXT_LIMIT,
        max_items=LIST_LIMIT,
    )
    verstat: str | None = _text(
        "Verification status, raw: `TN-Validation-Passed`, `TN-Validation-Failed`, `No-TN-Validation`, any suffix.",
        "verstat parameter (3GPP TS 24.229)",
        default=None,
    )
    attestation: Attestation | None = documented(
        "Attestation level of the verified PASSporT.", source="attest claim (RFC 8588)", default=None
    )
    origid: str | None = _text("Opaque origination id.", "origid claim (RFC 8588)", default=None)
    signer_spc: str | None = _text(
        "Service provider code of the signer.", "TNAuthList of the certificate (RFC 8226)", default=None
    )
    identity: list[str] | None = documented(
        "Raw Identity header values.",
        source="Identity (RFC 8224)",
        default=None,
        max_length=IDENTITY_LIMIT,
        max_items=LIST_LIMIT,
    )
    priority: str | None = _text(
        "Priority value; `psap-callback` passes where it is believed.", "Priority (RFC 7090)", default=None
    )
    resource_priority: str | None = _text(
        "Resource-Priority value; `esnet`, `ets`, `wps` pass where believed.",
        "Resource-Priority (RFC 4412)",
        default=None,
    )
    user_agent: str | None = _text("User agent string.", "User-Agent", default=None)
    icid: str | None = _text("Charging id, stable across elements.", "P-Charging-Vector (RFC 7315)", default=None)
    calling_ocn: str | None = _text("Operating company number of the calling number.", "LNP dip", default=None)
    role: Role | None = documented("Where the switch stands in the call path.", default=None)
    to_number: str | None = _text("Number in To where it differs from the called number.", "To", default=None)
    asserted_numbers: list[str] | None = documented(
        "All values of P-Asserted-Identity, raw: a `sip:` and a `tel:` one may stand beside each other.",
        source="P-Asserted-Identity (RFC 3325)",
        default=None,
        max_length=TEXT_LIMIT,
        max_items=LIST_LIMIT,
    )
    ani_ii: str | None = _text(
        "Kind of the calling line: `00` ordinary, `29` prison, `62` mobile.", "isup-oli, or oli parameter", default=None
    )
    attestation_info: str | None = _text(
        "What the originating network attests to its signer, raw.", "Attestation-Info (3GPP TS 24.229)", default=None
    )
    own_verstat: str | None = _text(
        "Verification status by our own verifier, which alone writes `own_` fields. Without Identity there is none.",
        "the detector",
        default=None,
    )
    own_cause: str | None = _text("Cause of `own_verstat`, as `passed`.", "the detector", default=None)
    own_attestation: Attestation | None = documented(
        "Attestation level where our own verdict is passed.", source="the detector", default=None
    )
    own_signer_spc: str | None = _text("Provider code of the signer, likewise.", "the detector", default=None)
    own_origid: str | None = _text("Origination id, likewise.", "the detector", default=None)
    own_priority: str | None = _text(
        "Priorities that were signed for this call, as `esnet.1`, whatever comes of the number.",
        "the detector",
        default=None,
    )
    own_priority_spc: str | None = _text("Provider code of who signed these.", "the detector", default=None)
    own_names: list[str] | None = documented(
        "Names of the caller that were signed, likewise.",
        source="the detector",
        default=None,
        max_length=TEXT_LIMIT,
        max_items=NAMES_LIMIT,
    )
    own_call_reason: str | None = _text(
        "Why the caller calls, as it was signed beside a name (`crn` of RFC 9795), likewise.",
        "the detector",
        default=None,
    )
    own_diverted_from: str | None = _text(
        "Number that forwarded the call last, where every hop was signed (`div` of RFC 8946), likewise.",
        "the detector",
        default=None,
    )
    own_forwarder_spc: str | None = _text("Provider code of who signed that, likewise.", "the detector", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnd:
    """The end of a call or attempt. Repeats what is needed, so that nothing has to be joined on `call_id`."""

    call_id: str = _text(
        "Same as in the call's `call_setup`.", "Call-ID header", max_length=CALL_ID_LIMIT, min_length=1
    )
    setup_time_ms: int | None = _time(
        "Same as in the call's `call_setup`; absent: the latest call of both numbers that has not ended.",
        "switch clock",
        default=None,
    )
    end_time_ms: int = _time("When the call or attempt ended.", "switch clock")
    calling_number: str = _text("Same as in the call's `call_setup`.", "P-Asserted-Identity, else From")
    called_number: str = _text("Same as in the call's `call_setup`.", "Request-URI")
    trunk_group_id: str = _text("Same as in the call's `call_setup`.", "tgrp (RFC 4904), or otg", min_length=1)
    sip_status: int = documented("Final SIP status; 200 for an answered call.", source="final response", ge=100, le=699)
    answer_time_ms: int | None = _time("When it was answered; absent = never.", "200 OK to INVITE", default=None)
    q850_cause: int | None = documented("Q.850 cause.", source="Reason header (RFC 3326)", default=None, ge=0, le=127)
    released_by: ReleasedBy | None = documented("Who ended the call.", source="BYE or CANCEL", default=None)
    switch_id: str | None = _text("Reporting switch.", "", default=None)
    treatment: Treatment | None = documented(
        "What was done with the call; `timeout`: routed because no decision came in time. A `block` is no outcome.",
        default=None,
    )
    decision_id: str | None = _text("The decision that was acted on.", "", max_length=64, default=None)
    egress_trunk_group_id: str | None = _text("Trunk group that the call left by.", "", default=None)
    egress_ocn: str | None = _text("Operating company number of the provider that it left to.", "", default=None)
    ring_time_ms: int | None = documented(
        "How long it rang.", source="from 180 or 183 to the end or the answer", default=None, ge=0, le=LONGEST_RING_MS
    )
    reason: str | None = _text("Reason header that was received, raw.", "Reason (RFC 3326)", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a subscriber, an analyst, a traceback, a honeypot or a redress request says about a call or number."""

    time_ms: int = _time("When it was said.", "")
    verdict: Verdict = documented("What the call or number was.")
    source: FeedbackSource = documented("Who says so.")
    call_id: str | None = _text("The call.", "", max_length=CALL_ID_LIMIT, default=None)
    calling_number: str | None = _text("The calling number.", "", default=None)
    called_number: str | None = _text("The number that was called.", "", default=None)
    call_time_ms: int | None = _time("When it was called, as whoever says so remembers it.", "", default=None)
    campaign: str | None = _text("Campaign, where known.", "", default=None)
    kind: str | None = _text("Kind of campaign or of lawful caller, where known.", "", default=None)
    note: str | None = _text("Free text.", "", max_length=2_000, default=None)


def says_which_call(feedback: Feedback) -> bool:
    """Tell whether feedback names a call, a calling number, or a called number with the instant of the call.

    Args:
        feedback: What was said; other feedback is about no call and is refused.
    """
    has_line = feedback.called_number is not None and feedback.call_time_ms is not None
    return feedback.call_id is not None or feedback.calling_number is not None or has_line


CallEvent = CallSetup | CallEnd
