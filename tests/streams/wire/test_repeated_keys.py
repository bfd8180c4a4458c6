"""Repeated keys and depth, which the decoder is silent about: found whatever the escapes, spaces and strings around."""

import json
import os
import random
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.wire.repeated_keys import MAX_DEPTH, has_repeated_key, is_too_deep

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

    assert has_repeated_key(record) == _repeats(tree)


@settings(max_examples=100)
@given(_TREES, st.integers(0, 2**32), st.integers(MAX_DEPTH - 6, MAX_DEPTH + 2))
def test_depth_is_counted_exactly_whatever_stands_in_strings(tree: Any, seed: int, around: int) -> None:
    """Brackets in a string are text."""
    noise = json.dumps("}]{[" * 20 + '"\\') + ","
    record = ("[" + noise) * around + _write(tree, random.Random(seed)) + "]" * around

    assert is_too_deep(record.encode("utf-8", "surrogatepass")) == (around + _depth(tree) > MAX_DEPTH)


@pytest.mark.parametrize("record", [b"", b"{", b'{"a":1,"a', b"\xff", b"[" * 100_000, b'"' + b"[" * 200])
def test_what_is_no_json_raises_nothing(record: bytes) -> None:
    """That it is none is said elsewhere."""
    assert has_repeated_key(record) is False
    is_too_deep(record)


def test_no_names_are_dearer_than_others() -> None:
    """They collide in a table that hashes as Python does without a seed; each process has a seed of its own."""
    code = "names = [f'k{n}' for n in range(200_000)]\nprint(*[name for name in names if hash(name) & 1023 == 7])"
    without = os.environ | {"PYTHONHASHSEED": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=without, capture_output=True, text=True, check=True)
    names = done.stdout.split()

    assert len(names) > 100
    assert sum(hash(name) & 1023 == hash(names[0]) & 1023 for name in names) < 10
    assert not has_repeated_key(json.dumps(dict.fromkeys(names, 0)).encode())
    assert has_repeated_key(b"{" + b",".join(f'"{name}":0'.encode() for name in [*names, names[50]]) + b"}")
