"""Calls put together from copies of their messages: set-ups where they came in, ends as their callers saw them. Pure.

A message may be copied at several points, and a call goes through the switch as two legs. What counts is what passes
between the switch and a peer of the file of peers, the ingress table: there each call is seen once.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from detector.contract.events import CALL_ID_LIMIT
from streams.bridge.events import Fields, event_fields, without_nothing
from streams.bridge.hep.packets import Packet
from streams.bridge.peers import Peer
from streams.bridge.sip.mapping import call_setup
from streams.bridge.sip.messages import Junk, Request, Response, read_request, read_response
from streams.wire.repairs import short_call_id

UNANSWERED_MS, ANSWERED_MS = 10 * 60_000, 24 * 3_600_000
"""A call of which nothing more is seen for so long is forgotten, without an end."""
CHALLENGES = frozenset({401, 407})
"""They end an attempt and no call: the caller tries again with a password."""
FIRST_FINAL, FIRST_FAILURE = 200, 300
REPEATED_IN = ("type", "call_id", "setup_time_ms", "calling_number", "called_number", "trunk_group_id", "switch_id")
RINGING = frozenset({180, 183})


@dataclass(slots=True)
class _Call:
    """A call that goes on, or has ended a short while ago: then copies of its end are known for what they are."""

    said: Fields
    peer: str
    seen_ms: int
    ring_ms: int | None = None
    answer_ms: int | None = None
    has_ended: bool = False


class CallsSeen:
    """Follows calls. Used by one thread.

    Args:
        find: the peer of an address.
        most: calls that are followed at a time; beyond it the one that was silent for longest is forgotten.
        gives_setups: whether set-ups are wanted: not where a switch asks about its calls, or each would count twice.
    """

    def __init__(self, find: Callable[[str], Peer | None], most: int, *, gives_setups: bool) -> None:
        self._find = find
        self._most = most
        self._gives_setups = gives_setups
        self._calls: OrderedDict[str, _Call] = OrderedDict()
        self.forgotten = 0

    def __len__(self) -> int:
        """Calls that are followed."""
        return len(self._calls)

    def take(self, packet: Packet) -> list[Fields]:
        """Take a packet, copies of others among them, in about the order of their times.

        Returns:
            Set-ups and ends that are to be published, as fields of the contract.

        Raises:
            Junk: it says nothing: it is no SIP, or not between the switch and a peer, or known already.
            EventInvalid: it makes no event.
        """
        if packet.payload.startswith(b"SIP/"):
            return self._response(read_response(packet.payload), packet)
        request = read_request(packet.payload)
        if request.method == "INVITE" and ";tag=" not in (request.first("to") or "").lower():
            return self._invite(request, packet)
        if request.method == "BYE":
            return self._bye(request, packet)
        raise Junk("other")

    def _invite(self, request: Request, packet: Packet) -> list[Fields]:
        peer = self._find(packet.source)
        call_id = request.first("call-id")
        if peer is None:
            raise Junk("second_leg")
        if not call_id:
            raise Junk("no_call_id")
        key = _key(call_id)
        if key in self._calls:
            raise Junk("repeated")
        setup = event_fields(call_setup(request, peer, packet.source, packet.time_ms))
        said = {name: setup[name] for name in REPEATED_IN if name in setup}
        self._calls[key] = _Call(said, peer.name, packet.time_ms)
        self._make_room(packet.time_ms)
        return [setup] if self._gives_setups else []

    def _response(self, response: Response, packet: Packet) -> list[Fields]:
        """To the peer that called: what its caller got."""
        call = self._call(response.headers)
        if not (_first(response.headers, "cseq") or "").upper().endswith("INVITE"):
            raise Junk("other")
        if self._name(packet.target) != call.peer:
            raise Junk("second_leg")
        call.seen_ms = packet.time_ms
        if response.status in RINGING and call.ring_ms is None:
            call.ring_ms = packet.time_ms
        elif FIRST_FINAL <= response.status < FIRST_FAILURE and call.answer_ms is None:
            call.answer_ms = packet.time_ms
        elif response.status >= FIRST_FAILURE and response.status not in CHALLENGES and call.answer_ms is None:
            by = "calling" if response.status == 487 else None  # noqa: PLR2004 - Request Terminated, after a CANCEL
            return self._end(call, packet.time_ms, response.status, by, _first(response.headers, "reason"))
        return []

    def _bye(self, request: Request, packet: Packet) -> list[Fields]:
        call = self._call(request.headers)
        source, target = self._name(packet.source), self._name(packet.target)
        if call.peer not in {source, target} or call.answer_ms is None:
            raise Junk("second_leg")
        by = "calling" if source == call.peer else "called"
        return self._end(call, packet.time_ms, FIRST_FINAL, by, request.first("reason"))

    def _call(self, headers: dict[str, list[str]]) -> _Call:
        call_id = _key(_first(headers, "call-id") or "")
        call = self._calls.get(call_id)
        if call is None:
            raise Junk("unknown_call")
        if call.has_ended:
            raise Junk("repeated")
        self._calls.move_to_end(call_id)
        return call

    def _name(self, address: str) -> str | None:
        peer = self._find(address)
        return None if peer is None else peer.name

    def _end(self, call: _Call, time_ms: int, status: int, by: str | None, reason: str | None) -> list[Fields]:
        call.has_ended = True
        rang_until_ms = call.answer_ms or time_ms
        said = call.said | {
            "type": "call_end",
            "end_time_ms": max(time_ms, call.answer_ms or 0),
            "sip_status": status,
            "answer_time_ms": call.answer_ms,
            "ring_time_ms": None if call.ring_ms is None else max(0, rang_until_ms - call.ring_ms),
            "released_by": by,
            "reason": reason and reason.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        }
        if not self._gives_setups:  # that of whoever asked about the call is by another clock
            said["setup_time_ms"] = None
        return [event_fields(without_nothing(said))]

    def _make_room(self, now_ms: int) -> None:
        """Forget calls of which nothing came for long, from the longest on, and those beyond the bound."""
        while self._calls:
            call_id, call = next(iter(self._calls.items()))
            is_old = now_ms - call.seen_ms > (ANSWERED_MS if call.answer_ms and not call.has_ended else UNANSWERED_MS)
            if not is_old and len(self._calls) <= self._most:
                return
            self.forgotten += not call.has_ended
            del self._calls[call_id]


def _key(call_id: str) -> str:
    """What a call is known by, of bounded length."""
    return call_id if len(call_id) <= CALL_ID_LIMIT else short_call_id(call_id)


def _first(headers: dict[str, list[str]], name: str) -> str | None:
    values = headers.get(name)
    return values[0] if values else None
