"""The wire records: msgspec structs generated from the domain's dataclasses, so that contract and code cannot drift.

A record has the fields, order, defaults and bounds of its dataclass. To the type checker it *is* its dataclass (one
cast in `_record`): whatever reads `CallSetup` by attribute reads `SetupRecord` too. Knows no transport.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from enum import StrEnum
from types import GenericAlias
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

import msgspec

from detector.contract.decisions import Action, Decision, Label
from detector.contract.events import TEXT_LIMIT, CallEnd, CallEvent, CallSetup, Feedback, documented
from detector.policy.lists import NUMBER_ENTITY
from detector.policy.standing import MAX_TRUNKS

T = TypeVar("T")

DEAD_LETTER_VALUE_LIMIT_BYTES = 512 * 1024
DEAD_LETTER_KEY_LIMIT_BYTES = 1024
"""Room for the key of any record that keeps the contract: a number has at most 256 characters."""
DEAD_LETTER_LIMIT_BYTES = 704 * 1024
"""No dead letter is larger, its key included: less than the 1 MiB that a topic takes unless told otherwise."""


@dataclass(frozen=True, slots=True)
class EntityDecision:
    """A standing decision on a number or a trunk group. Expires by itself; a null value deletes it."""

    entity: str = documented(
        "`number:` and the E.164 number, or `trunk:` and the trunk group; also the key.",
        max_length=len(NUMBER_ENTITY) + TEXT_LIMIT,
    )
    action: Action = documented("What to do with its calls: `label` or `block`.")
    category: str = documented("Category that the policy put it in.", max_length=TEXT_LIMIT)
    label: Label | None = documented("Shown to the called party when the action is `label`; else null.")
    since_ms: int = documented("From when it holds.")
    expires_ms: int = documented("From this instant on it no longer holds.")
    source: str = documented("Who decided: a step of the policy, or an operator.", max_length=TEXT_LIMIT)
    decision_id: str | None = documented(
        "The decision on a call that led to it, where there was one.", max_length=TEXT_LIMIT
    )
    policy_version: str = documented("Version of the policy that decided.", max_length=TEXT_LIMIT)
    trunk_group_ids: tuple[str, ...] | None = documented(
        "Of a number: calls by these trunk groups that no verified signature of attestation A vouches for.",
        default=None,
        max_length=TEXT_LIMIT,
        max_items=MAX_TRUNKS,
    )
    signed: bool | None = documented(
        "Of a number: whether calls that such a signature vouches for are meant. With both null all calls are.",
        default=None,
    )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be used, and why. The message names fields, never their values."""

    topic: str = documented("Topic that it came from.")
    partition: int = documented("Partition that it came from.")
    offset: int = documented("Offset in that partition; of a batch, that of its first record.")
    last_offset: int = documented("The same as `offset`; of a batch that cannot be read, that of its last record.")
    code: str = documented("What is wrong, for a program.")
    message: str = documented("What is wrong, for a person.")
    value: bytes | None = documented("Original bytes, base64, cut after 512 KiB; null when there were none.")
    value_bytes: int = documented("Length of the original, which tells whether `value` was cut.")
    key_bytes: int = documented(
        "Length of the original key, which tells whether this record's key was cut after 1 KiB."
    )
    rejected_time_ms: int = documented("When it was refused.")


_CUT = ("max_length", "max_items")
_CALLERS_TEXTS = frozenset({"call_id", "calling_number", "called_number"})
"""Required, and written by the caller: no text of theirs may cost a call its decision."""


def may_be_longer(f: Field[Any]) -> bool:
    """Whether a field of an event may be longer than its bound: one that is optional, or that the caller writes."""
    return f.default is not MISSING or f.name in _CALLERS_TEXTS


def _enforced(f: Field[Any], *, is_event: bool) -> Mapping[str, Any]:
    """Bounds of a field that refuse a record."""
    bounds = f.metadata.get("bounds", {})
    if is_event and may_be_longer(f):
        return {name: bound for name, bound in bounds.items() if name not in _CUT}
    return dict(bounds)


def choices_of(domain: type[Any]) -> dict[str, type[StrEnum]]:
    """The fields of a dataclass that may be one of a few texts or null, and which texts."""
    found = {name: next(iter(get_args(hint)), None) for name, hint in get_type_hints(domain).items()}
    return {name: hint for name, hint in found.items() if isinstance(hint, type) and issubclass(hint, StrEnum)}


def _bounded(hint: Any, bounds: Mapping[str, Any]) -> Any:
    """Put the bounds of a field where msgspec looks for them: on the string, number or list inside of an optional."""
    if not bounds:
        return hint
    arguments = get_args(hint)
    if type(None) in arguments:
        return _bounded(next(a for a in arguments if a is not type(None)), bounds) | None
    if (kind := get_origin(hint)) in {list, tuple}:
        rest = {k: v for k, v in bounds.items() if k != "max_items"}
        items = GenericAlias(kind, (_bounded(arguments[0], rest), *arguments[1:]))
        return Annotated[items, msgspec.Meta(max_length=bounds["max_items"])] if "max_items" in bounds else items
    return Annotated[hint, msgspec.Meta(**bounds)]


def _fields(domain: type[Any], *, is_loose: bool) -> list[Any]:
    hints = get_type_hints(domain)
    if is_loose:
        hints |= dict.fromkeys(choices_of(domain), str | None)
    made: list[Any] = []
    for f in fields(domain):
        hint = _bounded(hints[f.name], _enforced(f, is_event=domain in {CallSetup, CallEnd}))
        made.append((f.name, hint) if f.default is MISSING else (f.name, hint, f.default))
    return made


def _record(
    name: str, domain: type[T], *, tag: str | None = None, more: tuple[Any, ...] = (), is_loose: bool = False
) -> type[T]:
    """Make the wire record of a dataclass; `more` are fields that only the record has, appended at its end.

    In a loose one, what may be one of a few texts may be any text.
    """
    made = _fields(domain, is_loose=is_loose)
    record = msgspec.defstruct(
        name,
        [*made, *more],
        module=__name__,
        namespace={"__doc__": domain.__doc__},
        tag_field=None if tag is None else "type",
        tag=tag,
        frozen=True,
        gc=False,
        kw_only=domain in {CallSetup, CallEnd, Feedback},
    )
    return cast("type[T]", record)


SetupRecord = _record("SetupRecord", CallSetup, tag="call_setup")
EndRecord = _record("EndRecord", CallEnd, tag="call_end")
LooseSetupRecord = _record("LooseSetupRecord", CallSetup, tag="call_setup", is_loose=True)
LooseEndRecord = _record("LooseEndRecord", CallEnd, tag="call_end", is_loose=True)
FeedbackRecord = _record("FeedbackRecord", Feedback)
DecisionRecord = _record("DecisionRecord", Decision)
EntityDecisionRecord = _record("EntityDecisionRecord", EntityDecision)
DeadLetterRecord = _record("DeadLetterRecord", DeadLetter)
ScoredCallRecord: Callable[..., Decision] = _record(
    "ScoredCallRecord",
    Decision,
    more=(
        ("features", Annotated[dict[str, float], msgspec.Meta(description="Value of every feature, by name.")]),
        (
            "margin",
            Annotated[float | None, msgspec.Meta(description="Log-odds that the score was made of; null with it.")],
            None,
        ),
        (
            "group_score",
            Annotated[float | None, msgspec.Meta(description="The margin with what the calls around the call add.")],
            None,
        ),
    ),
)
"""A decision, and after its fields `features`: the vector that was scored, by name (-1 = not enough data).

Behind it stand margins, which records of builds of before do not have."""

# A struct alone accepts a record without its `type`; the union refuses it, so events are only read through the union.
EVENT_DECODER = cast(
    "msgspec.json.Decoder[CallEvent]", msgspec.json.Decoder(cast("Any", SetupRecord) | cast("Any", EndRecord))
)
_LOOSE_EVENT_DECODER = cast(
    "msgspec.json.Decoder[CallEvent]", msgspec.json.Decoder(cast("Any", LooseSetupRecord) | cast("Any", LooseEndRecord))
)
FEEDBACK_DECODER = msgspec.json.Decoder(FeedbackRecord)
DECISION_DECODER = msgspec.json.Decoder(DecisionRecord)
ENTITY_DECISION_DECODER = msgspec.json.Decoder(EntityDecisionRecord)

_ENCODER = msgspec.json.Encoder()


def decode_event(value: bytes) -> CallEvent:
    """Decode a call event as it was written; give it to `streams.wire.repairs.repair` before it is used.

    Args:
        value: The record.

    Raises:
        msgspec.MsgspecError: It breaks the contract.
        UnicodeDecodeError: It is no UTF-8.
        RecursionError: It nests too deep.
    """
    try:
        return EVENT_DECODER.decode(value)
    except msgspec.ValidationError:
        return _LOOSE_EVENT_DECODER.decode(value)


def encode(record: object) -> bytes:
    """Encode any record: fields in contract order, nulls explicit, no space, UTF-8.

    A plain `Decision` gives the same bytes as a `DecisionRecord`, slower.
    """
    return _ENCODER.encode(record)


def scored_call(decision: bytes, features: Mapping[str, float], margin: float, group_score: float) -> bytes:
    """Encode the `scored-calls` record of a decision: the published bytes with three fields more at their end.

    Args:
        decision: As `encode` made it.
        features: What the decision was taken on, by name.
        margin: Log-odds that the score was made of; NaN where the model was not asked.
        group_score: The same with what the calls around the call add.
    """
    margins = b',"margin":' + _ENCODER.encode(margin) + b',"group_score":' + _ENCODER.encode(group_score)
    return decision[:-1] + b',"features":' + _ENCODER.encode(features) + margins + b"}"


def dead_letter(
    place: tuple[str, int, int],
    code: str,
    message: str,
    value: bytes | None,
    rejected_time_ms: int,
    key: bytes | None = None,
) -> tuple[bytes, bytes]:
    """Make the dead letter of one refused record.

    Args:
        place: Topic, partition and offset of the record.
        code: What is wrong with it.
        message: The same for a person.
        value: Its value, cut after `DEAD_LETTER_VALUE_LIMIT_BYTES`.
        rejected_time_ms: Now, epoch milliseconds.
        key: Its key, cut after `DEAD_LETTER_KEY_LIMIT_BYTES`.

    Returns:
        Key and value of the letter, together at most `DEAD_LETTER_LIMIT_BYTES`.
    """
    key, kept = key or b"", None if value is None else value[:DEAD_LETTER_VALUE_LIMIT_BYTES]
    lengths = len(value or b""), len(key)
    letter = DeadLetterRecord(*place, place[2], code, message, kept, *lengths, rejected_time_ms)
    return key[:DEAD_LETTER_KEY_LIMIT_BYTES], _ENCODER.encode(letter)


def batch_dead_letter(
    topic: str, partition: int, offsets: tuple[int, int], code: str, message: str, rejected_time_ms: int
) -> bytes:
    """Encode the dead letter of a batch that cannot be read, by its first and last offset; it has no original."""
    return _ENCODER.encode(DeadLetterRecord(topic, partition, *offsets, code, message, None, 0, 0, rejected_time_ms))
