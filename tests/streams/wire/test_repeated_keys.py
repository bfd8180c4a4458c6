"""Repeated keys and depth, which the decoder is silent about: found whatever the escapes, spaces and strings around."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detector.contract.events import MAX_RECORD_BYTES
from streams.wire.records import EVENT_DECODER
from streams.wire.repeated_keys import MAX_DEPTH, NOTHING, REPEATED, TOO_DEEP, look
from tests.streams.wire.dear import DEAR

_KEYS = st.sampled_from(["a", "b", "ab", "", "é", "\\", '"', "\n", "A", "call_id"]) | st.text(max_size=3)
_LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)


def _write(value: Any, rng: random.Random) -> str:
    """Write JSON in which objects are lists of pairs, with random escapes and spaces."""
    if isinstance(value, tuple):
        inside = ",".join(f"{_name(key, rng)} :{_write(item, rng)}" for key, item in value)
        return f"{{ {inside}}}"
    if isinstance(value, list):
        return f"[{','.join(_write(item, rng) for item in value)}]"
    return json.dumps(value, ensure_ascii=rng.random() < 0.5)


def _name(key: str, rng: random.Random) -> str:
    if rng.random() < 0.3:
        return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else json.dumps(c)[1:-1] for c in key) + '"'
    return json.dumps(key, ensure_ascii=rng.random() < 0.5)


_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(_KEYS, inner), max_size=5).map(tuple),
    max_leaves=25,
)


def _repeats(tree: Any) -> bool:
    """Slow twin, of the tree itself: does any object repeat a key?"""
    if isinstance(tree, tuple):
        keys = [key for key, _ in tree]
        return len(set(keys)) < len(keys) or any(_repeats(item) for _, item in tree)
    return isinstance(tree, list) and any(_repeats(item) for item in tree)


def _depth(tree: Any) -> int:
    """Slow twin: how deep does it nest?"""
    if isinstance(tree, tuple):
        return 1 + max((_depth(item) for _, item in tree), default=0)
    return 1 + max(map(_depth, tree), default=0) if isinstance(tree, list) else 0


@settings(max_examples=400)
@given(_TREES, st.integers(0, 2**32))
def test_repeated_keys_are_found_at_any_level_with_any_escapes(tree: Any, seed: int) -> None:
    """As they are in the tree that was written."""
    record = _write(tree, random.Random(seed)).encode("utf-8", "surrogatepass")

    assert look(record) == (REPEATED if _repeats(tree) else NOTHING)


@settings(max_examples=100)
@given(_TREES, st.integers(0, 2**32), st.integers(MAX_DEPTH - 6, MAX_DEPTH + 2))
def test_depth_is_counted_exactly_whatever_stands_in_strings(tree: Any, seed: int, around: int) -> None:
    """Brackets in a string are text."""
    noise = json.dumps("}]{[" * 20 + '"\\') + ","
    record = ("[" + noise) * around + _write(tree, random.Random(seed)) + "]" * around

    assert (look(record.encode("utf-8", "surrogatepass")) == TOO_DEEP) == (around + _depth(tree) > MAX_DEPTH)


@given(st.text(alphabet='{}[]",:\\\\uabd8c019e ', max_size=60))
@example("")
@example('{"a":1,"a')
@example('{"a":1,"a\\')
@example('{"a":1,"\\ud83')
@example("[" * 100_000)
@example('{"a","a","a","a"')
def test_what_is_no_json_raises_nothing(record: str) -> None:
    """That it is none is said elsewhere; nothing is read or written beyond it."""
    assert look(record.encode()) in {NOTHING, REPEATED, TOO_DEEP}


def test_no_names_are_dearer_than_others() -> None:
    """The seed of the table is drawn in each process: two processes put the same names into other places."""
    code = "from streams.wire.repeated_keys import _SEED; print(_SEED)"
    seeds = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)}
    names = [f"k{n}" for n in range(3_000)]

    assert len(seeds) == 2
    assert look(json.dumps(dict.fromkeys(names, 0)).encode()) == NOTHING
    assert look(b"{" + b",".join(f'"{name}":0'.encode() for name in [*names, names[50]]) + b"}") == REPEATED


@pytest.mark.parametrize("kind", DEAR)
def test_no_record_within_the_contract_is_dear_to_look_at(kind: str) -> None:
    """Bytes are what it costs: no more than twenty times what the decoder takes to pass over them.

    CPU of this thread in relation, so a slow or crowded machine changes nothing. Nested lists took 300 times that.
    """
    record = DEAR[kind](1)
    decoded = EVENT_DECODER.decode(record)

    assert decoded.call_id
    assert len(record) <= MAX_RECORD_BYTES
    assert _cpu_s(lambda: look(record)) < 20 * _cpu_s(lambda: EVENT_DECODER.decode(record))


def _cpu_s(work: Callable[[], object]) -> float:
    """The least of some goes, of ten times each."""
    found = []
    for _ in range(7):
        begun = time.thread_time()
        for _ in range(10):
            work()
        found.append(time.thread_time() - begun)
    return min(found)
