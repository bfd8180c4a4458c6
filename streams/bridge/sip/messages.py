"""Reading SIP requests (RFC 3261): a start line and headers, folded or not, long names or compact ones. Pure.

It reads what a switch may send, and refuses little: a call whose INVITE looks odd is to be routed, not lost. All of it
is linear in the size of the message. docs/decisions/0010-own-sip-reading.md says why no library does this.
"""

import re
from dataclasses import dataclass

MOST_BYTES = 65_535
MOST_LINES = 512
"""Header lines that are looked at; the others are left unread."""
COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "y": "identity",
    "l": "content-length",
}
"""Compact names of the headers that are read here (RFC 3261, 7.3.3; RFC 8224)."""
VERSION = "SIP/2.0"
_STATUS_LINE = re.compile(r"SIP/2\.0 +([1-6][0-9]{2})(?: |$)")
_METHOD = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,128}")


class Junk(Exception):
    """Bytes that are no request.

    Args:
        reason: one word, for a metric.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Message:
    """What a request and a response have in common.

    Attributes:
        headers: values by lower-case long name, in order, unfolded. Bytes that are no UTF-8 are lone surrogates.
    """

    headers: dict[str, list[str]]

    def first(self, name: str) -> str | None:
        """The first value of a header, None where there is none."""
        values = self.headers.get(name)
        return values[0] if values else None


@dataclass(frozen=True, slots=True)
class Request(Message):
    """A request as it came.

    Attributes:
        method: `INVITE` and the like.
        uri: Request-URI, raw.
    """

    method: str
    uri: str


@dataclass(frozen=True, slots=True)
class Response(Message):
    """A response as it came.

    Attributes:
        status: 100 to 699.
    """

    status: int


def read_request(data: bytes) -> Request:
    """Read one message: a datagram, or what a stream was cut into.

    Args:
        data: its bytes; a body is left unread.

    Raises:
        Junk: it is no request of SIP 2.0.
    """
    lines = _lines(data)
    method, uri = _start_line(lines[0])
    return Request(_headers(lines), method, uri)


def read_response(data: bytes) -> Response:
    """Read one response, as `read_request` does a request.

    Raises:
        Junk: it is no response of SIP 2.0.
    """
    lines = _lines(data)
    found = _STATUS_LINE.match(lines[0])
    if found is None:
        raise Junk("no_sip")
    return Response(_headers(lines), int(found[1]))


def _lines(data: bytes) -> list[str]:
    """Start line and header lines."""
    if len(data) > MOST_BYTES:
        raise Junk("too_large")
    text = data.lstrip(b"\r\n").partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")
    return text.replace("\r\n", "\n").split("\n", MOST_LINES)[:MOST_LINES]


def _start_line(line: str) -> tuple[str, str]:
    """Method and Request-URI; spaces too many are none of our business."""
    if line.startswith(f"{VERSION} "):
        raise Junk("response")
    method, _, rest = line.partition(" ")
    rest = rest.strip()
    uri, version = rest[: -len(VERSION)].strip(), rest[-len(VERSION) :].upper()
    if not _METHOD.fullmatch(method) or not uri or not version.startswith("SIP/"):
        raise Junk("no_sip")
    if version != VERSION:
        raise Junk("version")
    return method, uri


def _headers(lines: list[str]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    values: list[str] = []  # of the latest header, which a folded line goes on with
    for line in lines[1:]:
        if line[:1] in {" ", "\t"}:
            if values:
                values[-1] = f"{values[-1]} {line.strip()}".strip()
            continue
        if not line:
            break
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon:
            values = []
            continue
        values = headers.setdefault(COMPACT.get(name, name), [])
        values.append(value.strip())
    return headers
