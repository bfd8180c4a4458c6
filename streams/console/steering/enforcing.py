"""From shadow to enforce: a policy's text with another mode and share, for all calls or for those of a trunk group."""

import json
from dataclasses import replace

from detector.contract.decisions import Mode
from detector.contract.errors import PolicyInvalid
from detector.policy.settings import Override, Policy
from streams.screening.policy_file import parse_policy
from streams.screening.policy_text import with_fields, with_items, with_setting


def with_enforcement(text: str, trunk: str, mode: Mode, percent: float) -> str:
    """Say of which calls the policy is enforced; every other line of the file stays.

    Args:
        text: Of the policy file.
        trunk: Trunk group whose calls are meant; empty for all that have no override.
        mode: `shadow` keeps the share that stands there, for the day when it is enforced again.
        percent: Share of callers that it is enforced for, 0.01 to 100.

    Raises:
        PolicyInvalid: the text is no policy, or would be none, or is written in a way that is not understood.
    """
    before = parse_policy(text.encode("utf-8", "replace"))
    fields = {"mode": mode.value} | ({"enforce_percent": f"{percent:g}"} if mode is Mode.ENFORCE else {})
    there = next((place for place, one in enumerate(before.overrides) if one.trunk_group_id == trunk), None)
    if not trunk:
        changed = text
        for key, value in fields.items():
            changed = with_setting(changed, key, value)
    elif there is None:
        pairs = {"trunk_group_id": json.dumps(trunk, ensure_ascii=False)} | fields
        changed = with_items(text, "overrides", ["{" + ", ".join(map(": ".join, pairs.items())) + "}"])
    else:
        changed = with_fields(text, "overrides", there, fields)
    if parse_policy(changed.encode("utf-8", "replace")) != _wanted(before, there, trunk, mode, percent):
        raise PolicyInvalid("the file is written in a way that is not understood here: change its text below")
    return changed


def _wanted(before: Policy, there: int | None, trunk: str, mode: Mode, percent: float) -> Policy:
    if not trunk:
        of_all = percent if mode is Mode.ENFORCE else before.enforce_percent
        return replace(before, mode=mode, enforce_percent=of_all)
    old = Override(trunk_group_id=trunk, mode=mode) if there is None else before.overrides[there]
    share = percent if mode is Mode.ENFORCE else old.enforce_percent
    new = replace(old, mode=mode, enforce_percent=share)
    if there is None:
        return replace(before, overrides=(new, *before.overrides))
    return replace(before, overrides=(*before.overrides[:there], new, *before.overrides[there + 1 :]))
