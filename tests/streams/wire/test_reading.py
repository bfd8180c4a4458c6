"""Reading call events: each record on its own, each refusal with its code, nothing leaked, nothing raised."""

import json
import random
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.contract.events import MAX_RECORD_BYTES
from streams.wire.reading import Reading, read
from streams.wire.record_columns import records_of
from streams.wire.refusals import MESSAGE_LIMIT, Code
from tests.streams.wire.malformed import KINDS, corpus, good_setup

END = (
    b'{"type":"call_end","call_id":"c","setup_time_ms":1760000000000,"end_time_ms":1760000009000,'
    b'"calling_number":"anonymous","called_number":"911","trunk_group_id":"t","sip_status":200}'
)


def read_all(values: Sequence[bytes | None]) -> Reading:
    return read(records_of(values))


def _good(seed: int = 1) -> bytes:
    return good_setup(random.Random(seed))


def _member(text: bytes) -> bytes:
    return _good()[:-1] + b"," + text + b"}"


def test_every_kind_of_damage_gets_its_code() -> None:
    """2,000 reproducible malformed records, every one refused with the code that its kind calls for."""
    cases = list(corpus(2_000, seed=7))

    reading = read_all([record for _, record in cases])

    assert reading.events == []
    assert [(r.position, cases[r.position][0].name, r.code) for r in reading.rejected] == [
        (position, kind.name, kind.code) for position, (kind, _) in enumerate(cases)
    ]
    assert {kind.code for kind in KINDS} == set(Code) - {Code.BATCH_DAMAGED, Code.BATCH_TOO_LARGE}  # of no record
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 40


def test_corpus_is_reproducible() -> None:
    """A seed names a corpus."""
    assert [r for _, r in corpus(200, seed=3)] == [r for _, r in corpus(200, seed=3)]
    assert [r for _, r in corpus(200, seed=3)] != [r for _, r in corpus(200, seed=4)]


def test_poison_does_not_affect_its_neighbours() -> None:
    """Good records between malformed ones come out as they would alone, in order, at their positions."""
    poison = [record for _, record in corpus(300, seed=11)]
    rng = random.Random(12)
    good = [good_setup(rng) for _ in poison]
    mixed = [record for pair in zip(good, poison, strict=True) for record in pair]

    reading = read_all(mixed)

    assert reading.events == read_all(good).events
    assert reading.positions.tolist() == list(range(0, len(mixed), 2))
    assert [r.position for r in reading.rejected] == list(range(1, len(mixed), 2))


def test_messages_name_fields_and_never_values() -> None:
    """A message is one short sentence without any value of the record, so without a phone number."""
    for rejected in read_all([record for _, record in corpus(len(KINDS) * 2, seed=5)]).rejected:
        assert len(rejected.message) <= MESSAGE_LIMIT
        assert rejected.message.endswith(".")
        assert "555" not in rejected.message
        assert "\n" not in rejected.message


def test_message_says_which_field_is_wrong() -> None:
    """The reader of a dead letter learns the field."""
    bad = json.dumps(json.loads(_good()) | {"called_number": 17}).encode()

    assert read_all([bad]).rejected[0].message == "The field `called_number` is wrong: expected `str`, got `int`."


def test_setups_and_ends_are_told_apart_in_order() -> None:
    """`is_setup` runs beside the events."""
    reading = read_all([END, _good(), END])

    assert reading.facts.is_setup.tolist() == [False, True, False]
    assert reading.events[0].calling_number == "anonymous"


def test_no_value_is_refused_as_empty() -> None:
    """A tombstone on call-events is no event."""
    assert [r.code for r in read_all([None]).rejected] == [Code.EMPTY]


def test_empty_batch_is_an_empty_reading() -> None:
    """No record, no work."""
    reading = read_all([])

    assert (len(reading.events), reading.positions.tolist(), reading.rejected) == (0, [], [])
    assert len(reading.facts.is_setup) == 0


def test_largest_permitted_record_is_read() -> None:
    """16 KiB is in, one byte more is out."""
    padded = _good() + b" " * (MAX_RECORD_BYTES - len(_good()))

    assert len(read_all([padded]).events) == 1
    assert read_all([padded + b" "]).rejected[0].code is Code.TOO_LARGE


@pytest.mark.parametrize(
    "member",
    [
        b'"x":{"a":{"a":1},"b":[{"a":1},{"a":2}]}',
        b'"x":"{\\"call_id\\":1,\\"call_id\\":2}"',
        b'"call_\\u0069dx":1',
        b'"x":"call_id","y":"call_id"',
        b'"x":["call_id","call_id"]',
        '"x":"žluťoučký 📞"'.encode(),
        b'"x":' + b"1" * 5_000,
        b'"x":' + b"[" * 63 + b"]" * 63,
    ],
)
def test_unknown_fields_are_ignored_whatever_they_hold(member: bytes) -> None:
    """An unknown field with any valid JSON does not refuse the record."""
    assert read_all([_member(member)]).events == read_all([_good()]).events


def test_depth_limit_does_not_depend_on_the_stack() -> None:
    """Replay and worker refuse the same records, however deep they stand when they call."""
    record = _member(b'"x":' + b"[" * 64 + b"]" * 64)

    def deep(levels: int) -> Code:
        return read_all([record]).rejected[0].code if levels == 0 else deep(levels - 1)

    assert deep(0) is deep(sys.getrecursionlimit() // 2) is Code.TOO_DEEP


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=200) | st.text('{}[]",:\\a1', max_size=80).map(str.encode), max_size=8))
def test_any_bytes_are_read_without_an_error(values: list[bytes]) -> None:
    """Every value is either an event or refused, never both, never lost."""
    reading = read_all(values)

    assert sorted([*reading.positions.tolist(), *(r.position for r in reading.rejected)]) == list(range(len(values)))
