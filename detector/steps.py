"""The order of decision, as one table. Each step looks at a whole batch and says which calls it decides.

A step is cheap when nothing is to be decided: sets are compared with whole columns of the batch in C, scores with
thresholds in numpy, and only calls that something objects to are looked at one by one.
"""

from collections.abc import Callable, Sequence

import numpy as np

from detector import reasons
from detector.decisions import Action, Outcome, Reason, Step
from detector.judging import judge
from detector.lists import COUNTRY_CODE, NANP_LENGTH
from detector.policy_tables import is_wrong_length
from detector.sip import dno_block
from detector.work import Found, Work

_HEAD = 6
"""Characters of a `+1` number that tell whether its area code and exchange exist: `+1` NPA and one digit."""


def emergency(work: Work) -> Found:
    """Pass emergency calls, and everything to and from numbers on the emergency list."""
    found: dict[int, Outcome] = {}
    # Nearly every called number is `+` and 11 digits; only other forms can be an emergency number.
    for row, called in enumerate(work.called):
        if (len(called) != NANP_LENGTH or called[0] != "+") and work.tables.is_emergency(called):
            found[row] = _allow(Step.EMERGENCY, reasons.EMERGENCY_CALLED)
    for values in (work.called, work.calling):
        for row in _members(values, work.lists.emergency):
            found.setdefault(row, _allow(Step.EMERGENCY, reasons.EMERGENCY_LISTED))
    for row, event in enumerate(work.setups):
        if event.priority and event.priority.strip().lower() == "psap-callback":
            found.setdefault(row, _allow(Step.EMERGENCY, reasons.PSAP_CALLBACK))
        if event.resource_priority and _is_emergency_network(event.resource_priority):
            found.setdefault(row, _allow(Step.EMERGENCY, reasons.EMERGENCY_NETWORK))
    return found


def subscriber(work: Work) -> Found:
    """Pass calls to subscribers who have opted out."""
    rows = _members(work.called, work.lists.opt_out)
    return {row: _allow(Step.SUBSCRIBER, reasons.OPTED_OUT) for row in rows}


def allow_list(work: Work) -> Found:
    """Pass calls from numbers and trunk groups on the allow list."""
    found = dict.fromkeys(_members(work.trunks, work.lists.allow), reasons.ALLOW_LISTED_TRUNK)
    found |= dict.fromkeys(_members(work.calling, work.lists.allow), reasons.ALLOW_LISTED_NUMBER)
    return {row: _allow(Step.ALLOW_LIST, reason) for row, reason in found.items()}


def do_not_originate(work: Work) -> Found:
    """Block what cannot be a lawful origin, whatever it does: deterministic, not analytics."""
    found: dict[int, Reason] = {}
    if work.lists.any_dno(work.calling):
        for row, number in enumerate(work.calling):
            prefix = work.lists.dno_match(number)
            if prefix is not None:
                found[row] = reasons.dno_listed(prefix)
    tables = work.tables
    suspicious = (
        not tables.impossible_heads.isdisjoint([number[:_HEAD] for number in work.calling])
        or not tables.impossible_numbers.isdisjoint(work.calling)
        or (tables.checks_length and any(map(is_wrong_length, _odd_lengths(work.calling))))
    )
    if suspicious:
        for row, number in enumerate(work.calling):
            if tables.is_impossible(number):
                found.setdefault(row, reasons.IMPOSSIBLE_NUMBER)
    answer = dno_block(tables.policy.dno.sip_status)
    return {row: Outcome(Action.BLOCK, Step.DNO, (reason,), None, answer) for row, reason in found.items()}


def entity_block(work: Work) -> Found:
    """Block or label what a list or a standing decision names."""
    found: dict[int, Outcome] = {}
    for values, reason in ((work.calling, reasons.BLOCK_LISTED_NUMBER), (work.trunks, reasons.BLOCK_LISTED_TRUNK)):
        for row in _members(values, work.lists.block):
            found.setdefault(row, work.blocked(row, Step.ENTITY_BLOCK, (reason,)))
    if work.standing.touches(work.calling, work.trunks):
        for row in range(len(work.setups)):
            decision = work.standing_on(row)
            if decision is not None:
                found.setdefault(row, work.stood(row, decision))
    return found


def rule(work: Work) -> Found:
    """Apply the first rule of the policy whose conditions all hold."""
    found: dict[int, Outcome] = {}
    for one, bounds in work.tables.rules:
        holds = np.logical_and.reduce([bound.holds(work.features) for bound in bounds])
        for row in np.flatnonzero(holds).tolist():
            if row not in found:
                why = reasons.of_rule(one, work.features, row)
                found[row] = work.treated(row, Step.RULE, one.action, one.category, why)
    return found


STEPS: tuple[tuple[Step, Callable[[Work], Found]], ...] = (
    (Step.EMERGENCY, emergency),
    (Step.SUBSCRIBER, subscriber),
    (Step.ALLOW_LIST, allow_list),
    (Step.DNO, do_not_originate),
    (Step.ENTITY_BLOCK, entity_block),
    (Step.RULE, rule),
    (Step.MODEL, judge),
)
"""What decides, in order. A call that no step decides is allowed (`Step.ALLOW`)."""


def _members(values: Sequence[str], members: frozenset[str]) -> list[int]:
    """Rows whose value is in the set; one comparison of the whole column when, as nearly always, none is."""
    if not members or members.isdisjoint(values):
        return []
    return [row for row, value in enumerate(values) if value in members]


def _odd_lengths(numbers: Sequence[str]) -> list[str]:
    return [number for number in numbers if len(number) != NANP_LENGTH and number.startswith(COUNTRY_CODE)]


def _is_emergency_network(resource_priority: str) -> bool:
    return any(value.strip().lower().startswith("esnet.") for value in resource_priority.split(","))


def _allow(step: Step, reason: Reason) -> Outcome:
    return Outcome(Action.ALLOW, step, (reason,))
