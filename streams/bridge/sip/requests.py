"""Writing SIP requests as a switch sends them to the bridge: for whoever plays a switch. Pure.

What `streams.bridge.sip.mapping` reads out of an INVITE is written into it here.
"""

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

from detector.contract.events import CallSetup
from streams.bridge.sip.responses import is_writable

COPIED = frozenset({"Via", "Max-Forwards", "From", "To", "Call-ID"})
"""Headers of an INVITE that its ACK and its CANCEL have too (RFC 3261, 9.1 and 17.1.1.3)."""
SIGNATURE = "bm9uZQ"
"""`none`: who plays a switch signs nothing, and says that it has verified."""


def invite(setup: CallSetup, host: str) -> bytes:
    """Write the INVITE of a call, over UDP. The upstream carrier and the code of the signer have no place in it.

    Args:
        setup: the call; its instant will be that at which the INVITE comes, its switch that of the peers file.
        host: address of the switch.

    Raises:
        ValueError: a text has a control character, so it would end a line.
    """
    calling, called = _user(setup.calling_number), f"sip:{_user(setup.called_number)}@{host};user=phone"
    name = (setup.calling_name or "").replace("\\", "\\\\").replace('"', '\\"')
    sender = f"<sip:{calling}@{host};otg={_user(setup.trunk_group_id)};user=phone>"
    lines = [
        f"Via: SIP/2.0/UDP {host};rport;branch=z9hG4bK-{setup.call_id}",
        "Max-Forwards: 70",
        f'From: "{name}" {sender};tag={setup.call_id}' if name else f"From: {sender};tag={setup.call_id}",
        f"To: <{called}>",
        f"Call-ID: {setup.call_id}",
        "CSeq: 1 INVITE",
        f"Contact: <sip:{calling}@{host}>",
        *_asserted(setup, calling, host),
    ]
    return _message(f"INVITE {called} SIP/2.0", lines)


def following(request: bytes, method: str, to: str | None = None) -> bytes:
    """Write what follows an INVITE in its transaction.

    Args:
        request: an INVITE of `invite`.
        method: `ACK` of an answer that is no success, or `CANCEL`.
        to: To of that answer, which has a tag.
    """
    first, *lines = request.decode("utf-8").split("\r\n")
    kept = [line for line in lines if line.partition(":")[0] in COPIED and not (to and line.startswith("To:"))]
    return _message(
        f"{method}{first.removeprefix('INVITE')}", [*kept, *([f"To: {to}"] if to else []), f"CSeq: 1 {method}"]
    )


def options(host: str, call_id: str) -> bytes:
    """Write the question whether decisions come; the bridge answers 200 or 503.

    Args:
        host: address of the switch.
        call_id: another one each time.
    """
    lines = [
        f"Via: SIP/2.0/UDP {host};rport;branch=z9hG4bK-{call_id}",
        "Max-Forwards: 70",
        f"From: <sip:{host}>;tag={call_id}",
        f"To: <sip:{host}>",
        f"Call-ID: {call_id}",
        "CSeq: 1 OPTIONS",
    ]
    return _message(f"OPTIONS sip:{host} SIP/2.0", lines)


def _asserted(setup: CallSetup, calling: str, host: str) -> Iterator[str]:
    """What a switch says that has verified the caller's signature."""
    verstat = f";verstat={setup.verstat}" if setup.verstat else ""
    yield f"P-Asserted-Identity: <tel:{calling}{verstat}>"
    if setup.attestation is not None:
        claims = {"attest": setup.attestation, "origid": setup.origid}
        token = f"{_base64({'ppt': 'shaken'})}.{_base64(claims)}.{SIGNATURE}"
        yield f"Identity: {token};info=<https://{host}/certificate.pem>;alg=ES256;ppt=shaken"
    for number in setup.diversion or ():
        yield f"Diversion: <sip:{_user(number)}@{host}>;reason=unconditional"


def _user(text: str) -> str:
    return quote(text, safe="+")


def _base64(claims: dict[str, str | None]) -> str:
    data = json.dumps(claims, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _message(first: str, lines: list[str]) -> bytes:
    found = [first, *lines, "Content-Length: 0"]
    if not all(map(is_writable, found)):
        raise ValueError("a request has a control character")
    return "\r\n".join([*found, "", ""]).encode()
