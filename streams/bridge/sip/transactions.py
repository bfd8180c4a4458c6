"""The transaction layer of a user-agent server (RFC 3261, 17.2), as far as a redirect server needs it. Pure.

Messages and instants go in, messages come out; it reads no socket and no clock. An INVITE that is known to have been
answered gets the same answer again, and is asked about once.
"""

import hashlib
import heapq
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import count
from typing import NamedTuple

from streams.bridge.sip import responses
from streams.bridge.sip.messages import Request
from streams.bridge.sip.responses import Answer, Send, Source, respond
from streams.bridge.sip.values import read_address, read_via, split_list

T1_S, T2_S, T4_S = 0.5, 4.0, 5.0
"""Round trip, longest pause between two retransmissions, longest life of a message in the network (RFC 3261, 17)."""
PATIENCE_S = 64 * T1_S
"""Timer H: so long an ACK is waited for."""
COOKIE = "z9hg4bk"
Key = tuple[str, ...]


class Ask(NamedTuple):
    """A new INVITE is to be answered by `Transactions.answer`, once.

    `key` is None where the table is full: it is answered without being remembered (`Transactions.forgetful`).
    """

    key: Key | None
    request: Request
    source: Source


class Cancelled(NamedTuple):
    """An INVITE was cancelled before it was answered: nobody waits for its answer any more."""

    key: Key


class Dropped(NamedTuple):
    """A message gets no answer, and why."""

    reason: str


Output = Send | Ask | Cancelled | Dropped


class _State(Enum):
    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()


@dataclass(slots=True)
class _Transaction:
    """An INVITE. `request` is None once it is answered, `response` until then."""

    number: int
    source: Source
    request: Request | None
    ends_s: float
    state: _State = _State.PROCEEDING
    response: Send | None = None
    pause_s: float = T1_S


class Transactions:
    """All open transactions. It is used by one thread; time is what it is told, seconds of a monotonic clock.

    Args:
        most: INVITEs that are remembered at a time.
        secret: of the tags in To, so that nobody can guess them; random unless given.
    """

    def __init__(self, most: int, secret: bytes | None = None) -> None:
        self._most = most
        self._secret = secret or secrets.token_bytes(32)
        self._open: dict[Key, _Transaction] = {}
        self._due: list[tuple[float, int, Key, bool]] = []
        """When, number of the transaction, its key, and whether its response is repeated then or its end is due."""
        self._numbers = count()

    def __len__(self) -> int:
        """INVITEs that are remembered."""
        return len(self._open)

    def receive(
        self, request: Request, source: Source, now_s: float, *, is_peer: bool, is_healthy: bool, is_slow: bool = False
    ) -> Iterator[Output]:
        """Take a request; say what follows from it.

        Args:
            request: as it was read.
            source: where it came from.
            now_s: the instant.
            is_peer: whether somebody who may ask sent it.
            is_healthy: what an OPTIONS is told.
            is_slow: whether its answer may take longer than 200 ms; then 100 Trying is sent before (17.2.1).
        """
        key = _key(request)
        if key is None:
            yield Dropped("no_via")
        elif request.method == "ACK":
            self._acknowledge(key, now_s)
        elif not is_peer:
            yield Dropped("stranger")
            yield self._simply(request, source, responses.FORBIDDEN, key)
        elif request.method == "CANCEL":
            yield from self._cancel(key, request, source, now_s)
        elif key in self._open:
            yield from self._again(self._open[key])
        elif (answer := _at_once(request, is_healthy=is_healthy)) is not None:
            yield self._simply(request, source, answer, key)
        elif len(self._open) >= self._most:
            yield Ask(None, request, source)
        else:
            yield from self._begin(key, request, source, now_s, is_slow=is_slow)

    def answer(self, key: Key, answer: Answer, now_s: float) -> Send | None:
        """Answer an INVITE for good; None where it was cancelled, or answered, before.

        Args:
            key: as `Ask` has it.
            answer: final.
            now_s: the instant.

        Raises:
            ValueError: the answer cannot be written; it may be answered otherwise.
        """
        found = self._open.get(key)
        if found is None or found.request is None:
            return None
        found.response = respond(found.request, found.source, answer, self._tag(key))
        found.request = None
        found.state = _State.COMPLETED
        found.ends_s = now_s + PATIENCE_S
        if found.source.connection is None:  # a stream loses nothing
            heapq.heappush(self._due, (now_s + found.pause_s, found.number, key, True))
        return found.response

    def forgetful(self, request: Request, source: Source, answer: Answer) -> Send:
        """Answer a request that is not remembered; a retransmission of it gets the same tag."""
        return self._simply(request, source, answer, _key(request) or ())

    def due(self, now_s: float) -> Iterator[Send]:
        """Give what is to be repeated by now, and forget what has ended."""
        while self._due and self._due[0][0] <= now_s:
            _, number, key, is_repeat = heapq.heappop(self._due)
            found = self._open.get(key)
            if found is None or found.number != number:
                continue
            if not is_repeat:
                if found.ends_s <= now_s:
                    del self._open[key]
                else:
                    heapq.heappush(self._due, (found.ends_s, number, key, False))
            elif found.state is _State.COMPLETED and found.response is not None:
                found.pause_s = min(2 * found.pause_s, T2_S)
                heapq.heappush(self._due, (now_s + found.pause_s, number, key, True))
                yield found.response

    def _begin(self, key: Key, request: Request, source: Source, now_s: float, *, is_slow: bool) -> Iterator[Output]:
        found = _Transaction(next(self._numbers), source, request, 0.0)
        self._open[key] = found
        self._end(key, found, now_s + PATIENCE_S)
        if is_slow:
            found.response = respond(request, source, responses.TRYING, "")
            yield found.response
        yield Ask(key, request, source)

    @staticmethod
    def _again(found: _Transaction) -> Iterator[Output]:
        if found.response is not None and found.state is not _State.CONFIRMED:
            yield found.response

    def _acknowledge(self, key: Key, now_s: float) -> None:
        found = self._open.get(key)
        if found is not None and found.state is _State.COMPLETED:
            found.state = _State.CONFIRMED
            self._end(key, found, now_s + (T4_S if found.source.connection is None else 0.0))

    def _cancel(self, key: Key, request: Request, source: Source, now_s: float) -> Iterator[Output]:
        found = self._open.get(key)
        if found is None:
            yield self._simply(request, source, responses.NO_TRANSACTION, key)
            return
        yield self._simply(request, source, Answer(200, "OK"), key)
        if (final := self.answer(key, responses.TERMINATED, now_s)) is not None:
            yield final
            yield Cancelled(key)

    def _end(self, key: Key, found: _Transaction, at_s: float) -> None:
        found.ends_s = at_s
        heapq.heappush(self._due, (at_s, found.number, key, False))

    def _simply(self, request: Request, source: Source, answer: Answer, key: Key) -> Send:
        return respond(request, source, answer, self._tag(key))

    def _tag(self, key: Key) -> str:
        text = "\0".join(key).encode("utf-8", "surrogateescape")
        return hashlib.blake2b(text, key=self._secret, digest_size=8).hexdigest()


def _key(request: Request) -> Key | None:
    """What a request, its retransmissions, its ACK and its CANCEL have in common (17.2.3); None without a Via.

    The Call-ID is among it: where a branch comes twice, no call gets the answer of another.
    """
    values = request.headers.get("via") or [""]
    parts = split_list(values[0])
    via = read_via(parts[0]) if parts else None
    if via is None:
        return None
    branch = via.parameters.get("branch", "")
    kind = "INVITE" if request.method in {"ACK", "CANCEL"} else request.method
    if branch.lower().startswith(COOKIE):
        return kind, branch, via.host.lower(), str(via.port), request.first("call-id") or ""
    # RFC 2543: who calls whom, which call and which request of it, and the Via
    number = (request.first("cseq") or "").partition(" ")[0]
    tag = read_address(request.first("from") or "").parameters.get("tag", "")
    return kind, request.uri, tag, request.first("call-id") or "", number, parts[0]


def _at_once(request: Request, *, is_healthy: bool) -> Answer | None:
    """The answer that needs no asking; None of an INVITE that begins a call."""
    if request.method == "OPTIONS":
        return responses.OK if is_healthy else responses.UNAVAILABLE
    if request.method != "INVITE":
        return responses.NOT_ALLOWED
    if (request.first("max-forwards") or "").strip("0 ") == "" and request.first("max-forwards"):
        return responses.TOO_MANY_HOPS
    if "tag" in read_address(request.first("to") or "").parameters:
        return responses.NO_TRANSACTION
    return None
