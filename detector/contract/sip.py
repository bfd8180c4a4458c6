"""The SIP answer of a block: 603+ for analytics (ATIS-1000099), a plain status for do-not-originate and orders.

607 counts as a human's vote (RFC 8197, RFC 8688), so it is the answer where the called subscriber asked for the block,
and nowhere else. 604 and 608 mislead other elements. No policy can ask for any of them.
"""

import re
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from functools import lru_cache

from detector.contract.decisions import SipAnswer
from detector.contract.errors import SettingInvalid
from detector.contract.events import Role
from detector.contract.numbers import is_e164

ANALYTICS_STATUS = 603
ANALYTICS_PHRASE = "Network Blocked"
ANALYTICS_VERSION = "analytics1"
CONTACTS_KEPT = 8

# Printable ASCII without space, quote, semicolon and backslash: nothing that could end the quoted text, an attribute or
# the header line. `\Z` and not `$`, which would let a line feed at the end pass.
_HTTPS_URL = re.compile(r"https://[!#-:<-\[\]-~]+\Z")
_EMAIL = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+\Z")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_ID_IN_HEADER = re.compile(r'(?<=;id=)[A-Za-z0-9_-]{1,64}(?=";location=[A-Z]+\Z)')


class Location(StrEnum):
    """Network that blocked the call (RFC 8606)."""

    ORIGINATING = "LN"
    TRANSIT = "TN"
    TERMINATING = "RLN"


class DnoStatus(IntEnum):
    """SIP status of a do-not-originate block."""

    DECLINE = 603
    FORBIDDEN = 403
    NOT_FOUND = 404


LOCATION_BY_ROLE: dict[str, Location] = {
    Role.ORIGINATING: Location.ORIGINATING,
    Role.GATEWAY: Location.TRANSIT,
    Role.INTERMEDIATE: Location.TRANSIT,
    Role.TERMINATING: Location.TERMINATING,
}

DNO_ANSWERS = {
    DnoStatus.DECLINE: SipAnswer(603, "Decline", None),
    DnoStatus.FORBIDDEN: SipAnswer(403, "Forbidden", None),
    DnoStatus.NOT_FOUND: SipAnswer(404, "Not Found", None),
}

ORDER_BLOCK = SipAnswer(603, "Decline", None)
"""Answer of a block that a court or the FCC ordered: nothing was analysed, so it is no 603+."""
UNWANTED = SipAnswer(607, "Unwanted", None)
"""Answer of a block that the called subscriber asked for (RFC 8197)."""


@dataclass(frozen=True, slots=True)
class Redress:
    """Where a blocked caller can complain; it stands in every 603+. At least one is needed.

    Attributes:
        url: HTTPS address, publicly resolvable.
        tel: Telephone number, E.164 with `+`.
        email: Mail address.

    Raises:
        SettingInvalid: None is given, or one holds what a SIP header must not.
    """

    url: str | None = None
    tel: str | None = None
    email: str | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be sent or would break out of the header."""
        if self.url is None and self.tel is None and self.email is None:
            raise SettingInvalid("give at least one of url, tel and email: a 603+ must name a contact")
        if self.url is not None and not _HTTPS_URL.match(self.url):
            raise SettingInvalid('url must be https:// and printable ASCII without space, ", ; or backslash')
        if self.tel is not None and not is_e164(self.tel):
            raise SettingInvalid("tel must be E.164 with +, for example +18005550123")
        if self.email is not None and not _EMAIL.match(self.email):
            raise SettingInvalid("email must be a plain address, for example redress@example.com")

    @property
    def attributes(self) -> str:
        """Contact part of the 603+ text, in the order url, tel, email."""
        pairs = (("url", self.url), ("tel", self.tel), ("email", self.email))
        return ";".join(f"{name}={value}" for name, value in pairs if value is not None)


def location_of(role: str | None, default: Location) -> Location:
    """Location for the switch's place in the call path.

    Args:
        role: As in the event, one of `detector.contract.events.Role`; None where it does not say.
        default: Location then.

    Raises:
        KeyError: `role` is none of those; events that were decoded have no other.
    """
    return default if role is None else LOCATION_BY_ROLE[role]


def analytics_block(redress: Redress, location: Location, identifier: str) -> SipAnswer:
    """Answer 603+ of one blocked call.

    Args:
        redress: Contact.
        location: Where the call was blocked.
        identifier: Decision id, 1 to 64 of `[A-Za-z0-9_-]`.

    Raises:
        ValueError: The identifier has another form.
    """
    if not _IDENTIFIER.match(identifier):
        raise ValueError("a 603+ id is 1 to 64 of A-Z a-z 0-9 _ -")
    header = f'{_before_id(redress)}{identifier}";location={location.value}'
    return SipAnswer(ANALYTICS_STATUS, ANALYTICS_PHRASE, header)


def with_identifier(answer: SipAnswer, identifier: str) -> SipAnswer:
    """Return an answer with another decision id in its header; one without a header stays as it is.

    Args:
        answer: Of a call.
        identifier: As for `analytics_block`.
    """
    if answer.reason_header is None:
        return answer
    return replace(answer, reason_header=_ID_IN_HEADER.sub(identifier, answer.reason_header))


@lru_cache(CONTACTS_KEPT)
def _before_id(redress: Redress) -> str:
    """Reason header of a 603+ up to the id: the same for every block of a policy."""
    return f'SIP;cause={ANALYTICS_STATUS};text="v={ANALYTICS_VERSION};{redress.attributes};id='


def dno_block(status: DnoStatus) -> SipAnswer:
    """Answer of a do-not-originate block: deterministic, so never a 603+ and never with a Reason header."""
    return DNO_ANSWERS[status]
