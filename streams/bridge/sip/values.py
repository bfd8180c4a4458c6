"""Reading header values of SIP: lists, addresses, URIs and Via. Pure, linear, and it never raises."""

from typing import NamedTuple
from urllib.parse import unquote

from detector.contract.numbers import normal_form

MOST_VALUES = 64
"""Of a list; the others are left unread."""
DEFAULT_PORT = 5060
MAX_PORT = 65_535
TEL = "tel"


class Address(NamedTuple):
    """What stands in From, To and the like.

    Attributes:
        name: display name without its quotes, empty where there is none.
        uri: raw.
        parameters: behind the URI, by lower-case name.
    """

    name: str
    uri: str
    parameters: dict[str, str]


class Uri(NamedTuple):
    """A `sip:`, `sips:` or `tel:` URI, or what stands in its place.

    Attributes:
        scheme: lower case, empty where there is none.
        user: unescaped, without parameters and password; the host where there is no user.
        parameters: of the user and of the URI, by lower-case name.
    """

    scheme: str
    user: str
    parameters: dict[str, str]

    @property
    def number(self) -> str:
        """The user; a telephone number in its normal form."""
        return normal_form(f"tel:{self.user}" if self.scheme == TEL else self.user).removeprefix("tel:")


class Via(NamedTuple):
    """The top one says where an answer goes.

    Attributes:
        host: sent-by, without brackets.
        port: sent-by, `DEFAULT_PORT` where it has none.
        parameters: by lower-case name; `rport` may be empty.
    """

    host: str
    port: int
    parameters: dict[str, str]


def split_list(value: str, separator: str = ",") -> list[str]:
    """Cut a value at its separators, but for those within quotes and within angle brackets.

    Returns:
        The parts, stripped, none of them empty; at most `MOST_VALUES`.
    """
    if separator not in value:
        return [value.strip()] if value.strip() else []
    if '"' not in value and "<" not in value:
        return [part for one in value.split(separator, MOST_VALUES)[:MOST_VALUES] if (part := one.strip())]
    parts, start = [], 0
    is_quoted = is_escaped = is_bracketed = False
    for at, character in enumerate(value):
        if is_escaped:
            is_escaped = False
        elif is_quoted:
            is_escaped, is_quoted = character == "\\", character != '"'
        elif character == '"' and not is_bracketed:
            is_quoted = True
        elif character in "<>":
            is_bracketed = character == "<"
        elif character == separator and not is_bracketed:
            parts.append(value[start:at].strip())
            start = at + 1
            if len(parts) == MOST_VALUES:
                return [part for part in parts if part]
    parts.append(value[start:].strip())
    return [part for part in parts if part]


def read_parameters(text: str) -> dict[str, str]:
    """Read `;name=value;flag`; of a name that comes twice the first counts. Quotes around a value go."""
    found: dict[str, str] = {}
    for part in split_list(text, ";"):
        name, _, value = part.partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found


def read_address(value: str) -> Address:
    """Read a name-addr or an addr-spec (RFC 3261, 20.10: parameters behind a bare URI are the header's)."""
    value = value.strip()
    name = ""
    if value.startswith('"'):
        name, value = _quoted(value)
    before, bracket, rest = value.partition("<")
    if not bracket:
        uri, _, parameters = value.strip().partition(";")
        return Address(name, uri.strip(), read_parameters(parameters))
    uri, _, parameters = rest.partition(">")
    return Address(name or before.strip(), uri.strip(), read_parameters(parameters))


def _quoted(value: str) -> tuple[str, str]:
    """The text between the quotes that a value begins with, unescaped, and what stands behind them."""
    text = []
    is_escaped = False
    for at, character in enumerate(value[1:], 1):
        if is_escaped:
            text.append(character)
            is_escaped = False
        elif character == "\\":
            is_escaped = True
        elif character == '"':
            return "".join(text), value[at + 1 :]
        else:
            text.append(character)
    return "", value


def read_uri(uri: str) -> Uri:
    """Read a URI. Parameters of a telephone number (RFC 3966, RFC 4904) may stand before the host."""
    scheme, colon, rest = uri.strip().partition(":")
    scheme = scheme.strip().lower()
    if not colon or scheme not in {"sip", "sips", TEL}:
        return Uri("", uri.strip(), {})
    rest = rest.partition("?")[0] if "@" not in rest.partition("?")[2] else rest
    user, at, host = rest.rpartition("@") if scheme != TEL else (rest, "@", "")
    if not at:
        host, _, parameters = rest.partition(";")
        return Uri(scheme, host.partition(":")[0] or host, read_parameters(parameters))
    user, _, of_user = user.partition(";")
    parameters = ";".join((of_user, host.partition(";")[2]))
    return Uri(scheme, unquote(user.partition(":")[0], errors="replace"), read_parameters(parameters))


def read_via(value: str) -> Via | None:
    """Read one Via; None of what is none."""
    sent, _, parameters = value.partition(";")
    protocol, _, by = sent.strip().rpartition(" ")
    if protocol.replace(" ", "").upper()[:8] != "SIP/2.0/" or not by:
        return None
    host, port = _host_and_port(by)
    return Via(host, port, read_parameters(parameters))


def _host_and_port(by: str) -> tuple[str, int]:
    if by.startswith("["):
        host, _, port = by[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = by.partition(":")
    is_port = port.isascii() and port.isdigit() and len(port) <= len(str(MAX_PORT)) and 0 < int(port) <= MAX_PORT
    return host, int(port) if is_port else DEFAULT_PORT
