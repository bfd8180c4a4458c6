"""What the policy says of who hands calls over: a table by trunk group, and the look-up made of it.

The trunk group is what the switch says that a call came in by, so nobody outside can choose it. No entry lets a call
pass that anything else objects to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from detector.columns.membership import MembershipFilter
from detector.columns.setups import Calls
from detector.contract.decisions import Reason
from detector.contract.errors import SettingInvalid
from detector.contract.events import TEXT_LIMIT
from detector.policy.entries import Entry, check_entry

MOST_UPSTREAMS = 1_000
UPSTREAM = "upstream"
"""Code of the reason that names an entry."""


@dataclass(frozen=True, slots=True)
class Upstream(Entry):
    """One trunk group and what is done with the calls that come in by it.

    Attributes:
        trunk_group_id: As in the events, exactly.
    """

    trunk_group_id: str

    def __post_init__(self) -> None:
        """Refuse what no event holds, and what does not go together."""
        if not (0 < len(self.trunk_group_id) <= TEXT_LIMIT and self.trunk_group_id.isprintable()):
            raise SettingInvalid(f"upstream {self.trunk_group_id!r}: trunk_group_id has 1 to {TEXT_LIMIT} characters")
        check_entry(self)

    @property
    def who(self) -> str:
        """Whom it is about, for errors."""
        return f"upstream {self.trunk_group_id}"

    @property
    def why(self) -> Reason:
        """Reason of a call that it is about."""
        return Reason(UPSTREAM, f"Trunk group {self.trunk_group_id}: {self.reason}")


class UpstreamTable:
    """The policy's upstreams made ready for batches; immutable by convention.

    Args:
        upstreams: Each trunk group once.
    """

    __slots__ = ("_by_trunk", "_filter")

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        self._by_trunk = {one.trunk_group_id: one for one in upstreams}
        self._filter = MembershipFilter.of(self._by_trunk) if self._by_trunk else None

    def handed_over(self, calls: Calls) -> dict[int, Upstream]:
        """Entry of the trunk group of each call that has one, by row.

        Args:
            calls: Of a batch.
        """
        if self._filter is None:
            return {}
        may_be = self._filter.may_have(calls.hashes("trunk_group_id")).nonzero()[0].tolist()
        found = ((row, self._by_trunk.get(calls.text(row, "trunk_group_id"))) for row in may_be)
        return {row: one for row, one in found if one is not None}
