"""Bulk allows and single answers beside each other: whatever is written at once has the bytes of the encoder."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.columns.batch_columns import BatchColumns
from detector.columns.call_columns import build_columns
from detector.columns.decision_ids import decision_id
from detector.columns.setups import Calls, calls_of
from detector.contract.decisions import PLAIN_ALLOW, Action, Label, Outcome, Step, Versions, decide
from detector.contract.events import EARLIEST_TIME_MS, LATEST_TIME_MS
from detector.contract.numbers import normal_form
from detector.features.table import N_FEATURES
from detector.policy.screening import Screening
from streams.screening.answers import Answers, answer
from streams.screening.bulk_allows import Slices, as_lines, write_allows
from streams.screening.single_answers import SingleAnswer, answer_one
from streams.wire.reading import read
from streams.wire.record_columns import records_of
from streams.wire.records import DecisionRecord, encode
from tests.streams.screening.answers_case import ints

NOW_MS = 1_760_000_000_000
LABEL = Outcome(Action.LABEL, Step.RULE, (), Label("Maybe", "automated_call"))
PLAIN = st.characters(min_codepoint=32, max_codepoint=126)
ANY = st.characters(exclude_categories=["Cs"])


def texts(most: int, *, fewest: int = 0) -> st.SearchStrategy[str]:
    """Mostly what switches send, sometimes what JSON has to escape or ASCII does not hold."""
    return st.text(PLAIN, min_size=fewest, max_size=most) | st.text(ANY, min_size=fewest, max_size=most)


events = st.fixed_dictionaries(
    {
        "type": st.just("call_setup"),
        "call_id": texts(128, fewest=1),
        "setup_time_ms": st.integers(EARLIEST_TIME_MS, LATEST_TIME_MS),
        "calling_number": texts(40) | st.just("+12025550123"),
        "called_number": texts(40) | st.just("+13125550145"),
        "trunk_group_id": texts(40, fewest=1),
    },
    optional={"switch_id": st.none() | texts(40), "priority": texts(9)},
)
ends = st.just(
    {
        "type": "call_end",
        "call_id": "c",
        "setup_time_ms": NOW_MS,
        "end_time_ms": NOW_MS,
        "calling_number": "1",
        "called_number": "2",
        "trunk_group_id": "t",
        "sip_status": 486,
    }
)


def calls_from(values: list[bytes]) -> Calls:
    reading = read(records_of(values))
    assert reading.rejected == []
    return BatchColumns.of(build_columns(reading.facts, reading.events, seed=1)).calls


def screening_of(calls: Calls, decided: dict[int, Outcome], scores: list[float], shadow: list[bool]) -> Screening:
    return Screening(
        calls=calls,
        decided=decided,
        is_shadow=np.array(shadow, np.bool_),
        scores=np.array(scores, np.float64),
        features=np.zeros((len(calls), N_FEATURES), np.float32),
        versions=Versions('m"1', "p-é", "f"),
    )


@settings(max_examples=300)
@given(data=st.data(), escaped=st.booleans(), now_ms=st.none() | st.integers(-(2**63) + 1, 2**63 - 1))
def test_fast_bytes_are_slow_bytes(data: st.DataObject, escaped: bool, now_ms: int | None) -> None:
    """Of every call, with and without a switch, in both modes, beside calls that are not simply allowed."""
    lines = data.draw(st.lists(events | ends, max_size=8))
    calls = calls_from([json.dumps(line, ensure_ascii=escaped).encode() for line in lines])
    setups = [
        line | {name: normal_form(str(line[name])) for name in ("calling_number", "called_number")}
        for line in lines
        if line["type"] == "call_setup"
    ]
    count = len(calls)
    assert count == len(setups)
    labelled = data.draw(st.sets(st.integers(0, 7)))
    scores = data.draw(st.lists(st.floats(0.0, 1.0) | st.just(np.nan), min_size=count, max_size=count))
    shadow = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    one = screening_of(calls, {row: LABEL for row in range(count) if row in labelled}, scores, shadow)

    made = answer(one, np.arange(count), np.zeros(count, np.int64), None, now_ms)

    slow = [
        encode(
            decide(
                event,
                decision_id(event),
                one.outcome(row),
                one.score(row),
                one.mode(row),
                event.setup_time_ms if now_ms is None else now_ms,
                one.versions,
                DecisionRecord,
            )
        )
        for row, event in enumerate(calls.events)
    ]
    assert list(made.decisions) == [made.decisions[row] for row in range(count)] == slow
    keys = [str(line.get("switch_id") or line["call_id"]).encode() for line in setups]
    assert as_lines(made.decisions) == as_lines(slow) == b"".join(record + b"\n" for record in slow)
    assert list(made.keys) == [made.keys[row] for row in range(count)] == keys
    assert made.failures == ()
    assert [answer_one(one, row, 0, None, now_ms) for row in range(count)] == [
        SingleAnswer(record, key, None) for record, key in zip(slow, keys, strict=True)
    ]
    for name in ("call_id", "calling_number", "called_number", "trunk_group_id", "switch_id"):
        assert [calls.text(row, name) for row in range(count)] == [line.get(name) or "" for line in setups]
        assert calls.column(name) == [line.get(name) or "" for line in setups]


def test_a_bug_of_the_fast_way_costs_its_speed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call is encoded by itself then, and the bug is reported."""

    def broken(*_: object) -> None:
        raise MemoryError

    line = {"type": "call_setup", "call_id": "c", "setup_time_ms": NOW_MS, "calling_number": "+12025550123"}
    line |= {"called_number": "+13125550145", "trunk_group_id": "t"}
    values = [json.dumps(line | {"call_id": f"c{number}"}).encode() for number in range(3)]
    expected = answer_all(calls_from(values))
    monkeypatch.setattr("streams.screening.answers.write_allows", broken)

    made = answer_all(calls_from(values))

    assert made.decisions == expected.decisions
    assert made.keys == expected.keys == [b"c0", b"c1", b"c2"]
    assert [type(failure) for failure in made.failures] == [MemoryError]
    assert outcomes_of(made.screening) == [PLAIN_ALLOW] * 3


def answer_all(calls: Calls) -> Answers:
    count = len(calls)
    one = screening_of(calls, {}, [0.5] * count, [False] * count)
    return answer(one, ints(*range(count)), ints(*[0] * count), None, None)


def outcomes_of(screening: Screening) -> list[Outcome]:
    return [screening.outcome(row) for row in range(len(screening.calls))]


def test_calls_of_python_events_have_no_texts_to_copy() -> None:
    """They are encoded one by one; asking for more is a mistake that is told."""
    calls = calls_of([])

    with pytest.raises(ValueError, match="one by one"):
        write_allows(screening_of(calls, {}, [], []), np.zeros(0, np.bool_), None)


def test_slices_are_a_sequence_of_bytes() -> None:
    """Cut out of the whole, but for those that something stands in for."""
    slices = Slices(b"abcdef", np.array([(0, 2), (2, 2), (2, 6)]), {1: b"other"})

    assert len(slices) == 3
    assert slices == [b"ab", b"other", b"cdef"]
    assert slices[-1] == b"cdef"
    assert slices[1:] == [b"other", b"cdef"]
    with pytest.raises(IndexError):
        slices[3]


def test_slices_with_one_left_out_are_the_others() -> None:
    """One that could not be answered is not in the whole, so the lines are those of the rest."""
    slices = Slices(b"ab\ncd\nef\n", np.array([(0, 2), (0, 0), (3, 5), (0, 0), (6, 8)]), {1: b"lost", 3: b"other"})

    kept = slices.take([0, 2, 3, 4])

    assert kept == [b"ab", b"cd", b"other", b"ef"]
    assert as_lines(kept) == b"ab\ncd\nother\nef\n"


def test_keys_and_decisions_stand_in_one_byte_string() -> None:
    """With what stands in for some of either, so that all of them leave without an object for each."""
    whole, keys = b'{"id":"a"}\n{"id":"b"}\n', np.array([(7, 8), (18, 19), (0, 0)])
    decisions = np.array([(0, 10), (11, 21), (0, 0)])
    others = {1: b"key of b", 2: b"c"}, {2: b'{"id":"c"}'}

    data, spans = Slices(whole, keys, others[0]).beside(Slices(whole, decisions, others[1]))

    assert [(data[a:b], data[c:d]) for a, b, c, d in spans.tolist()] == [
        (b"a", b'{"id":"a"}'),
        (b"key of b", b'{"id":"b"}'),
        (b"c", b'{"id":"c"}'),
    ]
    assert decisions.tolist() == [[0, 10], [11, 21], [0, 0]], "what was given stays as it is"
