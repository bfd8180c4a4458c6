"""The common job of the peers: plain Python and the compiled pass count what a look at the whole history counts."""

import json
from typing import Any

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.peers.backlog import Backlog, Event
from benchmarks.peers.entries import SLIDING
from benchmarks.peers.job import BLOCK_AT
from benchmarks.peers.memory import MemoryJob
from benchmarks.peers.reference import Reference
from benchmarks.peers.worker_job.answers import answers
from benchmarks.peers.worker_job.windows import ExactWindows
from detector.columns.call_columns import build_columns
from detector.columns.facts import CALL_ID, CALLING
from streams.wire.reading import read
from streams.wire.record_columns import records_of

START_MS = 1_773_147_600_000
GAPS_MS = (0, 1, 999, 4_000, 10_000, 50_000, 60_000, 240_000, 3_540_000, 3_600_000)
NUMBERS = ("+13035550001", "+13035550002", "anonymous")
CALLED = ("+13035550101", "+13035550102", "+13035550103")

steps = st.lists(
    st.tuples(
        st.sampled_from(GAPS_MS),
        st.sampled_from(NUMBERS),
        st.sampled_from(CALLED),
        st.sampled_from(("west", "east")),
        st.sampled_from((None, None, -1, 0, 6_000, 6_001)),
    ),
    min_size=1,
    max_size=60,
)


def events_of(drawn: list[tuple[int, str, str, str, int | None]]) -> list[dict[str, Any]]:
    """A set-up each, or with a talk time the end of a call, -1 = never answered."""
    now_ms, made = START_MS, []
    for place, (gap_ms, calling, called, trunk, talk_ms) in enumerate(drawn):
        now_ms += gap_ms
        event: dict[str, Any] = {"type": "call_setup", "call_id": f"c{place}", "setup_time_ms": now_ms}
        if talk_ms is not None:
            event |= {"type": "call_end", "setup_time_ms": now_ms - 10_000, "end_time_ms": now_ms, "sip_status": 200}
            event |= {} if talk_ms < 0 else {"answer_time_ms": now_ms - talk_ms}
        made.append(event | {"calling_number": calling, "called_number": called, "trunk_group_id": trunk})
    return made


def by_looking_back(events: list[dict[str, Any]]) -> list[list[int]]:
    """Counts of each set-up, every window summed anew over all that came before."""
    lengths_ms = (10_000, 60_000, 300_000, 3_600_000)
    found = []
    for place, event in enumerate(events):
        if event["type"] != "call_setup":
            continue
        now_ms, past = event["setup_time_ms"], events[: place + 1]
        calls = [one for one in past if one["type"] == "call_setup"]
        own = [one for one in calls if one["calling_number"] == event["calling_number"]]
        ends = [one for one in past if one["type"] == "call_end" and "answer_time_ms" in one]
        talks = [
            (one["end_time_ms"], one["end_time_ms"] - one["answer_time_ms"])
            for one in ends
            if one["calling_number"] == event["calling_number"]
        ]
        trunk = [one for one in calls if one["trunk_group_id"] == event["trunk_group_id"]]
        edges = [now_ms - length_ms for length_ms in lengths_ms]
        found.append(
            [sum(one["setup_time_ms"] > edge for one in own) for edge in edges]
            + [sum(end_ms > edge for end_ms, _ in talks) for edge in edges]
            + [sum(end_ms > edge and talk_ms <= 6_000 for end_ms, talk_ms in talks) for edge in edges]
            + [len({one["called_number"] for one in own if one["setup_time_ms"] > edge}) for edge in edges]
            + [sum(one["setup_time_ms"] > edge for one in trunk) for edge in edges]
        )
    return found


@settings(max_examples=60)
@given(steps)
def test_three_ways_to_count_agree(drawn: list[tuple[int, str, str, str, int | None]]) -> None:
    events = events_of(drawn)
    expected = by_looking_back(events)

    memory = MemoryJob()
    answers = [memory.answer(event) for event in events]
    assert [answer["counts"] for answer in answers if answer is not None] == expected

    backlog = Backlog.of([Event(**event) for event in (known(event) for event in events)])
    reference = Reference(backlog)
    assert [reference.counts(int(place), SLIDING) for place in backlog.setups] == expected

    windows, compiled = ExactWindows(), []
    for start in range(0, len(events), 7):
        reading = read(records_of([json.dumps(event).encode() for event in events[start : start + 7]]))
        assert not reading.rejected
        compiled += windows.count(build_columns(reading.facts, reading.events, seed=1)).tolist()
    assert compiled == expected


texts = st.text(st.characters(codec="utf-8", min_codepoint=32, exclude_characters='"\\'), max_size=12)


@given(
    st.lists(
        st.tuples(texts, texts, st.floats(0, 1), st.lists(st.integers(0, 2**40), min_size=20, max_size=20)),
        min_size=1, max_size=8,
    )
)  # fmt: skip
def test_answers_are_written_as_msgspec_encodes_them(drawn: list[tuple[str, str, float, list[int]]]) -> None:
    """Key and value of each, whatever the numbers; scores on both sides of the threshold."""
    whole, spans = b"", np.zeros((len(drawn), CALLING + 1, 2), np.int64)
    for row, (calling, call_id, _, _) in enumerate(drawn):
        for field, text in ((CALLING, calling), (CALL_ID, call_id)):
            spans[row, field] = len(whole), len(whole) + len(text.encode())
            whole += text.encode()
    scores, counts = np.array([one[2] for one in drawn]), np.array([one[3] for one in drawn])

    made = answers(np.frombuffer(whole, np.uint8), spans, scores, counts)

    assert list(made) == [
        (
            calling.encode(),
            msgspec.json.encode(
                {"call_id": call_id, "action": "block" if score >= BLOCK_AT else "allow", "score": score, "counts": row}
            ),
        )
        for calling, call_id, score, row in drawn
    ]


def known(event: dict[str, Any]) -> dict[str, Any]:
    """Without what the job does not read."""
    return {name: value for name, value in event.items() if name != "sip_status"}
