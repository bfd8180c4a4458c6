"""Malformed call events, one generator a kind, reproducible by seed. Used by the intake tests and end to end."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from detector.contract.events import MAX_RECORD_BYTES

Damage = Callable[[random.Random, bytes], bytes]

REQUIRED = ("call_id", "setup_time_ms", "calling_number", "called_number", "trunk_group_id")
TEXTS = ("call_id", "calling_number", "called_number", "trunk_group_id", "verstat", "user_agent")


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to be malformed, and the code that intake must answer it with."""

    name: str
    damage: Damage
    code: str


def good_setup(rng: random.Random) -> bytes:
    """Make a valid call_setup of about 400 bytes."""
    record = {
        "type": "call_setup",
        "call_id": f"{rng.getrandbits(64):016x}@sbc{rng.randrange(9)}.example.net",
        "setup_time_ms": 1_760_000_000_000 + rng.randrange(86_400_000),
        "calling_number": f"+1202555{rng.randrange(10_000):04d}",
        "called_number": f"+1312555{rng.randrange(10_000):04d}",
        "trunk_group_id": f"trunk-{rng.randrange(40)}",
        "switch_id": f"switch-{rng.randrange(4)}",
        "verstat": "TN-Validation-Passed",
        "attestation": rng.choice("ABC"),
        "user_agent": "SBC/9.2",
        "privacy": rng.random() < 0.1,
        "diversion": ["+13125550100"],
    }
    return json.dumps(record, separators=(",", ":")).encode()


def _with(field: str, make: Callable[[random.Random], Any]) -> Damage:
    def damage(rng: random.Random, good: bytes) -> bytes:
        return json.dumps(json.loads(good) | {field: make(rng)}, separators=(",", ":")).encode()

    return damage


def _without(field: str) -> Damage:
    def damage(_: random.Random, good: bytes) -> bytes:
        record = json.loads(good)
        del record[field]
        return json.dumps(record).encode()

    return damage


def _ending(text: bytes) -> Damage:
    """Append a member, as raw bytes, to the good record."""
    return lambda _, good: good[:-1] + b"," + text + b"}"


def _number_as(text: bytes) -> Damage:
    """Write the setup time as these raw bytes."""

    def damage(_: random.Random, good: bytes) -> bytes:
        digits = str(json.loads(good)["setup_time_ms"]).encode()
        return good.replace(b'"setup_time_ms":' + digits, b'"setup_time_ms":' + text)

    return damage


def _cut(rng: random.Random, good: bytes) -> bytes:
    return good[: rng.randrange(1, len(good))]


def _random_bytes(rng: random.Random, _: bytes) -> bytes:
    return b"\xff" + rng.randbytes(rng.randrange(1, 400))


def _bad_text(rng: random.Random, good: bytes) -> bytes:
    return good.replace(b"SBC/9.2", rng.choice([b"\xff\xfe", b"\xc3(", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"]))


def _deep(opening: bytes, closing: bytes, low: int, high: int) -> Damage:
    def damage(rng: random.Random, good: bytes) -> bytes:
        depth = rng.randrange(low, high)
        return good[:-1] + b',"x":' + opening * depth + b"1" + closing * depth + b"}"

    return damage


def _repeat(rng: random.Random, good: bytes) -> bytes:
    field = rng.choice(REQUIRED)
    return good[:-1] + f',"{field}":'.encode() + json.dumps(json.loads(good)[field]).encode() + b"}"


def _repeat_escaped(rng: random.Random, good: bytes) -> bytes:
    field = rng.choice(TEXTS)
    place = rng.randrange(len(field))
    escaped = f"{field[:place]}\\u{ord(field[place]):04x}{field[place + 1 :]}"
    return good[:-1] + f',"{escaped}":"+12025550199"}}'.encode()


def _constant(value: bytes) -> Damage:
    return lambda _rng, _good: value


def _huge(rng: random.Random) -> str:
    return "x" * rng.randrange(MAX_RECORD_BYTES, 3 * MAX_RECORD_BYTES)


KINDS: tuple[Kind, ...] = (
    Kind("empty", _constant(b""), "empty"),
    Kind("too_large", _with("padding", _huge), "too_large"),
    Kind("too_large_spaces", lambda _, good: good + b" " * MAX_RECORD_BYTES, "too_large"),
    Kind("megabyte_of_brackets", _constant(b"[" * 1_000_000), "too_large"),
    Kind("random_bytes", _random_bytes, "invalid_utf8"),
    Kind("bad_utf8_in_known_field", _bad_text, "invalid_utf8"),
    Kind("bad_utf8_in_unknown_field", _ending(b'"x":"\xe2\x82"'), "invalid_utf8"),
    Kind("bad_utf8_in_unknown_name", _ending(b'"\xc0\xaf":1'), "invalid_utf8"),
    Kind("utf16", lambda _, good: good.decode().encode("utf-16"), "invalid_utf8"),
    Kind("utf16_without_mark", lambda _, good: good.decode().encode("utf-16-le"), "invalid_json"),
    Kind("byte_order_mark", lambda _, good: b"\xef\xbb\xbf" + good, "invalid_json"),
    Kind("truncated", _cut, "invalid_json"),
    Kind("text", _constant(b"INVITE sip:+13125550100@example.net SIP/2.0\r\n"), "invalid_json"),
    Kind("spaces", _constant(b"   "), "invalid_json"),
    Kind("nul_bytes", _constant(b"\x00" * 16), "invalid_json"),
    Kind("two_records", lambda _, good: good + good, "invalid_json"),
    Kind("trailing_comma", lambda _, good: good[:-1] + b",}", "invalid_json"),
    Kind("single_quotes", lambda _, good: good.replace(b'"', b"'"), "invalid_json"),
    Kind("comment", lambda _, good: b"/* x */" + good, "invalid_json"),
    Kind("lone_high_surrogate", _ending(b'"x":"\\ud800 "'), "invalid_json"),
    Kind("lone_low_surrogate", _ending(b'"calling_name":"\\udc00"'), "invalid_json"),
    Kind("bad_escape", _ending(b'"x":"\\q"'), "invalid_json"),
    Kind("raw_control_character", _ending(b'"x":"\x01"'), "invalid_json"),
    Kind("not_a_number", _number_as(b"NaN"), "invalid_json"),
    Kind("infinity", _number_as(b"Infinity"), "invalid_json"),
    Kind("leading_zero", _number_as(b"01760000000000"), "invalid_json"),
    Kind("plus_sign", _number_as(b"+1760000000000"), "invalid_json"),
    Kind("array", lambda _, good: b"[" + good + b"]", "not_an_object"),
    Kind("null", _constant(b"null"), "not_an_object"),
    Kind("string", _constant(b'"call_setup"'), "not_an_object"),
    Kind("number", _constant(b"17"), "not_an_object"),
    Kind("deep_arrays", _deep(b"[", b"]", 64, 400), "too_deep"),
    Kind("deep_objects", _deep(b'{"a":', b"}", 64, 400), "too_deep"),
    Kind("very_deep_arrays", _deep(b"[", b"]", 2_000, 7_000), "too_deep"),
    Kind("repeated_key", _repeat, "duplicate_key"),
    Kind("repeated_key_with_escape", _repeat_escaped, "duplicate_key"),
    Kind("repeated_type", _ending(b'"type":"call_setup"'), "duplicate_key"),
    Kind("repeated_type_other", _ending(b'"type":"call_end"'), "duplicate_key"),
    Kind("repeated_unknown_key", _ending(b'"x":1,"x":1'), "duplicate_key"),
    Kind("repeated_empty_key", _ending(b'"":1,"":2'), "duplicate_key"),
    Kind("repeated_nested_key", _ending(b'"x":[{"a":1,"b":[{}],"a":2}]'), "duplicate_key"),
    Kind("unknown_type", _with("type", lambda rng: rng.choice(["call_start", "", "CALL_SETUP"])), "unknown_type"),
    Kind("missing_type", _without("type"), "missing_field"),
    *(Kind(f"missing_{field}", _without(field), "missing_field") for field in REQUIRED),
    Kind("empty_object", _constant(b"{}"), "missing_field"),
    Kind("type_is_number", _with("type", lambda _: 1), "wrong_type"),
    *(Kind(f"{field}_is_null", _with(field, lambda _: None), "wrong_type") for field in REQUIRED),
    *(Kind(f"{field}_is_number", _with(field, lambda rng: rng.randrange(10**9)), "wrong_type") for field in TEXTS),
    Kind("number_is_object", _with("calling_number", lambda _: {"uri": "+12025550100"}), "wrong_type"),
    Kind("time_is_text", _with("setup_time_ms", lambda _: "1760000000000"), "wrong_type"),
    Kind("time_is_bool", _with("setup_time_ms", lambda _: True), "wrong_type"),
    Kind("time_with_exponent", _number_as(b"176e10"), "wrong_type"),
    Kind("time_with_fraction", _number_as(b"1760000000000.0"), "wrong_type"),
    Kind("privacy_is_text", _with("privacy", lambda _: "id"), "wrong_type"),
    Kind("diversion_is_text", _with("diversion", lambda _: "+12025550100"), "wrong_type"),
    Kind("diversion_of_numbers", _with("diversion", lambda _: [12025550100]), "wrong_type"),
    Kind("time_before_2000", _with("setup_time_ms", lambda rng: rng.randrange(946_684_800_000)), "out_of_range"),
    Kind("time_in_microseconds", _with("setup_time_ms", lambda _: 1_760_000_000_000_000), "out_of_range"),
    Kind("time_negative", _with("setup_time_ms", lambda _: -1), "out_of_range"),
    Kind("time_beyond_64_bits", _number_as(b"99999999999999999999"), "out_of_range"),
    Kind("time_of_5000_digits", _number_as(b"1" * 5_000), "out_of_range"),
    Kind("call_id_empty", _with("call_id", lambda _: ""), "out_of_range"),
    Kind("trunk_too_long", _with("trunk_group_id", lambda rng: "t" * rng.randrange(257, 999)), "out_of_range"),
    Kind("trunk_empty", _with("trunk_group_id", lambda _: ""), "out_of_range"),
    Kind("attestation_number", _with("attestation", lambda _: 1), "wrong_type"),
    Kind("role_list", _with("role", lambda _: ["terminating"]), "wrong_type"),
)


def corpus(count: int, seed: int) -> Iterator[tuple[Kind, bytes]]:
    """Give `count` malformed records; every kind comes before any comes again. The same seed gives the same bytes."""
    rng = random.Random(seed)
    for index in range(count):
        kind = KINDS[index % len(KINDS)]
        yield kind, kind.damage(rng, good_setup(rng))
