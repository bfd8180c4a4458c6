"""From an INVITE to a `call_setup`, by the table of the contract (docs/contract.md). Pure.

What is missing is left out, what is too long is cut, a long call id hashed. Only an INVITE without a Call-ID has no
set-up.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from detector.contract.events import IDENTITY_LIMIT, LIST_LIMIT, TEXT_LIMIT, Attestation
from streams.bridge.peers import Peer
from streams.bridge.sip.messages import Request
from streams.bridge.sip.values import Address, Uri, read_address, read_uri, read_via, split_list
from streams.wire.repairs import as_decided

IDENTITIES_LIMIT = 10_000
"""Characters of all Identity values of a call: a record has 16 KiB."""
PRIVATE = frozenset({"id", "user", "header", "critical"})
_DIALLED = re.compile(r"\+?[0-9*#]+")
PASSED = "TN-Validation-Passed"


class CallerClaims(msgspec.Struct):
    """What a PASSporT says of its caller (RFC 8588)."""

    attest: Attestation | None = None
    origid: str | None = None


class Caller(NamedTuple):
    """Who calls: the URI that is believed, and the number in it."""

    address: Address
    uri: Uri


def caller_of(request: Request, peer: Peer) -> Caller:
    """P-Asserted-Identity of a peer that is believed, of several values the `tel:` one; else From."""
    asserted = [read_address(value) for value in _list(request, "p-asserted-identity")]
    if peer.asserts_identity and asserted:
        found = next((one for one in asserted if one.uri.lower().startswith("tel:")), asserted[0])
    else:
        found = read_address(request.first("from") or "")
    return Caller(found, read_uri(found.uri))


def call_setup(request: Request, peer: Peer, source_ip: str, now_ms: int) -> dict[str, Any]:
    """Make the set-up of a call.

    Args:
        request: its INVITE.
        peer: that sent it.
        source_ip: address that it came from.
        now_ms: when, epoch milliseconds.

    Returns:
        Fields of the contract, without those that are null.

    Raises:
        KeyError: it has no Call-ID.
    """
    caller = caller_of(request, peer)
    sender, target = read_address(request.first("from") or ""), read_uri(request.uri)
    sender_uri, to_uri = read_uri(sender.uri), read_uri(read_address(request.first("to") or "").uri)
    calling, called = _text(caller.uri.number), _called(request.uri, target)
    fields = {
        "type": "call_setup",
        "call_id": as_decided(_clean(request.headers["call-id"][0]))[0],
        "setup_time_ms": now_ms,
        "calling_number": calling,
        "called_number": called,
        "trunk_group_id": _trunk_group(request, sender_uri, target, peer),
        "switch_id": peer.switch,
        "upstream_ocn": peer.upstream_ocn,
        "source_ip": _before(request) or source_ip,
        "from_number": _other(sender_uri.number, calling),
        "calling_name": _text(sender.name or caller.address.name) or None,
        "privacy": _privacy(request),
        "diversion": _diverted(request, called) or None,
        "identity": _identities(request) or None,
        "priority": _header(request, "priority"),
        "resource_priority": _header(request, "resource-priority"),
        "user_agent": _header(request, "user-agent"),
        "icid": _icid(request),
        "role": None if peer.role is None else peer.role.value,
        "to_number": _other(to_uri.number, called),
        "asserted_numbers": [_text(value) for value in _list(request, "p-asserted-identity")[:LIST_LIMIT]] or None,
        "ani_ii": _line(caller.uri, sender_uri, read_uri(_contact(request).uri)),
        "attestation_info": _header(request, "attestation-info"),
    } | _verified(request, caller, sender_uri, peer)
    return {name: value for name, value in fields.items() if value is not None}


def _called(uri: str, target: Uri) -> str:
    """The number that was called; a URI that names none as it came: `sip:sos@host` and service URNs are emergencies."""
    return _text(target.number if _DIALLED.fullmatch(target.number) else uri)


def _clean(text: str) -> str:
    """Bytes that are no UTF-8 become question marks: a record is UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _text(text: str) -> str:
    return _clean(text)[:TEXT_LIMIT]


def _header(request: Request, name: str) -> str | None:
    values = request.headers.get(name)
    return _text(", ".join(values)) or None if values else None


def _list(request: Request, name: str) -> list[str]:
    return [part for value in request.headers.get(name, ()) for part in split_list(value)]


def _other(number: str, than: str) -> str | None:
    """A number that differs from the one that is known."""
    text = _text(number)
    return text if text and text != than else None


def _contact(request: Request) -> Address:
    return read_address((_list(request, "contact") or [""])[0])


def _trunk_group(request: Request, sender: Uri, target: Uri, peer: Peer) -> str:
    """By which it came in: tgrp in Contact (RFC 4904, 5), else otg; else what the peers file says."""
    if peer.reads_trunk_group:
        contact = read_uri(_contact(request).uri)
        group, context = contact.parameters.get("tgrp"), contact.parameters.get("trunk-context")
        if group:
            return _text(f"{group}@{context}" if context else group)
        for uri in (sender, contact, target):
            if uri.parameters.get("otg"):
                return _text(uri.parameters["otg"])
    return peer.trunk_group_id


def _before(request: Request) -> str | None:
    """Who sent the INVITE to the switch, where the switch is a proxy: the Via below its own."""
    values = _list(request, "via")
    via = read_via(values[1]) if len(values) > 1 else None
    return None if via is None else _text(via.parameters.get("received") or via.host) or None


def _privacy(request: Request) -> bool | None:
    values = request.headers.get("privacy")
    return None if values is None else any(part.strip().lower() in PRIVATE for part in ";".join(values).split(";"))


def _diverted(request: Request, called: str) -> list[str]:
    """Who forwarded the call, latest first: Diversion as it stands, else History-Info without the last, the target."""
    diversion = _list(request, "diversion")
    values = diversion or list(reversed(_list(request, "history-info")[:-1]))
    numbers = (_text(read_uri(read_address(value).uri).number) for value in values)
    found = [number for number in numbers if number and (diversion or number != called)]
    return list(dict.fromkeys(found))[:LIST_LIMIT]


def _identities(request: Request) -> list[str]:
    """Identity values, raw, as many as a record can take."""
    found, left = [], IDENTITIES_LIMIT
    for value in _identity_values(request)[:LIST_LIMIT]:
        text = _clean(value)
        if len(text) > min(left, IDENTITY_LIMIT):
            break
        found.append(text)
        left -= len(text)
    return found


def _identity_values(request: Request) -> list[str]:
    """One PASSporT has no comma; several may stand in one header."""
    return _list(request, "identity")


def _icid(request: Request) -> str | None:
    vector = request.first("p-charging-vector")
    for part in split_list(vector or "", ";"):
        name, _, value = part.partition("=")
        if name.strip().lower() == "icid-value":
            return _text(value.strip().strip('"')) or None
    return None


def _line(*uris: Uri) -> str | None:
    """Kind of the calling line."""
    for uri in uris:
        for name in ("isup-oli", "oli"):
            if uri.parameters.get(name):
                return _text(uri.parameters[name])
    return None


def _verified(request: Request, caller: Caller, sender: Uri, peer: Peer) -> dict[str, Any]:
    """What the peer found when it verified the call; nothing of a peer that does not, since strangers write it too."""
    if not peer.verifies:
        return {}
    places = (caller.uri.parameters, caller.address.parameters, sender.parameters)
    verstat = next((place["verstat"] for place in places if place.get("verstat")), None)
    if verstat is None:
        return {}
    found: dict[str, Any] = {"verstat": _text(verstat)}
    if verstat.startswith(PASSED):
        claims = _claims(_identity_values(request))
        found |= {"attestation": None if claims.attest is None else claims.attest.value}
        found |= {"origid": None if claims.origid is None else _text(claims.origid)}
    return found


def _claims(identities: Iterable[str]) -> CallerClaims:
    """Attestation and origination id of the first PASSporT of a caller (`shaken`), as it stands there."""
    for value in identities:
        token = value.partition(";")[0].split(".")
        if 'ppt="div"' in value or "ppt=div" in value or len(token) != 3:  # noqa: PLR2004 - header, claims, signature
            continue
        try:
            text = base64.urlsafe_b64decode(token[1] + "=" * (-len(token[1]) % 4))
            return msgspec.json.decode(text, type=CallerClaims)
        except (ValueError, binascii.Error, msgspec.MsgspecError):
            continue
    return CallerClaims()
