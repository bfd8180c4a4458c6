"""SIP over TCP and TLS: a stream is cut into messages by Content-Length (RFC 3261, 18.3). Pure."""

import re

from streams.bridge.sip.messages import MOST_BYTES, Junk

PING, PONG = b"\r\n\r\n", b"\r\n"
"""Keep-alive (RFC 5626, 4.4.1)."""
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"(?:^|\n)(?:content-length|l)[ \t]*:\s*(\d{1,10})[ \t]*(?:\r|\n|$)", re.IGNORECASE)


class Framer:
    """Cuts what comes by a connection into messages. Holds one message at most."""

    __slots__ = ("_held", "_searched", "_size")

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0
        self._size: int | None = None

    def feed(self, data: bytes) -> tuple[list[bytes], bool]:
        """Take bytes.

        Returns:
            Messages that are whole now, and whether a keep-alive wants an answer.

        Raises:
            Junk: a message is larger than any may be; the connection is of no use any more.
        """
        self._held += data
        messages = []
        is_ping = False
        while self._held:
            if self._held[:2] == PONG:
                is_ping = is_ping or self._held[:4] == PING
                del self._held[: 4 if self._held[:4] == PING else 2]
                self._searched = 0
                continue
            if self._size is None:
                self._size = self._size_told()
            if self._size is None or self._size > len(self._held):
                break
            messages.append(bytes(self._held[: self._size]))
            del self._held[: self._size]
            self._searched, self._size = 0, None
        return messages, is_ping

    def _size_told(self) -> int | None:
        """Bytes of the first message; None while its headers are not whole."""
        at = self._held.find(_END, max(0, self._searched - len(_END)))
        self._searched = len(self._held)
        if at < 0:
            if len(self._held) > MOST_BYTES:
                raise Junk("too_large")
            return None
        found = _LENGTH.search(self._held, 0, at)
        size = at + len(_END) + (int(found[1]) if found else 0)
        if size > MOST_BYTES:
            raise Junk("too_large")
        return size
