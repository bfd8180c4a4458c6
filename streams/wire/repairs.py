"""What a switch may get wrong without losing its call.

Numbers are brought to one form, long texts are cut, unknown values of optional fields are left out. The scan leaves
every record that needs this to the decoder (`streams.wire.scan`), so nothing here is on the fast path.
"""

import hashlib
from collections import Counter
from dataclasses import fields
from enum import StrEnum
from typing import Any, TypeVar, cast

import msgspec

from detector.contract.events import CALL_ID_LIMIT, TEXT_LIMIT, CallEnd, CallEvent, CallSetup
from detector.contract.numbers import normal_form
from streams.wire.records import (
    EndRecord,
    LooseEndRecord,
    LooseSetupRecord,
    SetupRecord,
    choices_of,
    may_be_longer,
)

E = TypeVar("E", bound=CallEvent)

CALL_ID_PREFIX = "sha256:"


class Repair(StrEnum):
    """What was done to an event; label of a metric."""

    NUMBER = "number_normalised"
    TEXT = "text_cut"
    CHOICE = "value_unknown"
    CALL_ID = "call_id_hashed"


def _cut_texts(domain: type[Any]) -> tuple[tuple[str, dict[str, int]], ...]:
    """Name and bounds of each; a call id is hashed instead."""
    longer = ((f.name, f.metadata["bounds"]) for f in fields(domain) if may_be_longer(f) and f.name != "call_id")
    return tuple((name, bounds) for name, bounds in longer if "max_length" in bounds)


_NUMBERS = {
    SetupRecord: ("calling_number", "called_number", "from_number"),
    EndRecord: ("calling_number", "called_number"),
}
_TEXTS = {SetupRecord: _cut_texts(CallSetup), EndRecord: _cut_texts(CallEnd)}
_LOOSE: dict[type[Any], tuple[type[Any], dict[str, dict[str, Any]]]] = {
    loose: (record, {name: {str(one): one for one in values} for name, values in choices_of(domain).items()})
    for loose, record, domain in ((LooseSetupRecord, SetupRecord, CallSetup), (LooseEndRecord, EndRecord, CallEnd))
}
"""What a loose record becomes, and which values its fields may have."""


def repair(event: E, repairs: "Counter[Repair] | None" = None) -> E:
    """Return the event with numbers in normal form, texts cut, a long call id hashed, and no unknown values.

    Called for each event that the decoder has accepted. Never raises; an event in order is returned as it is.

    Args:
        event: From `streams.wire.records.decode_event`.
        repairs: Counts what was done.
    """
    changes: dict[str, Any] = {}
    done: list[Repair] = []
    if type(event) in _LOOSE:
        event, unknown = _known(event)
        done += [Repair.CHOICE] * unknown
    for name in _NUMBERS[type(event)]:
        number = getattr(event, name)
        if number is not None and (normal := normal_form(number)) != number:
            changes[name] = normal
            done.append(Repair.NUMBER)
    for name, bounds in _TEXTS[type(event)]:
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


def _known(loose: E) -> tuple[E, int]:
    """Return a loose record as a plain one, without the values that nobody knows, and how many those were."""
    record, choices = _LOOSE[type(loose)]
    said = msgspec.structs.asdict(cast("Any", loose))
    known = {name: values.get(said[name]) for name, values in choices.items()}
    unknown = sum(said[name] is not None and known[name] is None for name in known)
    return cast("E", record(**said | known)), unknown


def as_decided(call_id: str, *numbers: str) -> tuple[str, ...]:
    """Return the call id and the numbers of a set-up that is not repaired yet, as the decision on it has them.

    What a decision has is not to be given here: the beginning of a long text may be a number that has another form.
    """
    short = call_id if len(call_id) <= CALL_ID_LIMIT else short_call_id(call_id)
    return short, *(normal_form(number)[:TEXT_LIMIT] for number in numbers)


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
