"""Base64url and JSON as tokens have them, read strictly: one text has one reading, and what has two has none."""

import json
from base64 import urlsafe_b64encode
from binascii import a2b_base64
from typing import Any

from detector.trust.verdict import Cause, Refused

_ORDINARY = bytes.maketrans(b"-_+/=", b"+/!!!")
"""To the alphabet that is decoded; what base64url does not have becomes what no alphabet has."""
_PADDING = (b"", b"", b"==", b"=")
_BLANKS = " \t\n\r"
_LAST = {2: frozenset("AQgw"), 3: frozenset("AEIMQUYcgkosw048")}
"""Last characters whose bits behind the end are zero, by how many stand behind the last four."""


def decode_base64url(text: str) -> bytes:
    """Decode base64url without padding (RFC 7515 section 2).

    Raises:
        Refused: it has other characters, padding, or bits behind its end. Two texts never decode to the same bytes.
    """
    beyond = len(text) % 4
    if beyond and (beyond == 1 or text[-1] not in _LAST[beyond]):
        raise Refused(Cause.IDENTITY_MALFORMED, "a part of the token is cut off, or has bits behind its end")
    try:
        return a2b_base64(text.encode("ascii").translate(_ORDINARY) + _PADDING[beyond], strict_mode=True)
    except ValueError as error:
        raise Refused(Cause.IDENTITY_MALFORMED, "a part of the token is not base64url without padding") from error


def encode_base64url(data: bytes) -> str:
    """Encode as base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_object(data: bytes) -> dict[str, Any]:
    """Read a JSON object in UTF-8.

    Raises:
        Refused: it is none, names a key twice, has NaN or an infinity, or nests too deep.
    """
    try:
        text = data.decode().strip(_BLANKS)
        found, end = _JSON.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise Refused(Cause.IDENTITY_MALFORMED, "a part of the token is not strict JSON") from error
    if end != len(text):
        raise Refused(Cause.IDENTITY_MALFORMED, "a part of the token has something behind its JSON")
    if not isinstance(found, dict):
        raise Refused(Cause.IDENTITY_MALFORMED, "a part of the token is no JSON object")
    return found


def canonical_json(value: Any) -> bytes:
    """Write JSON as it is signed: keys in order, no white space (RFC 8225 section 9).

    Raises:
        Refused: it holds half a surrogate, which UTF-8 cannot.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        raise Refused(Cause.CLAIMS_MALFORMED, "a claim has no canonical form") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is named twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_JSON = json.JSONDecoder(object_pairs_hook=_without_repeats, parse_constant=_no_constant)
