"""A switch that speaks no Kafka: it asks a bridge by SIP before it routes a call, with a timer of its own."""

import asyncio
from collections import Counter
from typing import Any, NamedTuple

from streams.bridge.sip.messages import Junk, Response, read_response
from streams.bridge.sip.profiles import FAIL_OPEN, MOVED
from streams.bridge.sip.requests import following
from streams.bridge.sip.transactions import PATIENCE_S, T1_S, T2_S
from streams.commands.demo.view import Routing

HERE = "127.0.0.1"
PASSED, CANCELLED = 404, 487
BLOCKED = frozenset({403, 603, 607})
"""How a decision may have a call refused (docs/policy.md)."""


class Said(NamedTuple):
    """The final answer to an INVITE.

    Attributes:
        status: 300 to 699.
        reason: value of its Reason header.
        call_id: of its call.
        at_s: when it came, seconds of the loop's clock.
    """

    status: int
    reason: str | None
    call_id: str
    at_s: float


def routing(said: Said | None) -> Routing:
    """Tell what is done with a call after an answer by the profile `clearip`; None stands for no answer."""
    if said is None:
        return Routing.UNANSWERED
    if said.status in BLOCKED:
        return Routing.BLOCKED
    if said.status == CANCELLED:
        return Routing.CANCELLED
    if said.reason == FAIL_OPEN[1] or said.status not in {PASSED, MOVED[0]}:
        return Routing.UNDECIDED
    return Routing.PASSED if said.status == PASSED else Routing.LABELLED


class _Call:
    """An INVITE that was sent."""

    __slots__ = ("final", "invite", "is_heard")

    def __init__(self, invite: bytes, final: "asyncio.Future[Said]") -> None:
        self.invite = invite
        self.final = final
        self.is_heard = False


class Switch(asyncio.DatagramProtocol):
    """Asks one bridge over UDP (RFC 3261, 17.1.1). Used on one event loop.

    Args:
        timer_s: a call that has no answer by then is routed.

    Attributes:
        cancels: statuses of the answers to CANCELs.
    """

    def __init__(self, timer_s: float) -> None:
        self.cancels: Counter[int] = Counter()
        self._timer_s = timer_s
        self._transport: asyncio.DatagramTransport | None = None
        self._calls: dict[str, _Call] = {}

    async def start(self, port: int, *, host: str = HERE) -> None:
        """Open a socket.

        Args:
            port: of the bridge, on loopback.
            host: address that calls come from.
        """
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(host, 0), remote_addr=(HERE, port))

    def stop(self) -> None:
        """Close it: nothing is acknowledged any more."""
        if self._transport is not None:
            self._transport.close()

    async def ask(self, call_id: str, invite: bytes) -> Said | None:
        """Send an INVITE, again while nothing at all is heard, and wait for its final answer; None where none comes.

        Args:
            call_id: of the call; another one each time.
            invite: of `streams.bridge.sip.requests`.
        """
        loop = asyncio.get_running_loop()
        call = self._calls[call_id] = _Call(invite, loop.create_future())
        ends_s, pause_s = loop.time() + self._timer_s, T1_S
        self._send(invite)
        while (left_s := ends_s - loop.time()) > 0:
            await asyncio.wait([call.final], timeout=min(left_s, pause_s))
            if call.final.done():
                break
            if not call.is_heard and left_s > pause_s:
                self._send(invite)
            pause_s = min(2 * pause_s, T2_S)
        loop.call_later(PATIENCE_S, self._calls.pop, call_id, None)  # so long its answer may come again
        return call.final.result() if call.final.done() else None

    def cancel(self, call_id: str) -> None:
        """Send the CANCEL of a call that is asked about, or was; whoever asked gets its final answer."""
        self._send(following(self._calls[call_id].invite, "CANCEL"))

    def connection_made(self, transport: Any) -> None:
        """Take the socket."""
        self._transport = transport

    def datagram_received(self, data: bytes, _: Any) -> None:
        """Take an answer; what is none, or is the answer to no call of ours, is dropped."""
        try:
            found = read_response(data)
        except Junk:
            return
        call_id = found.first("call-id") or ""
        call = self._calls.get(call_id)
        method = (found.first("cseq") or "").rpartition(" ")[2]
        if method == "CANCEL":
            self.cancels[found.status] += 1
        if call is None or method != "INVITE":
            return
        call.is_heard = True
        if found.status >= 200:  # noqa: PLR2004 - below it goes on
            self._send(following(call.invite, "ACK", found.first("to")))
            if not call.final.done():
                call.final.set_result(_said(found, call_id))

    def error_received(self, _: Exception) -> None:
        """Nobody listens at the bridge's port: the timer routes the call."""

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data)


def _said(found: Response, call_id: str) -> Said:
    return Said(found.status, found.first("reason"), call_id, asyncio.get_running_loop().time())
