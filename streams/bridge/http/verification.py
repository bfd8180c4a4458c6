"""The verification API of ATIS-1000082 that SBCs speak: `verificationRequest` in, `verificationResponse` out. Pure.

`verstat` is our own verdict; without one it is `No-TN-Validation`. What the decision adds stands in `reasoncode` and
`reasontext`, which an SBC can be told to act on (docs/bridge-http.md).
"""

import re
from http import HTTPStatus

import msgspec

from detector.contract.decisions import Action, Decision
from detector.trust.verdict import Verdict, Verstat
from streams.bridge.events import Fields, event_fields
from streams.bridge.http.calls import fields_of
from streams.bridge.http.problems import Problem
from streams.bridge.peers import Peer

BLOCKED = 560
"""`reasoncode` of a block. No code of SIP or STIR, and within 100 to 599, the codes that an Oracle SBC compares."""
PHRASES = {
    403: "Stale Date",
    428: "Use Identity Header",
    436: "Bad Identity Info",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
}
"""Reason phrases of what a verifier would answer (RFC 8224, 6.2.2)."""
_BARE = re.compile(r"[0-9]{7,15}")


class Number(msgspec.Struct, frozen=True):
    """Numbers of one party, as a PASSporT has them: digits with country code, best without `+` (RFC 8225)."""

    tn: str | list[str]

    @property
    def first(self) -> str | None:
        """The number, in E.164 where it is digits alone; None where there is none."""
        found = self.tn if isinstance(self.tn, str) else next(iter(self.tn), None)
        return f"+{found}" if found is not None and _BARE.fullmatch(found) else found


class VerificationRequest(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """What an SBC asks at an INVITE."""

    from_: Number
    to: Number
    time: int
    identity: str | list[str] | None = None


class VerificationEnvelope(msgspec.Struct, frozen=True, rename="camel"):
    """The body of a request."""

    verification_request: VerificationRequest


class VerificationResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What it is told: `verstat` of the number, and why."""

    verstat: str
    reasoncode: int | None = None
    reasontext: str | None = None
    reasondesc: str | None = None


class VerificationAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The body of a response."""

    verification_response: VerificationResponse


_DECODER = msgspec.json.Decoder(VerificationEnvelope)
_ENCODER = msgspec.json.Encoder()


def read_verification(body: bytes, peer: Peer, request_id: str, now_ms: int) -> Fields:
    """Read a request into the set-up of the call that it is about.

    Args:
        body: a `verificationRequest`.
        peer: who asks; trunk group and switch are from its entry, since the request names none.
        request_id: stands for the call, which the request does not name.
        now_ms: when the request came, epoch milliseconds; its own `time` has seconds only.

    Raises:
        Problem: the body is no such request.
        EventInvalid: it makes no set-up.
    """
    try:
        asked = _DECODER.decode(body).verification_request
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        detail = "Send `verificationRequest` with `from`, `to` and `time`, as ATIS-1000082 has it."
        raise Problem(HTTPStatus.BAD_REQUEST, "wrong_verification_request", detail) from error
    said = {
        "type": "call_setup",
        "call_id": request_id,
        "setup_time_ms": now_ms,
        "calling_number": asked.from_.first,
        "called_number": asked.to.first,
        "upstream_ocn": peer.upstream_ocn,
        "role": peer.role,
        "identity": [asked.identity] if isinstance(asked.identity, str) else asked.identity,
    } | fields_of(peer)
    return event_fields(said)


def verification_answer(decision: Decision | None, why_open: str | None, verdict: Verdict | None = None) -> bytes:
    """Body of the response: what the signature is worth, and what was decided.

    Args:
        decision: None where there is none.
        why_open: why there is none.
        verdict: our own; None where nobody verified.
    """
    return _ENCODER.encode(VerificationAnswer(_response(decision, why_open, verdict)))


def _response(decision: Decision | None, why_open: str | None, verdict: Verdict | None) -> VerificationResponse:
    verstat = Verstat.NONE if verdict is None else verdict.verstat
    if decision is not None and decision.action is Action.BLOCK and decision.sip is not None:
        return VerificationResponse(verstat, BLOCKED, decision.sip.reason_phrase, decision.sip.reason_header)
    code = None if verdict is None else verdict.code
    text = _text(decision, why_open)
    if verdict is None:
        return VerificationResponse(verstat, reasontext=text or "signature not verified")
    return VerificationResponse(verstat, code, text or PHRASES.get(code or 0), verdict.detail or None)


def _text(decision: Decision | None, why_open: str | None) -> str | None:
    """What was decided, for people; None where the call simply passes."""
    if decision is None:
        return f"fail-open: {why_open}"
    if decision.action is Action.LABEL and decision.label is not None:
        return f"label: {decision.label.text}"
    return None
