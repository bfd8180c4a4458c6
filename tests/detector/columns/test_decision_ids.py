"""Decision ids of a batch are those of its calls one by one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detector.columns.decision_ids import decision_id, identify
from detector.columns.facts import facts_of, texts_of
from detector.contract.events import EARLIEST_TIME_MS, LATEST_TIME_MS, CallSetup
from detector.testing import call_setup
from streams.wire.records import encode

PLAIN = st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\')
ANY = st.characters(exclude_categories=["Cs"])


def texts(most: int, *, fewest: int = 0) -> st.SearchStrategy[str]:
    """Mostly what switches send, sometimes what JSON has to escape or ASCII does not hold."""
    return st.text(PLAIN, min_size=fewest, max_size=most) | st.text(ANY, min_size=fewest, max_size=most)


calls = st.builds(
    CallSetup,
    call_id=texts(128, fewest=1),
    setup_time_ms=st.integers(EARLIEST_TIME_MS, LATEST_TIME_MS),
    calling_number=texts(256),
    called_number=texts(256),
    trunk_group_id=texts(256, fewest=1),
    switch_id=st.none() | texts(256),
)


def _long(length: int) -> CallSetup:
    """A call of which this many characters are hashed."""
    rest = length - 13 - 4 - 128 - 1
    return CallSetup(
        call_id="c" * 128,
        setup_time_ms=EARLIEST_TIME_MS * 2,
        calling_number="7" * min(rest, 256),
        called_number="8" * min(max(0, rest - 256), 256),
        trunk_group_id="t" * (1 + max(0, rest - 512)),
    )


@settings(max_examples=150)
@given(events=st.lists(calls, max_size=6))
@example(events=[_long(length) for length in (255, 256, 257, 384, 385, 512, 513, 640, 641, 768, 769, 896, 897, 913)])
def test_ids_of_a_batch_are_those_of_its_calls(events: list[CallSetup]) -> None:
    """Exactly those with escapes or beyond ASCII are left to their events."""
    facts = texts_of(facts_of(events, [True] * len(events)), encode)
    assert facts.texts is not None

    digests, plain = identify(facts.texts, np.array([event.setup_time_ms for event in events], np.int64))

    for row, event in enumerate(events):
        repeated = (event.call_id, event.calling_number, event.called_number, event.trunk_group_id, event.switch_id)
        written = [encode(text) for text in repeated if text is not None]
        assert plain[row] == all(one.isascii() and b"\\" not in one for one in written)
        if plain[row]:
            assert digests[row].tobytes().hex() == decision_id(event)


@pytest.mark.parametrize("name", ["call_id", "calling_number", "called_number", "trunk_group_id", "setup_time_ms"])
def test_calls_that_a_worker_tells_apart_have_ids_of_their_own(name: str) -> None:
    """A caller may write one call id into two calls of one instant, one of them to 911: neither hides the other."""
    one = call_setup()
    changed: dict[str, Any] = {name: one.setup_time_ms + 1 if name == "setup_time_ms" else "911"}
    other = replace(one, **changed)

    assert decision_id(one) != decision_id(other)
    assert decision_id(one) == decision_id(replace(one, switch_id="another", user_agent="another"))
