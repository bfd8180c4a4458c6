"""What a page is about, and links to it that say nothing of it: a masked number must not stand whole in its link."""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from streams.redis.connection import E164
from streams.redis.lookups import DECISION_ID_LENGTH, NATIONAL

LONGEST = 256
"""Characters of what may be looked for."""
_SEPARATORS = str.maketrans("", "", " ()./-")


class Kind(StrEnum):
    """What may be looked for."""

    NUMBER = "number"
    CALL = "call"
    DECISION = "decision"
    TRUNK = "trunk"
    CAMPAIGN = "campaign"
    CASE = "case"


CASE_ID = re.compile(r"(redress|traceback|referral|change|look_up)-[0-9]{8}-[0-9a-f]{10}")
_LOOKS = {
    Kind.DECISION: re.compile(rf"[0-9a-f]{{{DECISION_ID_LENGTH}}}"),
    Kind.CAMPAIGN: re.compile(r"c[0-9a-f]{10}"),
    Kind.CASE: CASE_ID,
}
"""Ids that are told by their form."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a page is about: `text` is a calling number in E.164, or the id of a call, a decision or another kind."""

    kind: Kind
    text: str


_KINDS = frozenset(kind.value for kind in Kind)


def read_subject(query: str) -> Subject | None:
    """Tell what somebody looks for; None where that is empty or too long.

    `number:`, `call:`, `decision:`, `trunk:`, `campaign:` and `case:` make it clear. Otherwise it is a number in any
    usual form, the id of a decision, a campaign or a case by its form, or else a call.
    """
    text = query.strip()
    if not text or len(text) > LONGEST:
        return None
    kind, colon, rest = text.partition(":")
    if colon and kind in _KINDS and rest.strip():
        found = rest.strip()
        return Subject(Kind(kind), _number(found) or found) if kind == Kind.NUMBER else Subject(Kind(kind), found)
    number = _number(text)
    if number is not None:
        return Subject(Kind.NUMBER, number)
    for looks_like, pattern in _LOOKS.items():
        if pattern.fullmatch(text.lower()):
            return Subject(looks_like, text.lower())
    return Subject(Kind.CALL, text)


def _number(text: str) -> str | None:
    bare = text.translate(_SEPARATORS)
    if E164.fullmatch(bare):
        return bare
    national = NATIONAL.fullmatch(bare)
    return f"+1{national[1]}" if national else None


_ROOMS = {Kind.CAMPAIGN: "campaigns", Kind.CASE: "cases"}
"""Where the pages of a kind stand; those of others stand below `about`."""


class Links:
    """Makes links of subjects and reads them again: the same subject has the same link, and only we can read it.

    Args:
        secret: 64 bytes (AES-SIV, RFC 5297).
    """

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESSIV(secret)

    def link(self, subject: Subject) -> str:
        """The last part of the address of a page."""
        text = f"{subject.kind}:{subject.text}".encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(self._cipher.encrypt(text, None)).decode().rstrip("=")

    def path(self, subject: Subject) -> str:
        """The address of its page."""
        return f"/{_ROOMS.get(subject.kind, 'about')}/{self.link(subject)}"

    def subject(self, link: str) -> Subject | None:
        """What a link is about; None for one that we did not make."""
        try:
            raw = base64.urlsafe_b64decode(link + "=" * (-len(link) % 4))
            text = self._cipher.decrypt(raw, None).decode("utf-8", "surrogatepass")
        except (binascii.Error, ValueError, InvalidTag):
            return None
        kind, _, rest = text.partition(":")
        return Subject(Kind(kind), rest)
