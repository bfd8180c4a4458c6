"""The wire records are the domain's types, field for field, and their bytes are what the contract says."""

import base64
import dataclasses
from types import GenericAlias
from typing import Any, cast, get_args

import msgspec
import pytest

from detector.columns.decision_ids import decision_id
from detector.contract.decisions import (
    PLAIN_ALLOW,
    Action,
    Decision,
    Label,
    Mode,
    Outcome,
    Reason,
    SipAnswer,
    Step,
    Versions,
    decide,
)
from detector.contract.events import LATEST_TIME_MS, Attestation, CallEnd, CallSetup, Feedback
from streams.wire import records
from streams.wire.refusals import MESSAGE_LIMIT

PAIRS: list[tuple[Any, Any]] = [
    (CallSetup, records.SetupRecord),
    (CallEnd, records.EndRecord),
    (Feedback, records.FeedbackRecord),
    (Decision, records.DecisionRecord),
    (records.EntityDecision, records.EntityDecisionRecord),
    (records.DeadLetter, records.DeadLetterRecord),
]
SETUP = (
    b'{"type":"call_setup","call_id":"c1","setup_time_ms":1760000000000,"calling_number":"+12025550101",'
    b'"called_number":"+13125550100","trunk_group_id":"t1"'
)
VERSIONS = Versions("m1", "p1", "f1-0123456789ab")
BLOCK = Outcome(
    Action.BLOCK,
    Step.MODEL,
    (Reason("sequential_dialling", "Numbers were dialled in sequence.", 12.0, 8.0),),
    None,
    SipAnswer(603, "Network Blocked", 'SIP;cause=603;text="v=analytics1;url=https://example.com";location=TN'),
)


def _decision(outcome: Outcome, mode: Mode) -> Decision:
    event = records.EVENT_DECODER.decode(SETUP + b"}")
    assert isinstance(event, records.SetupRecord)
    return decide(event, decision_id(event), outcome, 0.25, mode, 1_760_000_000_005, VERSIONS, records.DecisionRecord)


def _plain(hint: Any) -> Any:
    """Strip msgspec's bounds from a type."""
    if hasattr(hint, "__metadata__"):
        return _plain(hint.__origin__)
    arguments = get_args(hint)
    if type(None) in arguments:
        return _plain(next(a for a in arguments if a is not type(None))) | None
    kind = getattr(hint, "__origin__", None)
    return GenericAlias(kind, (_plain(arguments[0]), *arguments[1:])) if kind in {list, tuple} else hint


@pytest.mark.parametrize(("domain", "record"), PAIRS)
def test_record_has_the_fields_of_its_dataclass(domain: Any, record: Any) -> None:
    """Names, order, types and defaults are equal."""
    hints = {f.name: f.type for f in dataclasses.fields(domain)}
    made = msgspec.structs.fields(record)

    assert [f.name for f in made] == list(hints)
    assert {f.name: _plain(f.type) for f in made} == {name: _plain(hint) for name, hint in hints.items()}
    for wanted, found in zip(dataclasses.fields(domain), made, strict=True):
        if wanted.default is dataclasses.MISSING:
            assert found.default is msgspec.NODEFAULT
        else:
            assert found.default == wanted.default


@pytest.mark.parametrize(("domain", "record"), PAIRS)
def test_record_cannot_be_changed(domain: Any, record: Any) -> None:
    """Records are values: frozen like the dataclass they come from."""
    assert domain.__dataclass_params__.frozen
    assert record.__struct_config__.frozen


@pytest.mark.parametrize(("name", "beyond"), [("setup_time_ms", 946_684_799_999), ("sip_status", 700)])
def test_bounds_of_the_dataclass_hold_on_the_wire(name: str, beyond: int) -> None:
    """The metadata is enforced, not only documented."""
    good: dict[str, Any] = {
        "type": "call_end",
        "call_id": "c",
        "setup_time_ms": 1_760_000_000_000,
        "end_time_ms": 1_760_000_000_000,
        "calling_number": "a",
        "called_number": "b",
        "trunk_group_id": "t",
        "sip_status": 486,
    }
    assert records.EVENT_DECODER.decode(msgspec.json.encode(good))

    with pytest.raises(msgspec.ValidationError, match=name):
        records.EVENT_DECODER.decode(msgspec.json.encode(good | {name: beyond}))


def test_event_without_its_type_is_refused() -> None:
    """The union insists on `type`, which a struct alone would not."""
    untyped = SETUP.replace(b'"type":"call_setup",', b"") + b"}"

    with pytest.raises(msgspec.ValidationError, match="type"):
        records.EVENT_DECODER.decode(untyped)


def test_event_survives_a_round_trip() -> None:
    """What is encoded is decoded, with its type and its enumerations."""
    event = records.EVENT_DECODER.decode(SETUP + b',"attestation":"A","diversion":["+13125550111"]}')
    assert isinstance(event, records.SetupRecord)

    assert event.attestation is Attestation.A
    assert records.encode(event).startswith(b'{"type":"call_setup","call_id":"c1",')
    assert records.EVENT_DECODER.decode(records.encode(event)) == event


def test_plain_allow_has_these_bytes() -> None:
    """Order of the dataclass, nulls explicit, no spaces."""
    assert records.encode(_decision(PLAIN_ALLOW, Mode.ENFORCE)) == (
        b'{"call_id":"c1","decision_id":"%s","action":"allow","mode":"enforce","would_be":null,"decided_by":"allow",'
        b'"score":0.25,"label":null,"reasons":[],"sip":null,"calling_number":"+12025550101",'
        b'"called_number":"+13125550100","trunk_group_id":"t1","switch_id":null,"setup_time_ms":1760000000000,'
        b'"decided_time_ms":1760000000005,"model_version":"m1","policy_version":"p1",'
        b'"feature_schema":"f1-0123456789ab"}' % decision_id(_decision_event()).encode()
    )


def _decision_event() -> CallSetup:
    event = records.EVENT_DECODER.decode(SETUP + b"}")
    assert isinstance(event, records.SetupRecord)
    return event


@pytest.mark.parametrize("mode", list(Mode))
def test_block_survives_a_round_trip(mode: Mode) -> None:
    """Reasons and the SIP answer come back as they were."""
    decision = _decision(BLOCK, mode)

    read = records.DECISION_DECODER.decode(records.encode(decision))

    assert read == decision
    assert (read.action, read.would_be) == ((Action.BLOCK, None) if mode is Mode.ENFORCE else ("allow", "block"))
    assert read.sip == (BLOCK.sip if mode is Mode.ENFORCE else None)


def test_record_and_dataclass_give_the_same_bytes() -> None:
    """`decide` may make either."""
    record = _decision(BLOCK, Mode.ENFORCE)
    plain = Decision(**{f.name: getattr(record, f.name) for f in dataclasses.fields(Decision)})

    assert records.encode(plain) == records.encode(record)


def test_scored_call_is_the_decision_and_its_features() -> None:
    """Every field of the decision, then the features by name, then the margins."""
    decision = _decision(BLOCK, Mode.ENFORCE)

    value = records.scored_call(records.encode(decision), {"attempts_60s": 12.0}, 1.5, 2.25)

    assert records.encode(msgspec.json.decode(value, type=cast("Any", records.ScoredCallRecord))) == value
    scored = msgspec.json.decode(value)
    assert scored.pop("features") == {"attempts_60s": 12.0}
    assert (scored.pop("margin"), scored.pop("group_score")) == (1.5, 2.25)
    assert scored == msgspec.json.decode(records.encode(decision))


def test_entity_decision_survives_a_round_trip() -> None:
    """A standing label comes back as it was."""
    label = Label("Possible scam", "scam")
    standing = records.EntityDecisionRecord(
        "number:+12025550101", Action.LABEL, "scam", label, 1_760_000_000_000, 1_760_003_600_000, "rule", None, "p1"
    )

    assert records.ENTITY_DECISION_DECODER.decode(records.encode(standing)) == standing


def test_dead_letter_carries_the_original_bytes() -> None:
    """Base64 of what came, its length and where it came from."""
    place = ("call-events", 3, 17)
    key, letter = records.dead_letter(place, "invalid_utf8", "Not UTF-8.", b"\xff\x00", 1_760_000_000_000, b"key")

    assert key == b"key"
    assert msgspec.json.decode(letter)["value"] == base64.b64encode(b"\xff\x00").decode()
    assert msgspec.json.decode(letter, type=records.DeadLetterRecord) == records.DeadLetterRecord(
        "call-events", 3, 17, 17, "invalid_utf8", "Not UTF-8.", b"\xff\x00", 2, 3, 1_760_000_000_000
    )


def test_the_dead_letter_of_a_batch_says_which_offsets_are_left_out() -> None:
    """It has no original: that cannot be read, or is too large."""
    letter = records.batch_dead_letter("call-events", 3, (17, 30), "batch_damaged", "Damaged.", 5)

    assert msgspec.json.decode(letter, type=records.DeadLetterRecord) == records.DeadLetterRecord(
        "call-events", 3, 17, 30, "batch_damaged", "Damaged.", None, 0, 0, 5
    )


def test_dead_letter_of_a_huge_record_fits_any_topic() -> None:
    """Key and value are cut, and say how long they were; the rest is as large as it can be. Kafka takes 1 MiB."""
    place = ("t" * 249, 2**31 - 1, 2**63 - 1)
    key, huge = records.dead_letter(
        place, "too_large", "\x01" * MESSAGE_LIMIT, b"x" * 900_000, LATEST_TIME_MS, bytes(3 * 1024 * 1024)
    )
    found = msgspec.json.decode(huge, type=records.DeadLetterRecord)

    assert len(key) + len(huge) <= records.DEAD_LETTER_LIMIT_BYTES < 1_000_000
    assert (found.value_bytes, found.key_bytes) == (900_000, 3 * 1024 * 1024)
    assert (len(found.value or b""), len(key)) == (512 * 1024, 1024)


def test_dead_letter_of_a_record_without_key_and_value() -> None:
    """It says null, and its own key is empty."""
    key, letter = records.dead_letter(("call-events", 0, 0), "empty", "Empty.", None, 0)
    found = msgspec.json.decode(letter, type=records.DeadLetterRecord)

    assert (key, found.value, found.value_bytes, found.key_bytes) == (b"", None, 0, 0)
