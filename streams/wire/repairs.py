"""What a switch may get wrong without losing its call: numbers are brought to one form, long texts are cut.

The scan leaves every record that needs this to the decoder (`streams.wire.scan`), so nothing here is on the fast path.
"""

import hashlib
from collections import Counter
from dataclasses import MISSING, fields
from enum import StrEnum
from typing import Any, TypeVar, cast

import msgspec

from detector.contract.events import CALL_ID_LIMIT, CallEnd, CallEvent, CallSetup
from detector.contract.numbers import normal_form
from streams.wire.records import EndRecord, SetupRecord

E = TypeVar("E", bound=CallEvent)

CALL_ID_PREFIX = "sha256:"


class Repair(StrEnum):
    """What was done to an event; label of a metric."""

    NUMBER = "number_normalised"
    TEXT = "text_cut"
    CALL_ID = "call_id_hashed"


def _optional_texts(domain: type[Any]) -> tuple[tuple[str, dict[str, int]], ...]:
    """Name and bounds of each."""
    optional = ((f.name, f.metadata["bounds"]) for f in fields(domain) if f.default is not MISSING)
    return tuple((name, bounds) for name, bounds in optional if "max_length" in bounds)


_NUMBERS = {
    SetupRecord: ("calling_number", "called_number", "from_number"),
    EndRecord: ("calling_number", "called_number"),
}
_OPTIONAL = {SetupRecord: _optional_texts(CallSetup), EndRecord: _optional_texts(CallEnd)}


def repair(event: E, repairs: "Counter[Repair] | None" = None) -> E:
    """Return the event with its numbers in normal form, optional texts cut, and a long call id hashed.

    Called for each event that the decoder has accepted. Never raises; an event in order is returned as it is.

    Args:
        event: As decoded.
        repairs: Counts what was done.
    """
    changes: dict[str, Any] = {}
    done: list[Repair] = []
    for name in _NUMBERS[type(event)]:
        number = getattr(event, name)
        if number is not None and (normal := normal_form(number)) != number:
            changes[name] = normal
            done.append(Repair.NUMBER)
    for name, bounds in _OPTIONAL[type(event)]:
        value = getattr(event, name)
        if value and (cut := _cut(changes.get(name, value), bounds)) is not None:
            changes[name] = cut
            done.append(Repair.TEXT)
    if len(event.call_id) > CALL_ID_LIMIT:
        changes["call_id"] = short_call_id(event.call_id)
        done.append(Repair.CALL_ID)
    if repairs is not None:
        repairs.update(done)
    return cast("E", msgspec.structs.replace(cast("Any", event), **changes)) if changes else event


def short_call_id(call_id: str) -> str:
    """Return what stands for a call id of more than `CALL_ID_LIMIT` characters: `sha256:` and 64 hex digits."""
    return CALL_ID_PREFIX + hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()


def _cut(value: str | list[str], bounds: dict[str, int]) -> str | list[str] | None:
    """What is left of a text or of texts that are too long; None of others."""
    longest = bounds["max_length"]
    if isinstance(value, str):
        return value[:longest] if len(value) > longest else None
    cut = [text[:longest] for text in value[: bounds["max_items"]]]
    return cut if cut != value else None
