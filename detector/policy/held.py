"""The memory behind hysteresis: what the model last made of each caller.

A calling number can be written by anybody, so what calls bring about belongs to a *caller*: the number where a verified
signature vouches for it, else the number together with the trunk group that its calls come by. Whose number is spoofed
is not held responsible. Withheld and malformed numbers are no callers: nothing is remembered of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from detector.columns.arrays import Flags, Ints
from detector.columns.membership import MembershipFilter
from detector.contract.decisions import Action
from detector.contract.numbers import is_e164

DEFAULT_MAX_ENTRIES = 100_000
_BY_TRUNK = "\x1f"


@dataclass(frozen=True, slots=True)
class Held:
    """What the model last made of a caller, for hysteresis and for counting blocks.

    Attributes:
        action: `label` or `block`; `allow` where only blocks are still counted.
        expires_ms: When the action is forgotten unless the score rises to an enter threshold again.
        blocks_ms: Event times of its latest model blocks, oldest first.
    """

    action: Action
    expires_ms: int
    blocks_ms: tuple[int, ...] = ()

    def action_at(self, now_ms: int) -> Action:
        """What the caller is held at: `allow` once it has expired."""
        return self.action if now_ms < self.expires_ms else Action.ALLOW


class HeldCallers:
    """Bounded map from caller (`caller_of`) to `Held`."""

    __slots__ = ("_by_number", "_filter", "_held", "_max_entries")

    def __init__(self, max_entries: int = DEFAULT_MAX_ENTRIES) -> None:
        self._held: dict[str, Held] = {}
        self._by_number: dict[str, set[str]] = {}
        self._filter = MembershipFilter(max_entries)
        self._max_entries = max_entries

    def __len__(self) -> int:
        """Count the callers that are held."""
        return len(self._held)

    def __contains__(self, calling_number: str) -> bool:
        """Whether anything is remembered of a caller with this number, expired or not."""
        return calling_number in self._by_number

    def may_have(self, hashes: Ints) -> Flags:
        """Which calling numbers may be in it, by their hashes (`Calls.hashes`); all that are in it are among them."""
        return self._filter.may_have(hashes)

    def get(self, caller: str) -> Held | None:
        """Return what is remembered of the caller, expired or not."""
        return self._held.get(caller)

    def put(self, caller: str, held: Held) -> None:
        """Remember `held` of a caller, as the most recent entry; at the bound the one touched longest ago goes.

        Args:
            caller: See `caller_of`.
            held: What replaces whatever was remembered of it.
        """
        known = self._held.pop(caller, None)
        self._held[caller] = held
        if known is None and self._is_first_of_number(caller):
            self._filter.add(number_of(caller))
        if len(self._held) > self._max_entries:
            self.drop(next(iter(self._held)))

    def _is_first_of_number(self, caller: str) -> bool:
        """Note a new caller under its number, and tell whether that is new, too."""
        callers = self._by_number.setdefault(number_of(caller), set())
        callers.add(caller)
        return len(callers) == 1

    def drop(self, caller: str) -> None:
        """Forget the caller and its count of blocks."""
        if self._held.pop(caller, None) is None:
            return
        number = number_of(caller)
        callers = self._by_number[number]
        callers.remove(caller)
        if not callers:
            del self._by_number[number]
            self._filter.discard(number)

    def drop_number(self, calling_number: str) -> None:
        """Forget all callers with this number."""
        for caller in tuple(self._by_number.get(calling_number, ())):
            self.drop(caller)

    def copy(self) -> dict[str, Held]:
        """Copy the map, the caller touched longest ago first; 1 ms for 100,000 of them."""
        return dict(self._held)

    def restore(self, held: Mapping[str, Held]) -> None:
        """Hold all of these, in their order, as the most recent entries."""
        known = self._held.keys() & held.keys()
        for caller in known:
            del self._held[caller]
        self._held.update(held)
        fresh = [caller for caller in held if caller not in known and self._is_first_of_number(caller)]
        self._filter.add_all(list(map(number_of, fresh)))
        for caller in list(islice(self._held, max(0, len(self._held) - self._max_entries))):
            self.drop(caller)


def caller_of(calling_number: str, trunk_group_id: str, *, is_vouched: bool) -> str | None:
    """Return whom a call is held against; None for a number that is nobody's (withheld, a short code, malformed).

    Args:
        calling_number: Of the call.
        trunk_group_id: Of the call.
        is_vouched: Whether a verified signature vouches for the number: then it stands for itself.
    """
    if not is_e164(calling_number):
        return None
    return calling_number if is_vouched else calling_number + _BY_TRUNK + trunk_group_id


def number_of(caller: str) -> str:
    """Calling number of a caller."""
    return caller.partition(_BY_TRUNK)[0]
