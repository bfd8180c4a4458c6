"""What outlives a call: standing decisions on numbers and trunks, and what a partition's snapshot keeps of them.

Everything is driven by event time and by the order of events, so that a replay comes to the same state. The map is
bounded, by entries and by text. At a bound the entry that was set longest ago goes first, people's decisions last
(`EvictionOrder`).
"""

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from detector.columns.membership import MembershipFilter
from detector.columns.setups import Calls
from detector.contract.decisions import Action, Mode
from detector.policy.eviction import MODEL, EvictionOrder
from detector.policy.held import DEFAULT_MAX_ENTRIES, Held, HeldCallers, caller_of, number_of
from detector.policy.lists import NUMBER_ENTITY, TRUNK_ENTITY

MAX_TRUNKS = 16
"""Trunk groups that one standing decision names; a further one takes the place of the first."""
MAX_CHARACTERS = 64 * 1024 * 1024
"""Of the texts of all standing decisions together; ordinary ones have about a hundred each."""
MODEL_SOURCE = MODEL
"""Source of a standing decision that the model's own blocks led to; it can be reached again from the calls alone."""


@dataclass(frozen=True, slots=True)
class StandingDecision:
    """A block or label of every call of a number or trunk until it expires; or its release.

    Attributes:
        entity: `number:+1...` or `trunk:...`; key of topic `entity-decisions`.
        action: `label` or `block`; `allow` for a release (`is_release`).
        category: Category of the policy that it falls under.
        since_ms: Event time of the call that set it.
        expires_ms: First instant at which it no longer holds.
        source: Who set it: `model`, `analyst`, `traceback`...
        mode: A decision that was reached in shadow never touches a call that is enforced, and is never published.
        decision_id: The decision on a call that led to it, where there was one.
        trunk_group_ids: It is about calls by these trunk groups that no signature vouches for. None of them: see next.
        is_vouched: It is about calls that a signature vouches for. Without trunk groups and this it is about all calls.
        led_to_by: Decisions on calls that brought in each of `trunk_group_ids`, and then the calls of `is_vouched`;
            empty where `decision_id` brought in all of them.
    """

    entity: str
    action: Action
    category: str
    since_ms: int
    expires_ms: int
    source: str
    mode: Mode = Mode.ENFORCE
    decision_id: str | None = None
    trunk_group_ids: tuple[str, ...] = ()
    is_vouched: bool = False
    led_to_by: tuple[str | None, ...] = ()

    def covers(self, trunk_group_id: str, *, is_vouched: bool) -> bool:
        """Tell whether it is about a call of its entity."""
        if not (self.trunk_group_ids or self.is_vouched):
            return True
        return self.is_vouched if is_vouched else trunk_group_id in self.trunk_group_ids

    @property
    def characters(self) -> int:
        """Length of all its texts together."""
        led_to_by = sum(len(one) for one in self.led_to_by if one is not None)
        own = len(self.entity) + len(self.category) + len(self.source) + len(self.decision_id or "")
        return own + sum(map(len, self.trunk_group_ids)) + led_to_by

    @property
    def is_release(self) -> bool:
        """Whether it ends whatever stood before: until it expires, analytics label the calls and do not block them."""
        return self.action is Action.ALLOW

    def takes_place_of(self, known: "StandingDecision") -> bool:
        """Whether this is the later word on its entity, where one of them comes from elsewhere.

        What the model decided before it had heard of a release is not, whatever the clock of a switch says.
        """
        if self.is_release and known.source == MODEL_SOURCE:
            return True
        if known.is_release and self.source == MODEL_SOURCE:
            return self.since_ms >= known.expires_ms
        return self.since_ms >= known.since_ms

    def joined(self, earlier: "StandingDecision | None") -> "StandingDecision":
        """Return this one for the callers of an earlier one of the same entity as well."""
        if earlier is None:
            return self
        return self._about(earlier._callers() | self._callers())  # noqa: SLF001 - of our own kind

    def brought_in(self, trunk_group_id: str, *, is_vouched: bool) -> str | None:
        """Decision on a call that made it be about such calls as this one; None where it is not, or nobody knows."""
        return self._callers().get(None if is_vouched else trunk_group_id)

    def without(self, trunk_group_id: str, *, is_vouched: bool) -> "StandingDecision | None":
        """Return it for its other callers than that of a call; None where there is none."""
        left = self._callers()
        left.pop(None if is_vouched else trunk_group_id, None)
        return self._about(left) if left else None

    def _callers(self) -> dict[str | None, str | None]:
        """Trunk groups that it is about, and None for calls that are vouched for, with what brought each in."""
        callers = (*self.trunk_group_ids, *((None,) if self.is_vouched else ()))
        known = self.led_to_by if len(self.led_to_by) == len(callers) else (self.decision_id,) * len(callers)
        return dict(zip(callers, known, strict=True))

    def _about(self, callers: dict[str | None, str | None]) -> "StandingDecision":
        """Return it for these callers; it goes by the decision that brought in the last of them."""
        trunks = tuple(trunk for trunk in callers if trunk is not None)[-MAX_TRUNKS:]
        about = (*trunks, *((None,) if None in callers else ()))
        led_to_by = tuple(callers[caller] for caller in about)
        named = self.decision_id if self.decision_id in led_to_by else led_to_by[-1]
        return replace(self, decision_id=named, trunk_group_ids=trunks, is_vouched=None in callers, led_to_by=led_to_by)


@dataclass(frozen=True, slots=True)
class PolicyMemory:
    """What the model's step remembers of callers, as of one instant; never changes once taken.

    Attributes:
        held: Hysteresis by caller (`caller_of`), the one touched longest ago first.
        standing: Standing decisions, the one set longest ago first.
    """

    held: Mapping[str, Held]
    standing: tuple[StandingDecision, ...]

    def of(self, belongs: Callable[[str], bool]) -> "PolicyMemory":
        """Keep what calls alone brought about for the calling numbers that `belongs` accepts, in the same order.

        Standing decisions on trunks and of other sources than the model are left out: those are kept by whoever made
        them. One call of `belongs` an entry; safe in any thread.
        """
        held = {caller: held for caller, held in self.held.items() if belongs(number_of(caller))}
        standing = tuple(decision for decision in self.standing if _reached_here(decision, belongs))
        return PolicyMemory(held, standing)

    def numbers(self) -> set[str]:
        """All calling numbers in it."""
        entities = (d.entity for d in self.standing if d.entity.startswith(NUMBER_ENTITY))
        return set(map(number_of, self.held)) | {entity.removeprefix(NUMBER_ENTITY) for entity in entities}

    def parts(self, size: int) -> Iterator["PolicyMemory"]:
        """Cut it into pieces of at most `size` callers held and `size` decisions, in order."""
        held = iter(self.held.items())
        for start in range(0, max(len(self.held), len(self.standing)), size):
            yield PolicyMemory(dict(islice(held, size)), self.standing[start : start + size])


def _reached_here(decision: StandingDecision, belongs: Callable[[str], bool]) -> bool:
    """Whether the model decided it, on a number that belongs."""
    return (
        decision.source == MODEL_SOURCE
        and decision.entity.startswith(NUMBER_ENTITY)
        and belongs(decision.entity.removeprefix(NUMBER_ENTITY))
    )


class StandingDecisions:
    """Bounded map from entity to its standing decision, with the changes that are still to be published.

    Args:
        max_entries: Most decisions, and most callers that are held.
        max_characters: Most that the texts of all decisions have together.

    Attributes:
        held: What the model last made of calling numbers.
        order: Who decided how many of them, and how many were pushed out.
    """

    __slots__ = (
        "_by_entity",
        "_changes",
        "_characters",
        "_max_characters",
        "_max_entries",
        "_number_filter",
        "_numbers",
        "_restored",
        "_trunk_filter",
        "_trunks",
        "held",
        "order",
    )

    def __init__(self, max_entries: int = DEFAULT_MAX_ENTRIES, max_characters: int = MAX_CHARACTERS) -> None:
        self._by_entity: dict[str, StandingDecision] = {}
        self._characters = 0
        self._max_characters = max_characters
        self.order = EvictionOrder()
        self._restored: dict[str, None] = {}
        self._numbers: builtins.set[str] = set()
        self._trunks: builtins.set[str] = set()
        self._number_filter = MembershipFilter(max_entries)
        self._trunk_filter = MembershipFilter(max_entries)
        self._changes: list[StandingDecision] = []
        self._max_entries = max_entries
        self.held = HeldCallers(max_entries)

    def __len__(self) -> int:
        """Count the entities, expired ones that nothing has pushed out included."""
        return len(self._by_entity)

    def __iter__(self) -> Iterator[StandingDecision]:
        """Go through all decisions, the one set longest ago first."""
        return iter(tuple(self._by_entity.values()))

    def active(self, entity: str, now_ms: int) -> StandingDecision | None:
        """Return the decision on `entity` that holds at `now_ms`; at `expires_ms` it no longer does."""
        decision = self._by_entity.get(entity)
        return decision if decision is not None and now_ms < decision.expires_ms else None

    def touched(self, calls: Calls) -> list[int]:
        """Rows of the calls with a decision, expired or not, on their number or trunk; ascending.

        It costs a look at two columns of hashes, and at the texts of the calls that may be among them.
        """
        may_be = np.zeros(len(calls), np.bool_)
        if self._numbers:
            may_be |= self._number_filter.may_have(calls.hashes("calling_number"))
        if self._trunks:
            may_be |= self._trunk_filter.may_have(calls.hashes("trunk_group_id"))
        return [
            row
            for row in may_be.nonzero()[0].tolist()
            if calls.text(row, "calling_number") in self._numbers or calls.text(row, "trunk_group_id") in self._trunks
        ]

    def set(self, decision: StandingDecision, *, publish: bool = False) -> None:
        """Put a decision in the place of the entity's last one.

        Args:
            decision: The new one.
            publish: It was reached here and others have to learn of it. Shadow decisions are never published.
        """
        if decision.is_release:
            self.remove(decision.entity)
        self._take_out(decision.entity)
        self._by_entity[decision.entity] = decision
        self._characters += decision.characters
        self.order.put(decision.entity, decision.source, decision.expires_ms)
        subjects, known = self._subjects(decision.entity)
        subject = decision.entity.partition(":")[2]
        if subject not in subjects:
            subjects.add(subject)
            known.add(subject)
        while len(self._by_entity) > self._max_entries or self._characters > self._max_characters:
            self._forget(self.order.choose(decision.since_ms))
        if publish and decision.mode is Mode.ENFORCE:
            self._changes.append(decision)

    def remove(self, entity: str) -> None:
        """Release an entity: its decision, and for a number the hysteresis and the count of blocks, are forgotten."""
        self._forget(entity)
        if entity.startswith(NUMBER_ENTITY):
            self.held.drop_number(entity.removeprefix(NUMBER_ENTITY))

    def missed(self, calling_number: str, trunk_group_id: str, *, is_vouched: bool, decision_id: str) -> None:
        """Have the caller of a call start anew, since the answer came too late for anybody to act on it.

        Forgotten are its hysteresis, the count of its blocks, and its part in a standing decision where this very call
        brought it in, whoever joined later: nobody knows any more which blocks of it were executed, and none may count
        that was not.
        """
        caller = caller_of(calling_number, trunk_group_id, is_vouched=is_vouched)
        if caller is not None:
            self.held.drop(caller)
        decision = self._by_entity.get(number_entity(calling_number))
        if decision is not None and decision.brought_in(trunk_group_id, is_vouched=is_vouched) == decision_id:
            rest = decision.without(trunk_group_id, is_vouched=is_vouched)
            self._forget(decision.entity)
            if rest is not None:  # a later call, of another caller, may have told of this one too
                self.set(rest, publish=decision.decision_id != decision_id)

    def _take_out(self, entity: str) -> None:
        if known := self._by_entity.pop(entity, None):
            self._characters -= known.characters

    def _forget(self, entity: str) -> None:
        self._take_out(entity)
        self.order.drop(entity)
        subjects, known = self._subjects(entity)
        subject = entity.partition(":")[2]
        if subject in subjects:
            subjects.remove(subject)
            known.discard(subject)

    def _subjects(self, entity: str) -> tuple[builtins.set[str], MembershipFilter]:
        is_number = entity.startswith(NUMBER_ENTITY)
        return (self._numbers, self._number_filter) if is_number else (self._trunks, self._trunk_filter)

    def memory(self, belongs: Callable[[str], bool] | None = None) -> PolicyMemory:
        """Copy what a partition's snapshot has to hold.

        Args:
            belongs: Picks calling numbers as `PolicyMemory.of` does. None copies everything, whoever decided it: 2 ms
                for 100,000 entries of each kind, so that `of` can do the slower picking in another thread.
        """
        everything = PolicyMemory(self.held.copy(), tuple(self._by_entity.values()))
        return everything if belongs is None else everything.of(belongs)

    def restore(self, memory: PolicyMemory) -> None:
        """Put a partition's memory back; nothing of it is published again.

        A decision that was set later than the remembered one, by an analyst say, stays; so does a release.
        One that was learnt of after the memory was taken may not be known here: whoever follows releases looks at what
        was `restored`.
        """
        self.held.restore(memory.held)
        released = [decision.entity for decision in self._by_entity.values() if decision.is_release]
        for entity in released:  # since then
            self.held.drop_number(entity.removeprefix(NUMBER_ENTITY))
        for decision in memory.standing:
            known = self._by_entity.get(decision.entity)
            if known is None or decision.takes_place_of(known):
                self.set(decision)
                self._restored[decision.entity] = None

    def reached_again(self, decisions: Iterable[StandingDecision]) -> None:
        """Note that calls of the past brought these about once more: they may have been released since, too."""
        self._restored.update((decision.entity, None) for decision in decisions)

    def restored(self) -> list[str]:
        """Hand over the entities whose decisions came back since the last call, from snapshots or from past calls."""
        handed_over = [entity for entity in self._restored if entity in self._by_entity]
        self._restored.clear()
        return handed_over

    def forget(self, calling_numbers: Iterable[str]) -> None:
        """Drop the hysteresis of calling numbers, and what the model decided on them.

        Decisions of others, and those on trunks, stay: they hold wherever the number's calls are screened.
        """
        for number in calling_numbers:
            self.held.drop_number(number)
            decision = self._by_entity.get(number_entity(number))
            if decision is not None and decision.source == MODEL_SOURCE:
                self._forget(decision.entity)

    def changes(self) -> list[StandingDecision]:
        """Hand over what was set with `publish` since the last call, in order."""
        drained, self._changes = self._changes, []
        return drained


def number_entity(calling_number: str) -> str:
    """Entity name of a calling number."""
    return NUMBER_ENTITY + calling_number


def trunk_entity(trunk_group_id: str) -> str:
    """Entity name of a trunk group."""
    return TRUNK_ENTITY + trunk_group_id
