"""A verdict as the `own_` fields of a set-up: it travels with the call, so that nobody has to verify again. Pure."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import msgspec

from detector.contract.events import MAX_RECORD_BYTES, NAMES_LIMIT, TEXT_LIMIT, CallSetup
from detector.contract.numbers import is_e164
from detector.trust.verdict import Verdict

OWN_FIELDS = frozenset(field.name for field in fields(CallSetup) if field.name.startswith("own_"))


def own_fields(verdict: Verdict) -> dict[str, Any]:
    """Say a verdict in the fields of the contract, without those that are null.

    Args:
        verdict: What verifying came to. Of its names the first ones are taken, of their call reasons the first.
    """
    names = verdict.names[:NAMES_LIMIT]
    reasons = [one.reason[:TEXT_LIMIT] for one in names if one.reason]
    priorities = [*([verdict.sip_priority] if verdict.sip_priority else []), *verdict.priorities]
    said = {
        "own_verstat": verdict.verstat.value,
        "own_cause": verdict.cause.value,
        "own_attestation": None if verdict.attestation is None else verdict.attestation.value,
        "own_signer_spc": verdict.signer_spc,
        "own_origid": verdict.origid,
        "own_priority": ", ".join(priorities)[:TEXT_LIMIT] or None,
        "own_priority_spc": verdict.priority_spc,
        "own_names": [one.name[:TEXT_LIMIT] for one in names] or None,
        "own_call_reason": reasons[0] if reasons else None,
        "own_diverted_from": None if verdict.diverted_from is None else _written(verdict.diverted_from),
        "own_forwarder_spc": verdict.forwarder_spc,
    }
    return {name: value for name, value in said.items() if value is not None}


def with_verdict(setup: Mapping[str, Any], verdict: Verdict) -> dict[str, Any]:
    """Return a set-up with its verdict; without its headers where a record has no room for both.

    Args:
        setup: By name, as it is published.
        verdict: What verifying its headers came to.
    """
    carried = {**setup, **own_fields(verdict)}
    if len(msgspec.json.encode(carried)) > MAX_RECORD_BYTES:
        carried.pop("identity", None)
    return carried


def without_own(said: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what somebody else wrote into these fields: nobody is believed who has not verified here."""
    return {name: value for name, value in said.items() if name not in OWN_FIELDS}


def _written(party: str) -> str:
    """A canonical number in the form of the contract; what is none stays, within the bound."""
    number = f"+{party}"
    return number if is_e164(number) else party[:TEXT_LIMIT]
