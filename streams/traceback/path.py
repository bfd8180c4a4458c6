"""The way of a call, from what those who carried it say: back to where it entered, with gaps and contradictions shown.

It starts at our own hop and follows each answer to the provider that it names. A provider that says nothing leaves a
gap. The gap is bridged where exactly one other provider says that it sent the call there, and the call cannot be taken
for another one between the same numbers.

A point of entry is an accusation: none is named while a contradiction stands.
"""

from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise

import msgspec

from streams.traceback.matching import TOLERANCE_MS
from streams.traceback.records import Hop, Provider, Status, Traceback, named, same

_SILENT = frozenset({Status.OPEN, Status.NO_RESPONSE})
_SAID_WHERE = frozenset({Status.FOUND, Status.AMBIGUOUS, Status.FOREIGN, Status.END_CUSTOMER})


class State(StrEnum):
    """Where a path ends. The first two are the point of entry; the others say what is missing.

    `ambiguous` is the point of entry too, where whichever call is meant entered there. `contradicted` would be it, and
    something that was said on the way contradicts that.
    """

    END_CUSTOMER = "end_customer"
    FOREIGN = "foreign"
    OPEN = "open"
    NO_RESPONSE = "no_response"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    UNKNOWN_UPSTREAM = "unknown_upstream"
    LOOP = "loop"
    CONTRADICTED = "contradicted"


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A provider on the path, the terminating one first, and what it says; `is_gap`: others say where it stands."""

    provider: Provider
    status: Status
    hop: Hop | None = None
    is_gap: bool = False


class Path(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The path as far as it is known; `entry` is where the call entered, once it is reached and not contradicted."""

    state: State
    steps: tuple[Step, ...]
    entry: Provider | None = None
    contradictions: tuple[str, ...] = ()


def path_of(traceback: Traceback, tolerance_ms: int = TOLERANCE_MS) -> Path:
    """Put the path of a call together.

    Args:
        traceback: The call and what was answered, our own hop first. The later of two answers of a provider is
            followed, and is a contradiction where they differ; that it said nothing replaces no answer.
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
        if is_entry and self._contradictions:
            state, is_entry = State.CONTRADICTED, False
        return Path(
            state=state,
            steps=tuple(self._steps),
            entry=hop.provider if is_entry else None,
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
        claimants: list[Provider] = []
        for hop in self._hops:
            is_known = any(same(hop.provider, one) for one in claimants) or self._is_passed(hop.provider)
            if not is_known and _claims(hop, silent):
                claimants.append(hop.provider)
        if len(claimants) > 1:
            both = " and ".join(sorted(map(named, claimants)))
            self._contradictions.append(f"{both} say that they sent it to {named(silent)}")
        if len(claimants) == 1 and self._is_alone:
            hop = self._answer_of(claimants[0]) or self._hops[0]
            if _claims(hop, silent) and hop.status is not Status.AMBIGUOUS:
                return hop
        return State(status)

    def _answer_of(self, provider: Provider) -> Hop | None:
        """The latest answer of a provider; that it said nothing only where it never said more."""
        said = [hop for hop in self._hops if same(hop.provider, provider)]
        answers = [hop for hop in said if hop.status not in _SILENT]
        for one, other in pairwise(answers):
            if self._differ(one, other):
                self._contradictions.append(f"{named(provider)} answered twice: {_told(one)}; {_told(other)}")
        return next(reversed(answers or said), None)

    def _differ(self, one: Hop, other: Hop) -> bool:
        """Whether two answers of one provider contradict each other; the one may say more than the other."""
        if (one.status, one.is_entry) != (other.status, other.is_entry) or self._apart_s(one, other) is not None:
            return True
        ends = ((one.received_from, other.received_from), (one.sent_to, other.sent_to))
        if any(mine is not None and theirs is not None and not same(mine, theirs) for mine, theirs in ends):
            return True
        customers = [Provider(name=hop.customer.name) for hop in (one, other) if hop.customer is not None]
        return len(customers) > 1 and not same(*customers)

    def _apart_s(self, one: Hop, other: Hop) -> int | None:
        """Seconds between the times of two answers; None where they are near, or one says none."""
        if one.time_ms is None or other.time_ms is None or abs(one.time_ms - other.time_ms) <= self._tolerance_ms:
            return None
        return abs(one.time_ms - other.time_ms) // 1_000

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
        if (apart_s := self._apart_s(hop, upstream)) is not None:
            self._contradictions.append(
                f"{named(upstream.provider)} has it {apart_s} s apart from {named(hop.provider)}: is it the same call?"
            )


def _claims(hop: Hop, receiver: Provider) -> bool:
    """Whether somebody says that it sent the call there."""
    return hop.status in _SAID_WHERE and hop.sent_to is not None and same(hop.sent_to, receiver)


def _told(hop: Hop) -> str:
    """What an answer says, for a sentence."""
    said = [
        str(hop.status),
        hop.received_from and f"from {named(hop.received_from)}",
        hop.customer and f"customer {hop.customer.name}",
        hop.sent_to and f"sent to {named(hop.sent_to)}",
        hop.time_ms is not None and f"at {datetime.fromtimestamp(hop.time_ms / 1_000, UTC):%H:%M:%S} UTC",
    ]
    return ", ".join(one for one in said if one)
