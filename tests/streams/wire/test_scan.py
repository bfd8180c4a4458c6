"""The scan of record bytes against the decoder: same records, same values, same codes, whatever the bytes."""

import json
import random
from dataclasses import fields
from typing import Any, get_type_hints

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness.workload import event_lines
from detector.columns import call_columns
from detector.columns.call_columns import CallBatch, build_batch, build_columns
from detector.columns.facts import SPAN_FIELDS, TEXT_FIELDS
from detector.contract.events import Attestation, CallEnd, CallSetup, ReleasedBy, Role, Treatment
from detector.contract.numbers import normal_form
from streams.wire import reading
from streams.wire import scan as scan_module
from streams.wire.decoder import decode
from streams.wire.record_columns import records_of
from streams.wire.records import SetupRecord
from streams.wire.scan import scan
from streams.wire.scan_tables import END, ODD, SETUP, make_tables
from tests.streams.wire.malformed import KINDS, corpus, good_setup

SEED = 3
KERNELS: list[Any] = [scan_module._scan, call_columns._fill]
FORMATTED = (
    "anonymous", "+1-202-555-0101", "tel:+12025550101", "TEL:+1(202)555.0101", "sip:+12025550101@host;user=phone",
    "+12025550101;verstat=TN-Validation-Passed", " +12025550101", "sip:anonymous@anonymous.invalid", "tel:911", "a:b",
    '"A" <sip:+12025550101@host>', "<+12025550101>", "+12025550101x5", "+12025550101 Ext 5", "+12025550101#",
    "+1/202/555/0101", "+12025550101:5060", "+12025550101\n", "+1\u2011202\u2011555\u20110101", "sip:%2B12025550101@h",
)  # fmt: skip
"""Numbers as switches write them, and what only looks like it."""
HINTS = {**get_type_hints(CallSetup), **get_type_hints(CallEnd)}
FIELDS = {field.name: field for field in (*fields(CallSetup), *fields(CallEnd))}
CHOICES: dict[str, list[str]] = {
    "own_attestation": list(Attestation),
    "attestation": list(Attestation),
    "role": list(Role),
    "released_by": list(ReleasedBy),
    "treatment": list(Treatment),
}


def columns_of(batch: CallBatch) -> dict[str, list[int]]:
    skipped = {"n", "events", "texts"}
    return {field.name: getattr(batch, field.name).tolist() for field in fields(CallBatch) if field.name not in skipped}


def written(batch: CallBatch) -> list[list[bytes | None]]:
    """Texts of a batch as they stand in its bytes."""
    assert batch.texts is not None
    data = batch.texts.data.tobytes()
    return [[None if start < 0 else data[start:stop] for start, stop in spans] for spans in batch.texts.spans.tolist()]


def assert_as_decoded(values: list[bytes | None]) -> None:
    """Compare the scan with the decoder alone."""
    records = records_of(values)
    read = reading.read(records)
    twin = decode(records, np.arange(len(values)))
    events = list(twin.events.values())

    assert read.rejected == twin.rejected
    assert read.positions.tolist() == list(twin.events)
    is_setup = [type(event) is SetupRecord for event in events]
    assert read.facts.is_setup.tolist() == is_setup
    scanned = build_columns(read.facts, read.events, read.positions, seed=SEED)
    decoded = build_batch(events, is_setup, list(twin.events), seed=SEED)
    assert columns_of(scanned) == columns_of(decoded)
    assert written(scanned) == [
        [None if text is None else msgspec.json.encode(text)[1:-1] for text in (getattr(e, n) for n in TEXT_FIELDS)]
        for e in events
    ]
    assert read.events == events
    assert scan(records).facts.data.dtype == np.uint8


def read_columns(value: bytes) -> dict[str, list[int]]:
    """Columns of one record."""
    read = reading.read(records_of([value]))
    return columns_of(build_columns(read.facts, read.events, read.positions, seed=SEED))


def _beyond(low: int, high: int) -> st.SearchStrategy[int]:
    """Integers about both bounds."""
    return st.sampled_from([low, low + 1, high - 1, high, low - 1, high + 1])


def _within(low: int, high: int) -> st.SearchStrategy[int]:
    return st.sampled_from([low, high]) | st.integers(low, high)


def _text_of(length: int) -> str:
    return "+" * min(length, 1) + "5" * (length - 1)


def _texts(low: int, high: int) -> st.SearchStrategy[str]:
    plain = st.text("+0123456789", min_size=low, max_size=13) | st.sampled_from(["TN-Validation-Passed", *FORMATTED])
    return plain | _within(low, high).map(_text_of) | st.sampled_from(["+12025550100", "a/b", "TN-Validation-Failed-A"])


def _good(name: str) -> st.SearchStrategy[Any]:
    bounds, hint = FIELDS[name].metadata["bounds"], str(HINTS[name])
    if name in CHOICES:
        return st.sampled_from(CHOICES[name])
    if "list" in hint:
        longest = [["1"] * bounds["max_items"], [_text_of(bounds["max_length"])]]
        return st.lists(_texts(0, 9), max_size=3) | st.sampled_from(longest)
    if "bool" in hint:
        return st.booleans()
    if "int" in hint:
        return _within(bounds["ge"], bounds["le"])
    return _texts(bounds.get("min_length", 0), bounds["max_length"])


def _wild(name: str) -> st.SearchStrategy[Any]:
    """What is odd, or wrong, or nearly."""
    bounds, hint = FIELDS[name].metadata["bounds"], str(HINTS[name])
    odd: st.SearchStrategy[Any] = st.sampled_from([None, 0, -1, 1.5, 10**30, "x", "", [], {}, True, "A ", ["1"] * 17])
    if "int" in hint:
        return odd | _beyond(bounds["ge"], bounds["le"])
    texts = st.sampled_from(["a\\b", 'a"b', "\x7f", "\n", "é", "📞"])
    if "max_length" in bounds:
        texts |= _beyond(bounds.get("min_length", 0), bounds["max_length"]).map(_text_of)
    return odd | (texts.map(lambda text: [text]) if "list" in hint else texts)


_UNKNOWN_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab\\é", max_size=2), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """A record of the contract, nearly, written one way or another."""
    domain = draw(st.sampled_from([CallSetup, CallSetup, CallEnd]))
    rng = random.Random(draw(st.integers(0, 2**32)))
    names = [field.name for field in fields(domain)]
    optional = [name for name in names if "None" in str(HINTS[name])]
    kept = [name for name in names if name not in optional] + draw(st.lists(st.sampled_from(optional), unique=True))
    wild = draw(st.sampled_from([[], [], [draw(st.sampled_from(kept))], kept]))
    record = {name: draw(_wild(name) if name in wild else _good(name)) for name in kept}
    record["type"] = "call_setup" if domain is CallSetup else "call_end"
    if draw(st.integers(0, 9)) == 0:
        del record[draw(st.sampled_from(sorted(record)))]
    record |= draw(st.dictionaries(st.sampled_from(["x", "", "type_", "call_ids", "end_time_ms", "privacy", "q" * 30]),
                                   _UNKNOWN_VALUES, max_size=2))  # fmt: skip
    items = list(record.items())
    if draw(st.booleans()):
        rng.shuffle(items)
    if draw(st.integers(0, 9)) == 0 and items:
        items.append(rng.choice(items))
    return _write(items, rng).encode("utf-8", "surrogatepass")


def _write(items: list[tuple[str, Any]], rng: random.Random) -> str:
    spaces = rng.choice(["", "", " ", "\n\t", "\r "])
    as_ascii = rng.random() < 0.5
    inside = f",{spaces}".join(
        f"{json.dumps(name)}{spaces}:{spaces}{json.dumps(value, ensure_ascii=as_ascii)}" for name, value in items
    )
    return f"{spaces}{{{spaces}{inside}{spaces}}}{spaces}"


_SNIPPETS = [
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b" ", b"\x00", b"\x1f", b"\x7f", b"\x80", b"\xff", b"0", b"-",
    b".", b"e", b"1e5", b"null", b"nul", b"true", b"false", b"fals", b"\\u0041", b"\\ud800", b"\\n", b"\\q", b"01",
    b"-0", b'"x":1,', b',"x":{"a":1,"a":2}', b'"type":"call_end",', "é".encode(), b"NaN", b"//", b"9" * 25,
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A record with a few bytes changed."""
    value = bytearray(draw(records()))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(value)))
        stop = min(len(value), start + draw(st.sampled_from([0, 0, 1, 1, 2, 9, 40])))
        value[start:stop] = draw(st.sampled_from([b"", *_SNIPPETS]))
    return bytes(value)


JUNK = st.binary(max_size=60) | st.text('{}[]",:\\a1', max_size=60).map(str.encode) | st.none()
ANY = st.integers(0, 9).flatmap(lambda draw: JUNK if draw == 9 else mutated() if draw > 5 else records())


@settings(max_examples=400)
@given(st.lists(ANY, max_size=5))
def test_scan_and_decoder_read_the_same(values: list[bytes | None]) -> None:
    """Valid, nearly valid and hostile records, beside each other: events, columns, texts, codes and messages."""
    assert_as_decoded(values)


def test_scan_and_decoder_read_the_same_of_the_malformed() -> None:
    """The corpus of malformed records, with good ones between them."""
    rng = random.Random(5)
    values: list[bytes | None] = []
    for _, record in corpus(6 * len(KINDS), seed=17):
        values += [record, good_setup(rng)]

    assert_as_decoded(values)


def test_scan_and_decoder_read_the_same_of_damaged_traffic() -> None:
    """Each byte of a record taken out, doubled, and replaced by each byte that means something."""
    line = event_lines(30, seed=2)[20]
    cut = [line[:i] + line[i + 1 :] for i in range(len(line))]
    doubled = [line[:i] + line[i : i + 1] + line[i:] for i in range(len(line))]
    replaced = [
        line[:i] + byte + line[i + 1 :] for i in range(len(line)) for byte in (b'"', b"\\", b"}", b"\x00", b"0")
    ]

    for values in (cut, doubled, replaced):
        assert_as_decoded(list(values))


def test_what_switches_send_is_never_odd() -> None:
    """Generated traffic needs no decoder; and in any order of the fields, with any spaces, with unknown fields."""
    lines = event_lines(2_000, seed=7)
    rng = random.Random(1)
    varied: list[bytes | None] = []
    for line in lines:
        items = list((json.loads(line) | {"x": [{"a": -1.5, "b": {}}, True, None, "a\\n"]}).items())
        rng.shuffle(items)
        varied.append(_write(items, rng).encode())

    assert scan(records_of(lines)).verdicts.tolist() == [SETUP if b"call_setup" in line else END for line in lines]
    assert scan(records_of(varied)).odd == 0
    assert_as_decoded(varied[:500])


def _longest(name: str, hint: str, bounds: dict[str, int]) -> Any:
    if name in CHOICES:
        return CHOICES[name][-1]
    if "list" in hint:
        return ['ppt="shaken"'] * bounds["max_items"]
    if "bool" in hint:
        return True
    return bounds["le"] if "int" in hint else _text_of(bounds["max_length"])


def test_full_records_are_not_odd() -> None:
    """Every field of the contract, at its longest, with the escapes that Identity headers need."""
    record: dict[str, Any] = {"type": "call_setup"}
    for field in fields(CallSetup):
        bounds, hint = field.metadata["bounds"], str(HINTS[field.name])
        record[field.name] = _longest(field.name, hint, bounds)
    value = msgspec.json.encode(record)

    assert scan(records_of([value])).verdicts.tolist() == [SETUP]
    assert_as_decoded([value])


def test_warming_up_compiles_all_that_any_record_needs() -> None:
    """No record, plain or odd, waits for a compiler afterwards."""
    reading.warm()
    build_batch([], [], seed=SEED)
    ready = [len(kernel.dispatcher.signatures) for kernel in KERNELS]

    assert_as_decoded(
        [good_setup(random.Random(1)), b"{", None, good_setup(random.Random(1)).replace(b"tr", b"\\u0041")]
    )

    assert [len(kernel.dispatcher.signatures) for kernel in KERNELS] == ready == [1] * len(KERNELS)


@pytest.mark.parametrize("name", ["calling_number", "call_id", "switch_id", "verstat", "origid"])
def test_a_read_text_with_an_escape_goes_through_the_decoder(name: str) -> None:
    """Its bytes are not its text."""
    value = msgspec.json.encode(json.loads(good_setup(random.Random(1))) | {name: 'a"b\\c\né'})

    assert scan(records_of([value])).verdicts.tolist() == [ODD]
    assert_as_decoded([value, good_setup(random.Random(2)), value])


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        (",".join(f'"x{n}":{n}' for n in range(32)), ",".join(f'"x{n}":{n}' for n in range(33))),
        ('"x":' + "[" * 16 + "]" * 16, '"x":' + "[" * 17 + "]" * 17),
        ('"x":' + '{"a":' * 16 + "1" + "}" * 16, '"x":' + '{"a":' * 17 + "1" + "}" * 17),
        ('"x":-' + "9" * 18 + "." + "9" * 18, '"x":-' + "9" * 19),
        ('"x":0.' + "0" * 18, '"x":0.' + "0" * 19),
        ('"x":"\\n\\t\\/\\""', '"x":"\\u0041"'),
        ('"x":0', '"x":0e1'),
    ],
)
def test_bounds_of_what_the_scan_takes_itself(within: str, beyond: str) -> None:
    """Beyond them a record goes through the decoder, and is read all the same."""
    good = good_setup(random.Random(1))
    taken, left = (good[:-1] + b"," + member.encode() + b"}" for member in (within, beyond))

    assert scan(records_of([taken, left])).verdicts.tolist() == [SETUP, ODD]
    assert len(reading.read(records_of([taken, left])).events) == 2
    assert_as_decoded([taken, left])


NEARLY_JSON = [
    "1.", "-", "-1.", "01", "-01", ".5", "+1", "--1", "1 2", "1e", "0x1", "fals", "falsy", "nulL", "tru", "True", "nan",
    "[1}", '{"a":1]', "[1,]", "[,1]", '{"a":1,}', '{"a"}', "{,}", "{1:2}", "[", "]", "[1 2]", '{"a":1 "b":2}', "'a'",
    '{"a" 1}', '{"a":}', '"a', '"a\x01b"', '"\x1f"', '"\\q"', '"\\', "", "/**/1", '[{"a":[1}]', '{"a":{"b":1]}',
]  # fmt: skip


@pytest.mark.parametrize("text", NEARLY_JSON)
@pytest.mark.parametrize("name", ["x", "q850_cause", "privacy", "identity", "user_agent"])
def test_what_is_nearly_json_is_odd(name: str, text: str) -> None:
    """In a field that nobody knows, as in any other; and so is text that is not ASCII."""
    good = good_setup(random.Random(1)).replace(b'"privacy"', b'"p"').replace(b'"user_agent"', b'"u"')
    value = good[:-1] + f',"{name}":{text}}}'.encode()
    strange = [value.replace(text.encode(), b'"' + byte + b'"') for byte in (b"\x80", b"\xc3\xa9", b"\xff")]

    assert scan(records_of([value, *strange])).odd == len(strange) + 1
    assert_as_decoded([value, *strange, good])


@pytest.mark.parametrize("written", FORMATTED[1:])
@pytest.mark.parametrize("name", ["calling_number", "called_number", "from_number"])
def test_a_formatted_number_goes_through_the_decoder(name: str, written: str) -> None:
    """Which alone knows its normal form; a plain number beside it does not."""
    good = json.loads(good_setup(random.Random(1)))
    odd, plain = (msgspec.json.encode(good | {name: number}) for number in (written, normal_form(written)))

    assert scan(records_of([odd])).verdicts.tolist() == [ODD]
    assert_as_decoded([odd, plain])
    assert read_columns(odd) == read_columns(plain)


def test_an_end_may_leave_out_when_its_call_was_set_up() -> None:
    """Absent is plain; null goes through the decoder, which refuses it of a set-up and takes it of an end."""
    setup = json.loads(good_setup(random.Random(1)))
    end = setup | {"type": "call_end", "end_time_ms": setup["setup_time_ms"] + 9, "sip_status": 603}
    silent = {name: value for name, value in end.items() if name != "setup_time_ms"} | {"treatment": "block"}
    null = {"setup_time_ms": None}
    values: list[bytes | None] = [msgspec.json.encode(one) for one in (silent, end | null, setup | null)]

    assert scan(records_of(values)).verdicts.tolist() == [END, ODD, ODD]
    assert [refused.position for refused in reading.read(records_of(values)).rejected] == [2]
    assert_as_decoded([*values, good_setup(random.Random(2))])


def test_a_character_that_is_escaped_counts_once() -> None:
    """Bounds are in characters."""
    good = json.loads(good_setup(random.Random(1)))
    longest, longer = (msgspec.json.encode(good | {"user_agent": '"' * length}) for length in (256, 257))

    assert scan(records_of([longest, longer])).verdicts.tolist() == [SETUP, ODD]
    assert_as_decoded([longest, longer])


def test_tables_follow_the_contract() -> None:
    """Every field of both dataclasses is there once, found by its own name."""
    tables = make_tables()

    assert len(tables.fields) == len({*FIELDS, "type"})
    assert sorted(tables.slots[tables.slots >= 0].tolist()) == list(range(len(tables.fields)))
    assert set(SPAN_FIELDS) <= set(FIELDS)
