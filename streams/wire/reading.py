"""Read a batch of call events as they come from the topic: good ones in order, refused ones with their reason.

Whatever a record holds, it affects no other record. Messages name fields and never their values, since a dead letter's
message is logged and a phone number must not be. Knows no transport.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import cast

import msgspec
import numpy as np

from detector.columns.facts import Facts, concatenate, facts_of, put, texts_of
from detector.contract.events import MAX_RECORD_BYTES, CallEvent
from streams.wire import repeated_keys
from streams.wire.lazy_events import LazyEvents
from streams.wire.records import EVENT_DECODER, SetupRecord, encode
from streams.wire.scan import scan
from streams.wire.scan_tables import ODD

MESSAGE_LIMIT = 300


class Code(StrEnum):
    """What is wrong with a refused record. Part of the contract (docs/contract.md)."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    INVALID_UTF8 = "invalid_utf8"
    INVALID_JSON = "invalid_json"
    NOT_AN_OBJECT = "not_an_object"
    TOO_DEEP = "too_deep"
    DUPLICATE_KEY = "duplicate_key"
    UNKNOWN_TYPE = "unknown_type"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"


CODE_MEANINGS: dict[Code, str] = {
    Code.EMPTY: "The record has no value.",
    Code.TOO_LARGE: f"The record is larger than {MAX_RECORD_BYTES} bytes.",
    Code.INVALID_UTF8: "The record is not UTF-8.",
    Code.INVALID_JSON: "The record is not JSON (RFC 8259).",
    Code.NOT_AN_OBJECT: "The record is JSON, but not an object.",
    Code.TOO_DEEP: f"The record nests deeper than {repeated_keys.MAX_DEPTH} levels.",
    Code.DUPLICATE_KEY: "An object in the record repeats a key.",
    Code.UNKNOWN_TYPE: "The field `type` is neither `call_setup` nor `call_end`.",
    Code.MISSING_FIELD: "A required field is missing.",
    Code.WRONG_TYPE: "A field has the wrong JSON type (a number with a fraction or exponent is not an integer).",
    Code.OUT_OF_RANGE: "A field is outside of its bounds, or not one of its permitted values.",
}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A refused record: its index in the batch, the code, and one sentence of at most `MESSAGE_LIMIT` characters."""

    position: int
    code: Code
    message: str


@dataclass(frozen=True, slots=True)
class Intake:
    """A batch as read. `events`, `is_setup` and `positions` (indices in the batch, ascending) run side by side.

    Attributes:
        events: made of their bytes when asked for.
        scanned: what they say, with their texts as JSON; columns are made of it
        (`detector.columns.call_columns.build_columns`).
    """

    events: LazyEvents
    is_setup: list[bool]
    positions: list[int]
    rejected: list[Rejected]
    scanned: Facts = field(compare=False)

    def take(self, indexes: Sequence[int]) -> "Intake":
        """Some of the events, by index; everything that was refused."""
        return Intake(
            self.events.take(indexes),
            [self.is_setup[index] for index in indexes],
            [self.positions[index] for index in indexes],
            self.rejected,
            self.scanned.take(indexes),
        )


def join(parts: Sequence[tuple[int, Intake]]) -> Intake:
    """One batch of several, each with the position of its first value."""
    whole = read([])
    if not parts:
        return whole
    events = whole.events
    for _, part in parts:
        events += part.events
    return Intake(
        events,
        [is_setup for _, part in parts for is_setup in part.is_setup],
        [first + position for first, part in parts for position in part.positions],
        [replace(refused, position=first + refused.position) for first, part in parts for refused in part.rejected],
        concatenate([part.scanned for _, part in parts]),
    )


_ANY_JSON = msgspec.json.Decoder(msgspec.Raw)
_REFUSALS = (msgspec.DecodeError, ValueError, RecursionError, MemoryError)
_SCAN_CODES = {repeated_keys.DUPLICATE: Code.DUPLICATE_KEY, repeated_keys.TOO_DEEP: Code.TOO_DEEP}
_AT = re.compile(r" - at `\$\.([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]*)`")
_RANGE = re.compile(r"^(Invalid enum value|Number out of range|Integer value out of range|Expected .* (<=|>=) \d+$)")


def _position_in(error: Exception) -> str:
    found = re.search(r"\(byte \d+\)", str(error))
    return f" {found.group()}" if found else ""


def _invalid_field(error: msgspec.ValidationError) -> tuple[Code, str]:
    """Classify a record that is JSON but breaks the contract, from the words of msgspec (pinned by its test)."""
    text = str(error)
    at = _AT.search(text)
    said = _AT.sub("", text)
    if at is None:
        missing = _MISSING.search(said)
        if missing:
            return Code.MISSING_FIELD, f"The required field `{missing.group(1)}` is missing."
        return Code.NOT_AN_OBJECT, CODE_MEANINGS[Code.NOT_AN_OBJECT]
    name = at.group(1)
    if name == "type" and said.startswith("Invalid value"):
        return Code.UNKNOWN_TYPE, CODE_MEANINGS[Code.UNKNOWN_TYPE]
    if said.startswith("Invalid enum value"):
        return Code.OUT_OF_RANGE, f"The field `{name}` is not one of its permitted values."
    code = Code.OUT_OF_RANGE if _RANGE.match(said) else Code.WRONG_TYPE
    return code, f"The field `{name}` is wrong: {said[0].lower()}{said[1:]}."


def _classify(value: bytes, error: Exception) -> tuple[Code, str]:
    """Say what is wrong with a record that the decoder refused; encoding first, then JSON, repeated keys, fields."""
    try:
        value.decode()
        _ANY_JSON.decode(value)  # the decoder stops at a wrong field, before the rest of the text is seen
    except UnicodeDecodeError as invalid:
        return Code.INVALID_UTF8, f"The record is not UTF-8 (byte {invalid.start})."
    except (RecursionError, MemoryError):
        return Code.TOO_DEEP, CODE_MEANINGS[Code.TOO_DEEP]
    except msgspec.DecodeError as invalid:
        return Code.INVALID_JSON, f"The record is not JSON{_position_in(invalid)}."
    if not isinstance(error, msgspec.ValidationError):
        return Code.INVALID_JSON, f"The record is not JSON{_position_in(error)}."
    scanned = _SCAN_CODES.get(repeated_keys.scan([value])[0])
    return _invalid_field(error) if scanned is None else (scanned, CODE_MEANINGS[scanned])


@dataclass(slots=True)
class _Decoded:
    """Records that went through the decoder: lists side by side, in order, but for the refused ones."""

    events: list[CallEvent] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def refuse(self, position: int, code: Code, message: str | None = None) -> None:
        """Refuse a record."""
        text = CODE_MEANINGS[code] if message is None else message
        self.rejected.append(Rejected(position, code, text[:MESSAGE_LIMIT]))


def _decode(values: Sequence[bytes | None], positions: Sequence[int]) -> _Decoded:
    """Decode some of the values, one by one; those that repeat a key or nest too deep are refused afterwards."""
    decoded = _Decoded()
    decode = EVENT_DECODER.decode
    for position in positions:
        value = values[position]
        if not value:
            decoded.refuse(position, Code.EMPTY)
            continue
        if len(value) > MAX_RECORD_BYTES:
            decoded.refuse(position, Code.TOO_LARGE)
            continue
        try:
            event = decode(value)
            if not value.isascii():
                value.decode()  # msgspec skips the text of unknown fields unread
        except _REFUSALS as error:
            decoded.refuse(position, *_classify(value, error))
            continue
        decoded.events.append(event)
        decoded.positions.append(position)
        decoded.values.append(value)
    verdicts = repeated_keys.scan(decoded.values)
    return _without_repeats(decoded, verdicts) if any(verdicts) else decoded


def _without_repeats(decoded: _Decoded, verdicts: list[int]) -> _Decoded:
    kept = _Decoded(rejected=decoded.rejected)
    for row, verdict in enumerate(verdicts):
        if verdict == repeated_keys.CLEAN:
            kept.events.append(decoded.events[row])
            kept.positions.append(decoded.positions[row])
            kept.values.append(decoded.values[row])
        else:
            kept.refuse(decoded.positions[row], _SCAN_CODES[verdict])
    kept.rejected.sort(key=lambda rejected: rejected.position)
    return kept


def read(values: Sequence[bytes | None]) -> Intake:
    """Read the values of a batch in order. Never raises for what a record holds; linear in the bytes."""
    scanned = scan(values)
    facts, everything = scanned.facts, list(range(len(values)))
    events = LazyEvents(cast("list[bytes]", list(values)), {})
    if not scanned.odd:
        return Intake(events, facts.is_setup.tolist(), everything, [], facts)
    decoded = _decode(values, np.flatnonzero(scanned.verdicts == ODD).tolist())
    if decoded.events:
        kinds = [type(event) is SetupRecord for event in decoded.events]
        facts = put(facts, decoded.positions, texts_of(facts_of(decoded.events, kinds), encode))
        events.keep(decoded.positions, decoded.events)
    intake = Intake(events, facts.is_setup.tolist(), everything, decoded.rejected, facts)
    refused = {rejected.position for rejected in decoded.rejected}
    return intake.take([position for position in everything if position not in refused]) if refused else intake


def warm() -> None:
    """Compile everything, or load it from the cache, so that the first record does not wait."""
    read([b"{}"])
