"""Writing SIP responses: what is repeated from the request, where it goes, and what is added. Pure."""

from collections.abc import Hashable, Iterable
from typing import NamedTuple

from streams.bridge.sip.messages import Request
from streams.bridge.sip.values import read_address, read_via, split_list

REPEATED = (("From", "from"), ("To", "to"), ("Call-ID", "call-id"), ("CSeq", "cseq"))
METHODS = "INVITE, ACK, CANCEL, OPTIONS"


class Source(NamedTuple):
    """Where a message came from, and so where its answer goes.

    Attributes:
        ip: address, without a zone.
        port: of the sender.
        connection: of a stream; None of a datagram.
    """

    ip: str
    port: int
    connection: Hashable = None


class Answer(NamedTuple):
    """What is said: status, reason phrase, and headers of ours."""

    status: int
    phrase: str
    headers: tuple[tuple[str, str], ...] = ()


class Send(NamedTuple):
    """Bytes, and where they go."""

    data: bytes
    to: Source


OK = Answer(200, "OK", (("Allow", METHODS), ("Accept", "application/sdp")))
UNAVAILABLE = Answer(503, "Service Unavailable")
TRYING = Answer(100, "Trying")
FORBIDDEN = Answer(403, "Forbidden")
NOT_ALLOWED = Answer(405, "Method Not Allowed", (("Allow", METHODS),))
NO_TRANSACTION = Answer(481, "Call/Transaction Does Not Exist")
TOO_MANY_HOPS = Answer(483, "Too Many Hops")
TERMINATED = Answer(487, "Request Terminated")


def is_writable(text: str) -> bool:
    """Whether a text may stand in a header or start line: it has no control character, so it ends no line."""
    return all(character >= " " and character != "\x7f" for character in text)


def respond(request: Request, source: Source, answer: Answer, tag: str) -> Send:
    """Make a response (RFC 3261, 8.2.6) and say where it goes (18.2.2, RFC 3581).

    Args:
        request: has a Via.
        source: where it came from.
        answer: what is said.
        tag: of the To header, where the request has none.

    Raises:
        ValueError: the answer has text that would end a line.
    """
    if not all(is_writable(text) for text in (answer.phrase, *(text for header in answer.headers for text in header))):
        raise ValueError("an answer has a control character")
    lines = [f"SIP/2.0 {answer.status} {answer.phrase}"]
    vias, to = _answered_vias(request, source)
    lines += [f"Via: {via}" for via in vias]
    for name, key in REPEATED:
        value = request.first(key)
        if value is not None:
            needs_tag = key == "to" and answer is not TRYING and "tag" not in read_address(value).parameters
            lines.append(f"{name}: {value};tag={tag}" if needs_tag else f"{name}: {value}")
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines += ["Content-Length: 0", "", ""]
    return Send("\r\n".join(lines).encode("utf-8", "surrogateescape"), to)


def _answered_vias(request: Request, source: Source) -> tuple[Iterable[str], Source]:
    """All Via values, the top one with what is known of the sender; and where the response goes."""
    top, *others = request.headers["via"]
    first, *rest = split_list(top)
    via = read_via(first)
    if via is None:
        return (top, *others), source
    parts = [part for part in split_list(first, ";") if part.partition("=")[0].strip().lower() not in _OURS]
    if "rport" in via.parameters:
        parts += [f"received={source.ip}", f"rport={source.port}"]
        to = source
    else:
        if via.host != source.ip:
            parts.append(f"received={source.ip}")
        to = source if source.connection is not None else Source(source.ip, via.port)
    return (", ".join((";".join(parts), *rest)), *others), to


_OURS = frozenset({"received", "rport"})
