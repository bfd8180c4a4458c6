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
from streams.bridge.sip.messages import Junk, Message, Request, Response, read_request, read_response
from streams.bridge.sip.values import read_address
from streams.wire.repairs import short_call_id

UNANSWERED_MS, ANSWERED_MS = 10 * 60_000, 24 * 3_600_000
"""A call of which nothing more is seen for so long is forgotten, without an end."""
ENDED_MS = 10 * 60_000
"""So long copies of an end are known for what they are."""
CHALLENGES = frozenset({401, 407})
"""They end an attempt and no call: the caller tries again with a password."""
FIRST_FINAL, FIRST_FAILURE = 200, 300
REPEATED_IN = ("type", "call_id", "setup_time_ms", "calling_number", "called_number", "trunk_group_id", "switch_id")
RINGING = frozenset({180, 183})


@dataclass(slots=True)
class _Call:
    """A call that goes on."""

    key: str
    said: Fields
    peer: str
    seen_ms: int
    ring_ms: int | None = None
    answer_ms: int | None = None


class CallsSeen:
    """Follows calls. Used by one thread.

    Args:
        find: the peer of an address.
        most: calls that are followed at a time; beyond it the one that was silent for longest is forgotten.
        forgets: called for each call that is forgotten before its end was seen.
        gives_setups: whether set-ups are wanted: not where a switch asks about its calls, or each would count twice.
    """

    def __init__(
        self, find: Callable[[str], Peer | None], most: int, forgets: Callable[[], None], *, gives_setups: bool
    ) -> None:
        self._find = find
        self._most = most
        self._forgets = forgets
        self._gives_setups = gives_setups
        # Apart, since they are kept for different times: each has the one that was silent for longest in front.
        self._unanswered: OrderedDict[str, _Call] = OrderedDict()
        self._answered: OrderedDict[str, _Call] = OrderedDict()
        self._ended_ms: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        """Calls that are followed."""
        return len(self._unanswered) + len(self._answered)

    def take(self, packet: Packet, now_ms: int) -> list[Fields]:
        """Take a packet, copies of others among them, in about the order of their times.

        Args:
            packet: its time is by the clock of whoever saw it, which may be any.
            now_ms: when it came, by our own clock, milliseconds: by this one calls are forgotten.

        Returns:
            Set-ups and ends that are to be published, as fields of the contract.

        Raises:
            Junk: it says nothing: it is no SIP, or not between the switch and a peer, or known already.
            EventInvalid: it makes no event.
        """
        if packet.payload.startswith(b"SIP/"):
            return self._response(read_response(packet.payload), packet, now_ms)
        request = read_request(packet.payload)
        if request.method == "INVITE" and "tag" not in read_address(request.first("to") or "").parameters:
            return self._invite(request, packet, now_ms)
        if request.method == "BYE":
            return self._bye(request, packet, now_ms)
        raise Junk("other")

    def _invite(self, request: Request, packet: Packet, now_ms: int) -> list[Fields]:
        peer = self._find(packet.source)
        call_id = request.first("call-id")
        if peer is None:
            raise Junk("second_leg")
        if not call_id:
            raise Junk("no_call_id")
        key = _key(call_id)
        if key in self._unanswered or key in self._answered or key in self._ended_ms:
            raise Junk("repeated")
        setup = event_fields(call_setup(request, peer, packet.source, packet.time_ms))
        said = {name: setup[name] for name in REPEATED_IN if name in setup}
        self._unanswered[key] = _Call(key, said, peer.name, now_ms)
        self._make_room(now_ms)
        return [setup] if self._gives_setups else []

    def _response(self, response: Response, packet: Packet, now_ms: int) -> list[Fields]:
        """To the peer that called: what its caller got."""
        call = self._call(response)
        if not (response.first("cseq") or "").upper().endswith("INVITE"):
            raise Junk("other")
        if self._name(packet.target) != call.peer:
            raise Junk("second_leg")
        call.seen_ms = now_ms
        if response.status in RINGING and call.ring_ms is None:
            call.ring_ms = packet.time_ms
        elif FIRST_FINAL <= response.status < FIRST_FAILURE and call.answer_ms is None:
            call.answer_ms = packet.time_ms
            self._answered[call.key] = self._unanswered.pop(call.key)
        elif response.status >= FIRST_FAILURE and response.status not in CHALLENGES and call.answer_ms is None:
            by = "calling" if response.status == 487 else None  # noqa: PLR2004 - Request Terminated, after a CANCEL
            return self._end(call, packet.time_ms, now_ms, response.status, by, response.first("reason"))
        return []

    def _bye(self, request: Request, packet: Packet, now_ms: int) -> list[Fields]:
        call = self._call(request)
        source, target = self._name(packet.source), self._name(packet.target)
        if call.peer not in {source, target} or call.answer_ms is None:
            raise Junk("second_leg")
        by = "calling" if source == call.peer else "called"
        return self._end(call, packet.time_ms, now_ms, FIRST_FINAL, by, request.first("reason"))

    def _call(self, message: Message) -> _Call:
        key = _key(message.first("call-id") or "")
        if key in self._ended_ms:
            raise Junk("repeated")
        calls = self._answered if key in self._answered else self._unanswered
        if key not in calls:
            raise Junk("unknown_call")
        calls.move_to_end(key)
        return calls[key]

    def _name(self, address: str) -> str | None:
        peer = self._find(address)
        return None if peer is None else peer.name

    def _end(
        self, call: _Call, time_ms: int, now_ms: int, status: int, by: str | None, reason: str | None
    ) -> list[Fields]:
        del (self._unanswered if call.answer_ms is None else self._answered)[call.key]
        self._ended_ms[call.key] = now_ms
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
        """Forget calls of which nothing came for long, and beyond the bound those of which nothing came for longest."""
        for calls, kept_ms in ((self._unanswered, UNANSWERED_MS), (self._answered, ANSWERED_MS)):
            while calls and now_ms - _silent_since_ms(calls) > kept_ms:
                self._forget(calls)
        while len(self) > self._most:
            self._forget(min(filter(None, (self._unanswered, self._answered)), key=_silent_since_ms))
        ended = self._ended_ms
        while ended and (len(ended) > self._most or now_ms - next(iter(ended.values())) > ENDED_MS):
            ended.popitem(last=False)

    def _forget(self, calls: "OrderedDict[str, _Call]") -> None:
        calls.popitem(last=False)
        self._forgets()


def _silent_since_ms(calls: "OrderedDict[str, _Call]") -> int:
    """When something was last seen of the first one."""
    return next(iter(calls.values())).seen_ms


def _key(call_id: str) -> str:
    """What a call is known by, of bounded length."""
    return call_id if len(call_id) <= CALL_ID_LIMIT else short_call_id(call_id)
