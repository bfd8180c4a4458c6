"""A policy made ready for batches: sets and dictionaries instead of settings, built once when it is put in place."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Ints
from detector.columns.facts import ROLE_CODE
from detector.columns.impossible import HEAD_LENGTH, REPEATED, Impossible, heads_of, is_wrong_length, may_be_judged
from detector.columns.numbering import NANP_LENGTH
from detector.columns.setups import LOTS, Calls
from detector.contract.decisions import Mode
from detector.contract.ports import FeatureMatrix
from detector.contract.sip import LOCATION_BY_ROLE
from detector.features.table import INDEX
from detector.features.window_constants import NOT_ENOUGH_DATA
from detector.policy.emergency import EmergencyTable
from detector.policy.settings import ALL_PERCENT, Category, Condition, Policy, Rule, Thresholds
from detector.policy.signers import SignerTable
from detector.policy.upstreams import UpstreamTable


@dataclass(frozen=True, slots=True)
class ColumnBound:
    """A `Condition` with its column looked up and both bounds given, in float32 as features are.

    So a bound of 0.1 is met by a feature that is 0.1.
    """

    column: int
    at_least: float
    at_most: float

    def holds(self, values: FeatureMatrix) -> NDArray[np.bool_]:
        """Say for each row whether the bound is met; a row without enough data never meets it. Shape (n,)."""
        column = values[:, self.column]
        known = column != np.float32(NOT_ENOUGH_DATA)
        met: NDArray[np.bool_] = known & (column >= np.float32(self.at_least)) & (column <= np.float32(self.at_most))
        return met

    def holds_of(self, values: FeatureMatrix, row: int) -> bool:
        """Say the same of one row, without making arrays of it."""
        value = values.item(row, self.column)
        return value != NOT_ENOUGH_DATA and self.at_least <= value <= self.at_most


class PolicyTables:
    """Look-ups of one policy; immutable by convention.

    Attributes:
        policy: What it was made of.
        emergency: What makes a call an emergency.
        signers: Look-up of the entries for who signs.
        upstreams: Look-up of the entries for who hands calls over.
        tried: Reasons of those entries of both that are only tried.
        impossible_heads: First six characters (`+1` NPA and one digit) of numbers that cannot exist.
        impossible_numbers: Whole numbers that cannot exist.
        checks_length: Whether a `+1` number of another length than ten digits is impossible.
        has_overrides: Whether a call's trunk group or switch can matter.
        floor: Lowest score at which anything can be done about a call.
    """

    __slots__ = (
        "_blocking_roles",
        "_by_switch",
        "_by_trunk",
        "_categories",
        "_has_shares",
        "_samples",
        "checks_length",
        "emergency",
        "floor",
        "has_overrides",
        "impossible_heads",
        "impossible_numbers",
        "policy",
        "rules",
        "signers",
        "tried",
        "upstreams",
    )

    def __init__(self, policy: Policy) -> None:
        kinds = frozenset(policy.dno.impossible)
        self.policy = policy
        self.emergency = EmergencyTable(policy)
        self.signers = SignerTable(policy.signers)
        self.upstreams = UpstreamTable(policy.upstreams)
        self.tried = frozenset(one.why for one in (*policy.signers, *policy.upstreams) if one.is_tried)
        is_without_role = policy.location in {LOCATION_BY_ROLE[role] for role in policy.blocking_roles}
        roles = (*policy.blocking_roles, *((None,) if is_without_role else ()))
        self._blocking_roles = frozenset(ROLE_CODE[role] for role in roles)
        self.impossible_heads = heads_of(kinds)
        self.impossible_numbers = REPEATED if Impossible.REPEATED_DIGIT in kinds else frozenset[str]()
        self.checks_length = Impossible.LENGTH in kinds
        self.rules: tuple[tuple[Rule, tuple[ColumnBound, ...]], ...] = tuple(
            (rule, _columns(rule.when)) for rule in policy.rules
        )
        self._categories = tuple((category, _columns(category.when)) for category in policy.categories)
        self._samples = tuple((INDEX[sample.feature], sample.count) for sample in policy.minimum_samples)
        self._by_trunk = {o.trunk_group_id: o for o in policy.overrides if o.trunk_group_id is not None}
        self._by_switch = {o.switch_id: o for o in policy.overrides if o.switch_id is not None}
        self.has_overrides = bool(policy.overrides)
        shares = (policy.enforce_percent, *(one.enforce_percent for one in policy.overrides))
        self._has_shares = any(share is not None and share < ALL_PERCENT for share in shares)
        everywhere = [c.thresholds for c in policy.categories]
        everywhere += [o.thresholds for o in policy.overrides if o.thresholds is not None]
        self.floor = min(thresholds.label_clear for thresholds in everywhere)

    def shadows(self, calls: Calls) -> NDArray[np.bool_]:
        """Which calls are in shadow by mode, shape (n,)."""
        default = self.policy.mode is Mode.SHADOW
        if not self.has_overrides:
            return np.full(len(calls), default)
        pairs = zip(calls.column("trunk_group_id"), calls.column("switch_id"), strict=True)
        return np.array([self._mode(trunk, switch) is Mode.SHADOW for trunk, switch in pairs], np.bool_)

    def left_out(self, calls: Calls) -> NDArray[np.bool_] | None:
        """Calls whose callers are not among the share that `enforce` is for, shape (n,); None where it is for all."""
        if not self._has_shares:
            return None
        places: int | Ints = _places(self.policy.enforce_percent)
        if self.has_overrides:
            pairs = zip(calls.column("trunk_group_id"), calls.column("switch_id"), strict=True)
            places = np.array([_places(self._percent(trunk, switch)) for trunk, switch in pairs], np.int64)
        found: NDArray[np.bool_] = calls.caller_lots() >= places
        return found

    def _percent(self, trunk: str, switch: str) -> float:
        for override in (self._by_trunk.get(trunk), self._by_switch.get(switch)):
            if override is not None and override.enforce_percent is not None:
                return override.enforce_percent
        return self.policy.enforce_percent

    def _mode(self, trunk: str, switch: str) -> Mode:
        for override in (self._by_trunk.get(trunk), self._by_switch.get(switch)):
            if override is not None and override.mode is not None:
                return override.mode
        return self.policy.mode

    def thresholds(self, calls: Calls, row: int, category: Category) -> Thresholds:
        """Thresholds of a call of this category."""
        if not self.has_overrides:
            return category.thresholds
        by_trunk = self._by_trunk.get(calls.text(row, "trunk_group_id"))
        by_switch = self._by_switch.get(calls.text(row, "switch_id"))
        for override in (by_trunk, by_switch):
            if override is not None and override.thresholds is not None:
                return override.thresholds
        return category.thresholds

    def category(self, features: FeatureMatrix, row: int) -> Category:
        """First category whose conditions hold for the row; the last one always does."""
        for category, bounds in self._categories[:-1]:
            if all(bound.holds_of(features, row) for bound in bounds):
                return category
        return self._categories[-1][0]

    @property
    def last_category(self) -> str:
        """Name of the category that takes whatever the others leave."""
        return self.policy.categories[-1].name

    def has_sample(self, features: FeatureMatrix, row: int) -> bool:
        """Whether enough has been seen for a block."""
        return all(features.item(row, column) >= count for column, count in self._samples)

    def may_block(self, role: int) -> bool:
        """Whether analytics may block a call where the switch stands (`detector.columns.facts.ROLE_CODE`)."""
        return role in self._blocking_roles

    def is_impossible(self, calling_number: str) -> bool:
        """Whether a calling number, `+1` and digits, cannot be anybody's."""
        if not may_be_judged(calling_number):
            return False
        if len(calling_number) != NANP_LENGTH:
            return self.checks_length and is_wrong_length(calling_number)
        return calling_number[:HEAD_LENGTH] in self.impossible_heads or calling_number in self.impossible_numbers


def _places(percent: float) -> int:
    """How many lots of `LOTS` are of a share."""
    return round(percent * LOTS / ALL_PERCENT)


def _columns(conditions: tuple[Condition, ...]) -> tuple[ColumnBound, ...]:
    return tuple(
        ColumnBound(
            INDEX[condition.feature],
            -np.inf if condition.at_least is None else float(np.float32(condition.at_least)),
            np.inf if condition.at_most is None else float(np.float32(condition.at_most)),
        )
        for condition in conditions
    )
