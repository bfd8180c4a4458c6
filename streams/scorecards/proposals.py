"""A change of the policy for one trunk group: the line, and the file with it, as a person wrote all the rest."""

import json
from dataclasses import replace

from detector.contract.errors import PolicyInvalid, RobocallError
from detector.policy.entries import REASON_LIMIT, EntryAction
from detector.policy.lists import Basis
from detector.policy.upstreams import Upstream
from streams.scorecards.cards import By, Card
from streams.screening.policy_file import parse_policy
from streams.screening.policy_text import with_items

_WORDS = {
    "suspect": "suspect calls",
    "invalid": "invalid numbers",
    "rotated": "A for numbers that rotate",
    "downstream": "signed downstream",
    "third_party": "signed by others",
    "resigned": "signed by none of those before",
    "refused": "refused elsewhere",
    "tracebacks": "tracebacks",
    "registration": "not registered",
    "unknown": "nobody knows whose",
}


class ProposalRefused(RobocallError):
    """A change that cannot be made in that file."""


def alarms_of(card: Card) -> str:
    """What is alarming about a card in words, with its shares; empty where nothing is."""
    shares = [(_WORDS[alarm], card.shares.get(alarm)) for alarm in card.alarms]
    return ", ".join(words if share is None else f"{share.share:.0%} {words}" for words, share in shares)


def reason_of(card: Card) -> str:
    """Why, in the words of a decision: what is alarming about a trunk group."""
    return f"{card.day}: {alarms_of(card) or 'asked for'}, of {card.counts.calls:,} calls"[:REASON_LIMIT]


def entry_of(card: Card, action: EntryAction, basis: Basis = Basis.ANALYTICS) -> Upstream:
    """The entry of the policy's table for the trunk group of a card.

    Raises:
        ProposalRefused: its provider is to be kept out as not registered, and the register does not say that.
        SettingInvalid: action and basis do not go together.
    """
    if basis is Basis.REGISTRATION and By.REGISTRATION.value not in card.alarms:
        raise ProposalRefused(f"the register does not say that {card.key} is not registered: robocall upstreams check")
    return Upstream(card.key, action=action, reason=reason_of(card), basis=basis)


def line_of(entry: Upstream) -> str:
    """The entry as a line of YAML; texts in quotes as JSON has them, which YAML reads."""
    trunk, reason = (json.dumps(text, ensure_ascii=False) for text in (entry.trunk_group_id, entry.reason))
    basis = "" if entry.basis is Basis.ANALYTICS else f", basis: {entry.basis.value}"
    return f"- {{trunk_group_id: {trunk}, action: {entry.action.value}{basis}, reason: {reason}}}"


def trunks_in(text: str) -> frozenset[str]:
    """Trunk groups that have an entry in a policy file.

    Args:
        text: Of the file; empty for a new one.

    Raises:
        PolicyInvalid: the file is no policy.
    """
    return frozenset(one.trunk_group_id for one in parse_policy(text.encode()).upstreams)


def with_entries(text: str, entries: list[Upstream]) -> str:
    """Put entries into the text of a policy file, whose other lines stay as they are.

    Args:
        text: Of the file; empty for a new one.
        entries: New ones.

    Returns:
        The text, which was read again: it is the policy of before and these entries, and nothing else.

    Raises:
        ProposalRefused: a trunk group has an entry already, or the file is written in a way that is not understood.
        PolicyInvalid: the file is no policy, or would be none.
    """
    before = parse_policy(text.encode())
    there = trunks_in(text)
    twice = [one.trunk_group_id for one in entries if one.trunk_group_id in there]
    if twice:
        raise ProposalRefused(f"trunk group {twice[0]} has an entry under upstreams already: change it there")
    wanted = replace(before, upstreams=(*entries, *before.upstreams))
    changed = with_items(text, "upstreams", [line_of(one).removeprefix("- ") for one in entries])
    try:
        is_right = parse_policy(changed.encode()) == wanted
    except PolicyInvalid:
        is_right = False
    if not is_right:
        raise ProposalRefused("the file writes `upstreams` in a way that is not understood: add the lines yourself")
    return changed
