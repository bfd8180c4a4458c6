"""Identity header values taken apart (RFC 8224 section 4): token, `info`, `alg`, `ppt`. What a token says is not read.

A value may hold several headers, separated by commas. A token has the full form `header.claims.signature`, or the
compact one `..signature`, whose other parts are rebuilt from the call.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from detector.contract.events import IDENTITY_LIMIT, LIST_LIMIT
from detector.trust.verdict import Cause, Refused

# Possessive quantifiers: a hostile header is read once, never tried again.
_TOKEN = re.compile(r"\s*+([A-Za-z0-9_.-]++)\s*+")
_FIRST = re.compile(r"(?:\s*+(?i:identity|y)\s*+:)?+" + _TOKEN.pattern)
"""The first one may have the header's name before it."""
_PARAMETER = re.compile(
    r";\s*+(?P<name>[A-Za-z0-9!%*_+`'~.-]++)\s*+"
    r"(?:=\s*+(?:<(?P<uri>[^<>\s]*+)>|\"(?P<quoted>[^\"\\]*+)\"|(?P<plain>[A-Za-z0-9!%*_+`'~.-]++))\s*+)?"
)
_PARTS = 3
_TAILS_KEPT = 1_024
_LONGEST_TAIL = 512
"""Characters behind a token that are remembered once they were read: a signer writes the same ones for every call."""

Tail = tuple[int, str | None, str | None, str | None]
"""How many characters parameters take, and what they say: `info`, `alg`, `ppt`."""


class IdentityHeader(NamedTuple):
    """One Identity header.

    Attributes:
        protected: Header of the token in base64url; empty in the compact form.
        claims: Claims in base64url, likewise.
        signature: Signature in base64url.
        info: Where the certificate is; None where it is not said.
        alg: Algorithm; None where it is not said.
        ppt: Extension of PASSporT; None where it is not said.
    """

    protected: str
    claims: str
    signature: str
    info: str | None = None
    alg: str | None = None
    ppt: str | None = None

    @property
    def is_compact(self) -> bool:
        """Whether header and claims have to be rebuilt from the call."""
        return not self.protected and not self.claims

    def encode(self) -> str:
        """Write it as a header value."""
        parameters = [] if self.info is None else [f"info=<{self.info}>"]
        parameters += [f"{name}={value}" for name, value in (("alg", self.alg), ("ppt", self.ppt)) if value is not None]
        return ";".join([f"{self.protected}.{self.claims}.{self.signature}", *parameters])


def parse_identities(values: Sequence[str]) -> list[IdentityHeader | Refused]:
    """Take header values apart; one that cannot be read does not hide its neighbours.

    Args:
        values: Values of Identity headers, with or without the header's name before them. Linear in their size.

    Returns:
        Each header in order, or why it is refused.

    Raises:
        Refused: there are more than `LIST_LIMIT`.
    """
    found: list[IdentityHeader | Refused] = []
    for value in values:
        if len(value) > IDENTITY_LIMIT:
            detail = f"an Identity header has more than {IDENTITY_LIMIT:,} characters"
            found.append(Refused(Cause.IDENTITY_TOO_LARGE, detail))
            continue
        try:
            for header in _headers(value):
                found.append(header)
                if len(found) > LIST_LIMIT:
                    break
        except Refused as refusal:
            found.append(refusal)
        if len(found) > LIST_LIMIT:
            raise Refused(Cause.TOO_MANY_IDENTITIES, f"the call has more than {LIST_LIMIT} Identity headers")
    return found


def parse_token(text: str) -> IdentityHeader:
    """Take a token in the full form apart that stands alone, as in the claim `opt` (RFC 8946).

    Raises:
        Refused: it is none.
    """
    if len(text) > IDENTITY_LIMIT:
        raise Refused(Cause.IDENTITY_TOO_LARGE, f"a token has more than {IDENTITY_LIMIT:,} characters")
    found = _TOKEN.fullmatch(text)
    header = _of_token(found[1]) if found else None
    if header is None or header.is_compact:
        raise Refused(Cause.IDENTITY_MALFORMED, "a token is not header.claims.signature")
    return header


def _headers(value: str) -> Iterator[IdentityHeader]:
    token = _FIRST.match(value)
    while True:
        if token is None:
            raise Refused(Cause.IDENTITY_MALFORMED, "an Identity header does not begin with a token")
        tail = value[token.end() :]
        length, *said = _kept_parameters(tail) if len(tail) <= _LONGEST_TAIL else _parameters(tail)
        yield _of_token(token[1], *said)
        if length == len(tail):
            return
        token = _TOKEN.match(value, token.end() + length + 1)


def _parameters(tail: str) -> Tail:
    """Read the parameters of a header, up to its end or to the comma before the next one."""
    place, found = 0, dict[str, str]()
    while parameter := _PARAMETER.match(tail, place):
        place = parameter.end()
        key = parameter["name"].lower()
        if key in found:
            raise Refused(Cause.IDENTITY_MALFORMED, "an Identity header names a parameter twice")
        found[key] = parameter["uri"] or parameter["quoted"] or parameter["plain"] or ""
    if place < len(tail) and tail[place] != ",":
        raise Refused(Cause.IDENTITY_MALFORMED, "an Identity header has something behind its parameters")
    return place, found.get("info"), found.get("alg"), found.get("ppt")


_kept_parameters = lru_cache(_TAILS_KEPT)(_parameters)


def _of_token(token: str, info: str | None = None, alg: str | None = None, ppt: str | None = None) -> IdentityHeader:
    parts = token.split(".")
    if len(parts) != _PARTS or not parts[2] or bool(parts[0]) != bool(parts[1]):
        raise Refused(Cause.IDENTITY_MALFORMED, "a token is neither header.claims.signature nor ..signature")
    return IdentityHeader(parts[0], parts[1], parts[2], info, alg, ppt)
