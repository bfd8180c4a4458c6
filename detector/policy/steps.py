"""The order of decision, as one table. Each step looks at a whole batch and says which calls it decides.

A step is a function from a batch (`Work`) to outcomes by row (`Found`). It is called once for each batch, must not wait
for anything, and changes nothing: where it raises, it is called again for each call alone, and only those that make it
raise pass unjudged. (`emergency` notes whose claim it does not believe, for counting; twice is no harm.) It may name
rows that an earlier step has decided; they are left out. A new step is a function here and a line in `STEPS`.

A step is cheap when nothing is to be decided: an empty list costs nothing, of other sets the hashes of a whole column
say which calls may be in them (`detector.columns.membership`), hints say beforehand which numbers have an odd form
or a priority (`detector.columns.setups`), scores are compared with thresholds in numpy, and only calls that something
objects to are looked at one by one.
"""

from collections.abc import Callable, Container

import numpy as np

from detector.columns.arrays import Ints
from detector.columns.setups import MAY_BE_EMERGENCY, MAY_BE_FROM_911, MAY_BE_IMPOSSIBLE, MAY_BE_PRIORITY
from detector.contract.decisions import Action, Outcome, Reason, Step
from detector.contract.numbers import is_e164
from detector.contract.sip import ORDER_BLOCK, UNWANTED, dno_block
from detector.numbers.do_not_originate import DnoEntry
from detector.policy import reasons
from detector.policy.emergency import claimed, is_from_911, signed_claim
from detector.policy.entries import Entry, EntryAction
from detector.policy.model_step import judge
from detector.policy.signers import verified_signer
from detector.policy.work import Found, Work


def emergency(work: Work) -> Found:
    """Pass emergency calls, and everything to and from numbers on the emergency list."""
    found: dict[int, Outcome] = {}
    emergencies = work.tables.emergency
    for row in _hinted(work, MAY_BE_EMERGENCY) + _among(work.calls.called_digits, emergencies.national):
        reason = emergencies.called(work.calls.text(row, "called_number"))
        if reason is not None:
            found[row] = _allow(Step.EMERGENCY, reason)
    for row in _hinted(work, MAY_BE_FROM_911):
        if is_from_911(work.calling(row)):
            found.setdefault(row, _allow(Step.EMERGENCY, reasons.FROM_EMERGENCY_NUMBER))
    for column in ("called_number", "calling_number"):
        for row in _members(work, column, "emergency"):
            found.setdefault(row, _allow(Step.EMERGENCY, reasons.EMERGENCY_LISTED))
    for row in _hinted(work, MAY_BE_PRIORITY):
        claims = _claims(work, row)
        believed = next((claim for claim, is_believed in claims if is_believed), None)
        if believed is not None:
            found.setdefault(row, _allow(Step.EMERGENCY, believed))
        elif claims and row not in found:
            work.unbelieved.add(row)
    return found


def audited_number(work: Work) -> Found:
    """Pass calls from numbers of which is known who allowed them and why, do-not-originate ones too."""
    return dict.fromkeys(_members(work, "calling_number", "audited"), _allow(Step.ALLOW_LIST, reasons.AUDITED))


def dno(work: Work) -> Found:
    """Block what cannot be a lawful origin, whatever it does: deterministic, not analytics.

    An opt-out is from analytics, so it comes later: who must not be called from a number cannot wish it.
    """
    found = {row: reasons.dno_listed(entry) for row, entry in _not_originating(work).items()}
    for row in _hinted(work, MAY_BE_IMPOSSIBLE):
        if work.tables.is_impossible(work.calls.text(row, "calling_number")):
            found.setdefault(row, reasons.IMPOSSIBLE_NUMBER)
    for row, entry in _prefixed(work, work.calls.from_digits).items():
        found.setdefault(row, reasons.dno_listed(entry, "number in From"))
    if not found:
        return {}
    answer = dno_block(work.tables.policy.dno.sip_status)
    return {row: Outcome(Action.BLOCK, Step.DNO, (reason,), None, answer) for row, reason in found.items()}


def demanded_block(work: Work) -> Found:
    """Block what a court or the FCC ordered, what may not be let in, and what the called subscriber wants blocked.

    None of it is analytics: an opt-out, the allow list and the place of the switch in the call path do not matter.
    """
    found: dict[int, Outcome] = {}
    for column in ("calling_number", "trunk_group_id"):
        for row in _members(work, column, "orders"):
            why = reasons.demanded(work.lists.orders[work.calls.text(row, column)])
            found.setdefault(row, Outcome(Action.BLOCK, Step.ENTITY_BLOCK, (why,), None, ORDER_BLOCK))
    for row, one in work.entries():
        if one.is_demanded and not one.is_tried:
            found.setdefault(row, _by_entry(work, row, one))
    for row in _members(work, "called_number", "directed"):
        if work.calling(row) in work.lists.directed[work.calls.text(row, "called_number")]:
            found.setdefault(row, Outcome(Action.BLOCK, Step.ENTITY_BLOCK, (reasons.UNWANTED,), None, UNWANTED))
    return found


def subscriber(work: Work) -> Found:
    """Pass calls to subscribers who have opted out of analytics."""
    return dict.fromkeys(_members(work, "called_number", "opt_out"), _allow(Step.SUBSCRIBER, reasons.OPTED_OUT))


def allowed(work: Work) -> Found:
    """Pass calls from numbers and by trunk groups on the allow list: analytics is not for them.

    A caller can write the name of a trunk group where its number should be, so what is no number is looked for among
    trunk groups alone.
    """
    found: dict[int, Outcome] = {}
    for column, reason in (
        ("calling_number", reasons.ALLOW_LISTED_NUMBER),
        ("trunk_group_id", reasons.ALLOW_LISTED_TRUNK),
    ):
        for row in _members(work, column, "allow"):
            if column == "trunk_group_id" or is_e164(work.calling(row)):
                found.setdefault(row, _allow(Step.ALLOW_LIST, reason))
    return found


def entity_block(work: Work) -> Found:
    """Block or label what a list or a standing decision names."""
    found: dict[int, Outcome] = {}
    category = work.tables.last_category
    listed = (("calling_number", reasons.BLOCK_LISTED_NUMBER), ("trunk_group_id", reasons.BLOCK_LISTED_TRUNK))
    for column, reason in listed:
        for row in _members(work, column, "block"):
            found.setdefault(row, work.treated(row, Step.ENTITY_BLOCK, Action.BLOCK, category, (reason,)))
    if len(work.standing):
        for row in work.standing.touched(work.calls):
            decision = work.standing_on(row)
            if decision is not None:
                found.setdefault(row, work.stood(row, decision))
    return found


def by_tables(work: Work) -> Found:
    """Block or label what the policy says of who signed the call, else of who handed it over.

    A signer is one where a token that held says who that is.
    """
    found: dict[int, Outcome] = {}
    for row, one in work.entries():
        if one.action is not EntryAction.REPORT and not one.is_demanded and not one.is_tried:
            found.setdefault(row, _by_entry(work, row, one))
    return found


def told_by_tables(work: Work) -> Found:
    """Report who signed or handed over calls that nothing objects to, and try entries that are only tried.

    It comes last: neither lets a call pass that anything before would have stopped. What is tried is said before what
    is reported.
    """
    found: dict[int, Outcome] = {}
    for row, one in work.entries():
        if one.is_tried:
            found.setdefault(row, _by_entry(work, row, one))
    for row, one in work.entries():
        if one.action is EntryAction.REPORT:
            found.setdefault(row, _allow(Step.ALLOW, one.why))
    return found


def rule(work: Work) -> Found:
    """Apply the first rule of the policy whose conditions all hold."""
    found: dict[int, Outcome] = {}
    for one, bounds in work.tables.rules:
        holds = np.logical_and.reduce([bound.holds(work.features) for bound in bounds])
        for row in holds.nonzero()[0].tolist():
            if row not in found:
                why, action = reasons.of_rule(one, work.features, row), one.action
                if action is Action.BLOCK and work.is_released(row):
                    why, action = (*why, reasons.RELEASED), Action.LABEL
                found[row] = work.treated(row, Step.RULE, action, one.category, why)
    return found


STEPS: tuple[tuple[Step, Callable[[Work], Found]], ...] = (
    (Step.EMERGENCY, emergency),
    (Step.ALLOW_LIST, audited_number),
    (Step.DNO, dno),
    (Step.ENTITY_BLOCK, demanded_block),
    (Step.SUBSCRIBER, subscriber),
    (Step.ALLOW_LIST, allowed),
    (Step.ENTITY_BLOCK, entity_block),
    (Step.RULE, by_tables),
    (Step.RULE, rule),
    (Step.MODEL, judge),
    (Step.ALLOW, told_by_tables),
)
"""What decides, in order: the first step that names a row wins. A call that no step names is allowed (`Step.ALLOW`).

Only the model's step writes: scores, and what outlives a call. It never raises, and is never called twice."""


def _by_entry(work: Work, row: int, one: Entry) -> Outcome:
    """Outcome of a block or label by who signed the call or handed it over."""
    why: tuple[Reason, ...] = (one.why,)
    if one.is_demanded:
        return Outcome(Action.BLOCK, Step.ENTITY_BLOCK, (reasons.demanded(one.basis), *why), None, ORDER_BLOCK)
    action = Action(one.action)
    if action is Action.BLOCK and work.is_released(row):
        why, action = (*why, reasons.RELEASED), Action.LABEL
    return work.treated(row, Step.RULE, action, one.category or work.tables.last_category, why)


def _members(work: Work, column: str, name: str) -> list[int]:
    """Rows whose value is on a list, ascending."""
    members: Container[str] = getattr(work.lists, name)
    if not members:
        return []
    may_be = work.lists.may_have(name, work.calls.hashes(column)).nonzero()[0].tolist()
    return [row for row in may_be if work.calls.text(row, column) in members]


def _not_originating(work: Work) -> dict[int, DnoEntry]:
    """Longest do-not-originate entry of each calling number that begins with one, by row."""
    found = _prefixed(work, work.calls.calling_digits)
    if work.dno:
        for row in _hinted(work, MAY_BE_IMPOSSIBLE):
            if work.calls.calling_digits.item(row):  # its digits were looked up
                continue
            matched = [entry for table in work.dno if (entry := table.match(work.calling(row))) is not None]
            if matched:
                found[row] = max(matched, key=_specific)
    return found


def _prefixed(work: Work, digits: Ints) -> dict[int, DnoEntry]:
    """Longest do-not-originate entry that each of some numbers begins with, by row."""
    found: dict[int, DnoEntry] = {}
    for table in work.dno:
        lengths = table.lengths(digits)
        for row in lengths.nonzero()[0].tolist():
            entry = table.entry(digits.item(row), lengths.item(row))
            found[row] = max(found.get(row, entry), entry, key=_specific)
    return found


def _specific(entry: DnoEntry) -> int:
    return len(entry.prefix)


def _hinted(work: Work, hint: int) -> list[int]:
    """Rows that have a hint, ascending."""
    if not work.calls.all_hints & hint:
        return []
    found: list[int] = (work.calls.hints & hint).nonzero()[0].tolist()
    return found


def _among(digits: Ints, ascending: Ints) -> list[int]:
    """Rows whose digits are among some others, ascending."""
    at = np.minimum(np.searchsorted(ascending, digits), len(ascending) - 1)
    found: list[int] = (ascending[at] == digits).nonzero()[0].tolist()
    return found


def _claims(work: Work, row: int) -> list[tuple[Reason, bool]]:
    """Priorities that a call claims, signed ones first, and whether each is believed.

    A signer that the policy blocks vouches for none: whoever may sign could lead its calls past the block by it. Where
    the carrier itself trusts the trunk group they are believed all the same.
    """
    setup, signers = work.calls.events[row], work.tables.signers
    is_trusted = work.tables.emergency.trusts(work.calls.text(row, "trunk_group_id"))
    is_vouched = work.is_vouched(row) and not signers.blocks(verified_signer(setup))
    both = (
        (signed_claim(setup), is_trusted or not signers.blocks(setup.own_priority_spc)),
        (claimed(setup), is_trusted or is_vouched),
    )
    return [(claim, is_believed) for claim, is_believed in both if claim is not None]


def _allow(step: Step, reason: Reason) -> Outcome:
    return Outcome(Action.ALLOW, step, (reason,))
