"""Datagrams from a peer that are no calls of a switch: torture messages, and damaged ones; and what came back."""

import random
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from streams.bridge.sip.messages import Junk, Response, read_response
from streams.bridge.sip.requests import options
from streams.commands.demo.switch import HERE
from streams.wire.repairs import short_call_id
from tests.streams.bridge.sip.damage import damaged
from tests.waiting import HANG_S

BURST = 20
"""So many are sent at a time, and the next ones once the bridge has read them: it loses none by a full buffer."""
LAST_S = 1.0
"""Answers are waited for so long after the last datagram."""
BUFFER_BYTES = 4 * 1024 * 1024
OURS = "barrier-"
_NAMES = re.compile(rb"(z9hG4bK|Call-ID: *)", re.IGNORECASE)
"""What stands before the name of a transaction, and of a call."""


@dataclass(slots=True)
class Came:
    """What came back.

    Attributes:
        sent: datagrams.
        statuses: of the final answers to INVITEs, without repeats that came after an ACK.
        blocked: call ids of those that were blocked, as decisions write them.
    """

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    blocked: set[str] = field(default_factory=set)


class Sender:
    """Sends datagrams to a bridge and acknowledges what is answered.

    Args:
        port: of the bridge.
    """

    def __init__(self, port: int) -> None:
        self.came = Came()
        self._barriers = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self._socket.bind((HERE, 0))
        self._socket.connect((HERE, port))

    def send(self, datagrams: Iterator[bytes]) -> Came:
        """Send all of them; what came back."""
        for number, data in enumerate(datagrams, 1):
            self._socket.send(data[:65_000])
            self.came.sent = number
            if number % BURST == 0:
                self._barrier()
        self._barrier()
        self._listen(time.monotonic() + LAST_S, "")
        self._socket.close()
        return self.came

    def _barrier(self) -> None:
        """Return once the bridge has read all that was sent."""
        self._barriers += 1
        call_id, ends_s = f"{OURS}{self._barriers}-{time.time_ns()}", time.monotonic() + HANG_S
        while time.monotonic() < ends_s:
            self._socket.send(options(HERE, call_id))
            if self._listen(time.monotonic() + LAST_S, call_id):
                return
        raise AssertionError("the bridge answers no OPTIONS")

    def _listen(self, until_s: float, call_id: str) -> bool:
        """Take what comes until then, or until the answer to a barrier; whether that came."""
        while (left_s := until_s - time.monotonic()) > 0:
            self._socket.settimeout(left_s)
            with suppress(TimeoutError, ConnectionRefusedError, Junk):
                found = read_response(self._socket.recv(65_535))
                if call_id and found.first("call-id") == call_id:
                    return True
                self._take(found)
        return False

    def _take(self, found: Response) -> None:
        if found.status < 200 or not (found.first("cseq") or "").endswith("INVITE"):
            return
        self._socket.send(_ack(found))
        self.came.statuses[found.status] += 1
        if found.status in {603, 607}:
            self.came.blocked.add(_written(found.first("call-id") or ""))


def _ack(found: Response) -> bytes:
    """The ACK of an answer whose INVITE may be unreadable: Via, From, To and Call-ID are those of the answer."""
    lines = ["ACK sip:dip.example SIP/2.0", *(f"Via: {value}" for value in found.headers["via"])]
    for name in ("From", "To", "Call-ID", "CSeq"):
        lines += [f"{name}: {found.first(name.lower())}"]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def _written(call_id: str) -> str:
    """A call id as decisions have it."""
    text = call_id.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return short_call_id(text) if len(text) > 128 else text


def mutants(seeds: Sequence[Sequence[bytes]], count: int, chance: random.Random) -> Iterator[bytes]:
    """Damaged copies of messages, each a transaction and a call of its own before it is damaged.

    Args:
        seeds: groups of whole messages; as many are taken of each group.
        count: how many to give.
        chance: seeded.
    """
    for number in range(count):
        message = chance.choice(seeds[number % len(seeds)])
        yield damaged(_NAMES.sub(rb"\g<1>%d-" % number, message), chance)
