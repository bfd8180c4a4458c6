"""Facts of events: texts where their spans say, and the same facts in pieces, joined, or written over others."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.columns.facts import (
    ABSENT,
    HAS_DIVERSION,
    HAS_NAME,
    HAS_OWN_NAMES,
    HAS_PRIORITY,
    NUMBER_FIELDS,
    PRESENCE,
    SPAN_FIELDS,
    TEXT_FIELDS,
    WANTS_PRIVACY,
    Facts,
    concatenate,
    facts_of,
    put,
    texts_of,
)
from detector.contract.events import CallEnd, CallEvent, CallSetup
from detector.testing import call_end, call_setup

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
setups = st.builds(
    call_setup,
    calling_number=words,
    trunk_group_id=words,
    switch_id=st.none() | words,
    origid=st.none() | words,
    calling_name=st.none() | words,
)
events = st.lists(setups | setups.map(lambda call: call_end(call, after_ms=900)), max_size=5)


def facts(of: Sequence[CallEvent]) -> Facts:
    made = facts_of(of, [isinstance(event, CallSetup) for event in of])
    return texts_of(made, lambda text: json.dumps(text, ensure_ascii=False).encode())


def said(made: Facts) -> list[tuple[object, ...]]:
    """Facts in plain values, one tuple an event."""
    assert made.texts is not None
    found: list[tuple[object, ...]] = []
    for row, is_setup in enumerate(made.is_setup.tolist()):
        spans = [
            None if start == ABSENT else made.data[start:stop].tobytes().decode()
            for start, stop in made.spans[row].tolist()
        ]
        texts = [
            None if start == ABSENT else made.texts.data[start:stop].tobytes().decode()
            for start, stop in made.texts.spans[row].tolist()
        ]
        found.append((is_setup, *spans, *texts, *made.numbers[row].tolist()))
    return found


@given(events)
def test_spans_point_to_the_texts_of_each_event(of: list[CallEvent]) -> None:
    """Whatever its neighbours are; `texts` as JSON writes them, without the quotes."""
    for event, (_, *values) in zip(of, said(facts(of)), strict=True):
        texts, written = values[: len(SPAN_FIELDS)], values[len(SPAN_FIELDS) : len(SPAN_FIELDS) + len(TEXT_FIELDS)]
        names = SPAN_FIELDS if isinstance(event, CallSetup) else TEXT_FIELDS
        expected = [getattr(event, name) for name in names]
        assert texts[: len(names)] == expected
        escaped = [None if text is None else json.dumps(text, ensure_ascii=False)[1:-1] for text in expected]
        assert written == escaped[: len(TEXT_FIELDS)]


@given(events.flatmap(lambda of: st.tuples(st.just(of), st.permutations(range(len(of))))), events)
def test_pieces_say_what_the_whole_says(given_: tuple[list[CallEvent], list[int]], others: list[CallEvent]) -> None:
    """In any order, and joined with others."""
    of, order = given_
    whole = facts(of)

    assert said(whole.take(order)) == [said(whole)[row] for row in order]
    assert said(concatenate([whole, facts(others)])) == said(whole) + said(facts(others))


@given(st.lists(setups, min_size=3, max_size=3), st.lists(setups, min_size=2, max_size=2))
def test_facts_written_over_others_take_their_places(of: list[CallSetup], others: list[CallSetup]) -> None:
    kept = said(facts(of))[1]

    changed = put(facts(of), [0, 2], facts(others))

    assert said(changed) == [said(facts(others))[0], kept, said(facts(others))[1]]


def test_facts_without_texts_cannot_be_written_over() -> None:
    bare = facts_of([call_setup()], [True])

    with pytest.raises(ValueError, match="texts_of"):
        put(bare, [0], bare)


@pytest.mark.parametrize(
    ("fields", "bits"),
    [
        ({}, 0),
        ({"diversion": ["+12125550100"]}, HAS_DIVERSION),
        ({"diversion": []}, 0),
        ({"privacy": True}, WANTS_PRIVACY),
        ({"privacy": False, "calling_name": ""}, 0),
        ({"calling_name": "ACME", "priority": "urgent"}, HAS_NAME | HAS_PRIORITY),
        ({"resource_priority": "esnet.1"}, HAS_PRIORITY),
        ({"own_names": ["ACME"]}, HAS_OWN_NAMES),
        ({"own_priority": "ets.0"}, HAS_PRIORITY),
        ({"own_names": []}, 0),
    ],
)
def test_presence_says_which_fields_hold_something(fields: dict[str, Any], bits: int) -> None:
    made = facts_of([call_setup(**fields)], [True])

    assert made.numbers[0, PRESENCE] == bits


def test_a_call_that_was_never_answered_has_no_answer_time() -> None:
    ends: list[CallEnd] = [call_end(call_setup(), after_ms=9), call_end(call_setup(), after_ms=9, answered_after_ms=4)]

    made = facts_of(ends, [False, False])

    column = NUMBER_FIELDS.index("answer_time_ms")
    assert made.numbers[:, column].tolist() == [ABSENT, ends[1].answer_time_ms]
    assert np.array_equal(made.is_setup, [False, False])
