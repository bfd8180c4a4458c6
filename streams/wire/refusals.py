"""Why a record is refused: codes, sentences, and how what the decoder raises becomes one of them.

Messages name fields and never their values, since a dead letter's message is logged and a phone number must not be.
It knows no batch.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from detector.contract.events import MAX_RECORD_BYTES
from streams.wire.repeated_keys import MAX_DEPTH, NOTHING, TOO_DEEP, look

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
    BATCH_TOO_LARGE = "batch_too_large"
    BATCH_DAMAGED = "batch_damaged"


CODE_MEANINGS: dict[Code, str] = {
    Code.EMPTY: "The record has no value.",
    Code.TOO_LARGE: f"The record is larger than {MAX_RECORD_BYTES} bytes.",
    Code.INVALID_UTF8: "The record is not UTF-8.",
    Code.INVALID_JSON: "The record is not JSON (RFC 8259).",
    Code.NOT_AN_OBJECT: "The record is JSON, but not an object.",
    Code.TOO_DEEP: f"The record nests deeper than {MAX_DEPTH} levels.",
    Code.DUPLICATE_KEY: "An object in the record repeats a key.",
    Code.UNKNOWN_TYPE: "The field `type` is neither `call_setup` nor `call_end`.",
    Code.MISSING_FIELD: "A required field is missing.",
    Code.WRONG_TYPE: "A field has the wrong JSON type (a number with a fraction or exponent is not an integer).",
    Code.OUT_OF_RANGE: "A field is outside of its bounds, or not one of its permitted values.",
    Code.BATCH_TOO_LARGE: "A batch of records unpacks to more bytes, or has more records, than is read.",
    Code.BATCH_DAMAGED: "A batch of records is damaged at the broker.",
}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A refused record: its index in the batch, the code, and one sentence of at most `MESSAGE_LIMIT` characters."""

    position: int
    code: Code
    message: str


_ANY_JSON = msgspec.json.Decoder(msgspec.Raw)
REFUSALS = (msgspec.DecodeError, ValueError, RecursionError, MemoryError)
"""What the decoder raises at a record that is wrong; anything else that it raises is a bug of ours."""
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


def passed_in_silence(value: bytes) -> Code | None:
    """Say what the decoder is silent about in a record of valid JSON; None when there is nothing. Never raises."""
    found = look(value)
    if found == NOTHING:
        return None
    return Code.TOO_DEEP if found == TOO_DEEP else Code.DUPLICATE_KEY


def classify(value: bytes, error: Exception) -> tuple[Code, str]:
    """Say what is wrong with a record at which the decoder raised one of `REFUSALS`. Never raises.

    Encoding comes first, then JSON, depth and repeated keys, then the fields.
    """
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
    silent = passed_in_silence(value)
    return _invalid_field(error) if silent is None else (silent, CODE_MEANINGS[silent])
