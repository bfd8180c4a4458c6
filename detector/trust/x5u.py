"""What the address of a certificate may look like, before anybody asks for it. No name is looked up here."""

import re
from urllib.parse import urlsplit

from detector.trust.verdict import Cause, Refused

LONGEST = 2_048
PORTS = frozenset({None, 443, 8443})
_PRINTABLE = re.compile(r"[!-~]+\Z")


def require_x5u(url: str) -> None:
    """Refuse an address that no certificate may have.

    Only `https`, port 443 or 8443, no user, query, fragment or path parameters (ATIS-1000074, ATIS-1000080).

    Raises:
        Refused: it breaks one of these rules.
    """
    if len(url) > LONGEST or not _PRINTABLE.match(url):
        raise Refused(Cause.INFO_INVALID, "the certificate's address is empty, too long or not printable ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused(Cause.INFO_INVALID, "the certificate's address is no URL") from error
    if parts.scheme.lower() != "https" or not parts.hostname or not parts.path.strip("/"):
        raise Refused(Cause.INFO_INVALID, "the certificate's address is not https://HOST/PATH")
    if port not in PORTS:
        raise Refused(Cause.INFO_INVALID, "the certificate's address has another port than 443 or 8443")
    if "@" in parts.netloc or any(mark in url for mark in "?#;\\"):
        raise Refused(Cause.INFO_INVALID, "the certificate's address has a user, query, fragment or parameters")
