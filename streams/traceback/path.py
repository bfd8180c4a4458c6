"""The way of a call, from what those who carried it say: back to where it entered, with gaps and contradictions shown.

It starts at our own hop and follows each answer to the provider that it names. A provider that says nothing leaves a
gap. The gap is bridged where exactly one other provider says that it sent the call there, and the call cannot be taken
for another one between the same numbers.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

from streams.traceback.matching import TOLERANCE_MS
from streams.traceback.records import Hop, Provider, Status, Traceback, named, same

_SILENT = frozenset({Status.OPEN, Status.NO_RESPONSE})
_SAID_WHERE = frozenset({Status.FOUND, Status.AMBIGUOUS, Status.FOREIGN, Status.END_CUSTOMER})


class State(StrEnum):
    """Where a path ends. The first two are the point of entry; the others say what is missing.

    `ambiguous` is the point of entry too, where whichever call is meant entered there.
    """

    END_CUSTOMER = "end_customer"
    FOREIGN = "foreign"
    OPEN = "open"
    NO_RESPONSE = "no_response"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    UNKNOWN_UPSTREAM = "unknown_upstream"
    LOOP = "loop"


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A provider on the path, the terminating one first, and what it says; `is_gap`: others say where it stands."""

    provider: Provider
    status: Status
    hop: Hop | None = None
    is_gap: bool = False


class Path(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The path as far as it is known; `entry` is where the call entered, once that is reached."""

    state: State
    steps: tuple[Step, ...]
    entry: Provider | None = None
    contradictions: tuple[str, ...] = ()


def path_of(traceback: Traceback, tolerance_ms: int = TOLERANCE_MS) -> Path:
    """Put the path of a call together.

    Args:
        traceback: The call and what was answered, our own hop first; of two answers of a provider the later counts.
        tolerance_ms: How far times of one call may be apart by the clocks of two providers.
    """
    return _Walk(traceback, tolerance_ms).path()


class _Walk:
    def __init__(self, traceback: Traceback, tolerance_ms: int) -> None:
        self._hops = traceback.hops
        self._is_alone = traceback.rivals == 0
        self._tolerance_ms = tolerance_ms
        self._steps: list[Step] = []
        self._contradictions: list[str] = []

    def path(self) -> Path:
        """Follow the answers until one ends the path."""
        hop = self._hops[0]
        state: State | None = None
        while state is None:
            self._steps.append(Step(provider=hop.provider, status=hop.status, hop=hop))
            following = self._after(hop)
            if isinstance(following, State):
                state = following
            else:
                self._compare(hop, following)
                hop = following
        is_entry = state in {State.END_CUSTOMER, State.FOREIGN} or (state is State.AMBIGUOUS and hop.is_entry)
        entry = hop.provider if is_entry else None
        return Path(
            state=state,
            steps=tuple(self._steps),
            entry=entry,
            contradictions=tuple(dict.fromkeys(self._contradictions)),
        )

    def _after(self, hop: Hop) -> Hop | State:
        """The next hop, or how the path ends."""
        if hop.status in {Status.END_CUSTOMER, Status.FOREIGN, Status.NOT_FOUND}:
            return State(hop.status)
        if hop.received_from is None:
            return State.AMBIGUOUS if hop.status is Status.AMBIGUOUS else State.UNKNOWN_UPSTREAM
        if self._is_passed(hop.received_from):
            self._contradictions.append(f"the path comes back to {named(hop.received_from)}")
            return State.LOOP
        answer = self._answer_of(hop.received_from)
        if answer is not None and answer.status is Status.NOT_FOUND:
            self._contradictions.append(
                f"{named(hop.provider)} had it from {named(answer.provider)}, which has no such call"
            )
        if answer is not None and answer.status not in _SILENT:
            return answer
        status = Status.OPEN if answer is None else answer.status
        self._steps.append(Step(provider=hop.received_from, status=status, hop=answer, is_gap=True))
        return self._bridge(hop.received_from, status)

    def _bridge(self, silent: Provider, status: Status) -> Hop | State:
        """Whoever says that it sent the call to a provider that says nothing."""
        claims = [
            hop for hop in self._latest()
            if hop.status in _SAID_WHERE and hop.sent_to is not None and same(hop.sent_to, silent)
            and not self._is_passed(hop.provider)
        ]  # fmt: skip
        if len(claims) > 1:
            both = " and ".join(sorted(named(hop.provider) for hop in claims))
            self._contradictions.append(f"{both} say that they sent it to {named(silent)}")
        if len(claims) == 1 and self._is_alone and claims[0].status is not Status.AMBIGUOUS:
            return claims[0]
        return State(status)

    def _latest(self) -> Sequence[Hop]:
        """The latest answer of each provider, in the order in which they first answered."""
        latest: list[Hop] = []
        for hop in self._hops:
            places = [place for place, known in enumerate(latest) if same(known.provider, hop.provider)]
            if places:
                latest[places[0]] = hop
            else:
                latest.append(hop)
        return latest

    def _answer_of(self, provider: Provider) -> Hop | None:
        said = [hop for hop in self._hops if same(hop.provider, provider)]
        sources: list[Provider] = []
        for hop in said:
            if hop.received_from is not None and not any(same(hop.received_from, one) for one in sources):
                sources.append(hop.received_from)
        if len(sources) > 1:
            from_whom = " and ".join(map(named, sources))
            self._contradictions.append(f"{named(provider)} answered twice, and had it from {from_whom}")
        return said[-1] if said else None

    def _is_passed(self, provider: Provider) -> bool:
        return any(same(step.provider, provider) for step in self._steps)

    def _compare(self, hop: Hop, upstream: Hop) -> None:
        """Note what two neighbours say against each other."""
        receiver = self._steps[-1].provider if self._steps[-1].is_gap else hop.provider
        if upstream.sent_to is not None and not same(upstream.sent_to, receiver):
            self._contradictions.append(
                f"{named(receiver)} had it from {named(upstream.provider)}, "
                f"which says that it sent it to {named(upstream.sent_to)}"
            )
        times = (hop.time_ms, upstream.time_ms)
        if None not in times and abs(_number(times[0]) - _number(times[1])) > self._tolerance_ms:
            apart_s = abs(_number(times[0]) - _number(times[1])) // 1_000
            self._contradictions.append(
                f"{named(upstream.provider)} has it {apart_s} s apart from {named(hop.provider)}: is it the same call?"
            )


def _number(value: Any) -> int:
    return int(value or 0)
