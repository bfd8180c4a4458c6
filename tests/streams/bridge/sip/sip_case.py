"""SIP messages for tests, and a look at answers that does not use the code under test."""

from typing import Any, NamedTuple

from streams.bridge.peers import Peer
from streams.bridge.sip.messages import Request, read_request
from streams.bridge.sip.responses import Source

SWITCH = Source("192.0.2.10", 5070)


def invite(*more: str, uri: str = "sip:+13125550142@dip.example;user=phone", **headers: Any) -> bytes:
    """An INVITE as a switch sends it.

    Args:
        more: further header lines.
        uri: Request-URI.
        headers: other values, `from_` for From; None leaves a header out.
    """
    found: dict[str, str | None] = {
        "via": "SIP/2.0/UDP 192.0.2.10:5070;branch=z9hG4bK-1;rport",
        "max_forwards": "70",
        "from_": '"Acme Dental" <sip:+12025550101@192.0.2.10>;tag=from-1',
        "to": "<sip:+13125550142@dip.example>",
        "call_id": "call-1@192.0.2.10",
        "cseq": "1 INVITE",
        "contact": "<sip:+12025550101@192.0.2.10:5070>",
    }
    found |= headers
    lines = [f"{_name(name)}: {value}" for name, value in found.items() if value is not None]
    return "\r\n".join([f"INVITE {uri} SIP/2.0", *lines, *more, "Content-Length: 0", "", ""]).encode()


def _name(key: str) -> str:
    return "-".join(part.capitalize() for part in key.strip("_").split("_"))


def request(*more: str, method: str = "INVITE", **headers: Any) -> Request:
    """The same, read; of another method where one is named."""
    data = invite(*more, **headers)
    if method != "INVITE":
        data = data.replace(b"INVITE sip", f"{method} sip".encode(), 1).replace(b"1 INVITE", f"1 {method}".encode())
    return read_request(data)


def peer(**more: Any) -> Peer:
    """A peer at the address of `SWITCH`, whose INVITEs name their trunk groups."""
    fields: dict[str, Any] = {"name": "p-1", "addresses": ["192.0.2.10"], "profile": "clearip"}
    fields |= {"trunk_group_id": "tg-file", "reads_trunk_group": True}
    return Peer.model_validate(fields | more)


class Seen(NamedTuple):
    """An answer as its receiver reads it."""

    status: int
    phrase: str
    headers: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        """Values of a header."""
        return [value for found, value in self.headers if found == name]

    def one(self, name: str) -> str:
        """The value of a header that stands there once."""
        (value,) = self.all(name)
        return value


def seen(data: bytes) -> Seen:
    """Read an answer strictly."""
    head, _, body = data.partition(b"\r\n\r\n")
    assert body == b""
    first, *lines = head.decode().split("\r\n")
    version, status, phrase = first.split(" ", 2)
    assert version == "SIP/2.0"
    headers = [(name, value) for name, colon, value in (line.partition(": ") for line in lines) if colon]
    assert len(headers) == len(lines)
    return Seen(int(status), phrase, headers)
