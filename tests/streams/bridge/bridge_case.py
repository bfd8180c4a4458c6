"""What tests of the bridge share: decisions as workers write them."""

import json
from typing import Any

from detector.contract.decisions import Decision
from streams.wire.records import DECISION_DECODER

REASON = 'SIP;cause=603;text="v=analytics1;url=https://redress.example.com/;id=0123";location=RLN'


def decision_bytes(setup: dict[str, Any], action: str = "allow", **more: Any) -> bytes:
    """The decision on a set-up, enforced."""
    fields: dict[str, Any] = {
        "call_id": setup["call_id"],
        "decision_id": "079175b34f033afdb501ed6d125ed37c",
        "action": action,
        "mode": "enforce",
        "would_be": None,
        "decided_by": "allow" if action == "allow" else "model",
        "score": 0.5,
        "label": {"text": "Maybe automated", "category": "automated_call"} if action == "label" else None,
        "reasons": [],
        "sip": {"status": 603, "reason_phrase": "Network Blocked", "reason_header": REASON}
        if action == "block"
        else None,
        "calling_number": setup["calling_number"],
        "called_number": setup["called_number"],
        "trunk_group_id": setup["trunk_group_id"],
        "switch_id": setup.get("switch_id"),
        "setup_time_ms": setup["setup_time_ms"],
        "decided_time_ms": setup["setup_time_ms"],
        "model_version": "m",
        "policy_version": "p",
        "feature_schema": "f",
    }
    return json.dumps(fields | more).encode()


def decision(setup: dict[str, Any], action: str = "allow", **more: Any) -> Decision:
    """The same, decoded."""
    return DECISION_DECODER.decode(decision_bytes(setup, action, **more))
