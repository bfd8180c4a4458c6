"""Feedback that cannot be used is told of, and a flood of it cannot hurt."""

import base64
import json

from streams.kafka.topics import CALL_FEEDBACK, DEAD_LETTERS
from streams.wire.feedback import FeedbackRefused, read_feedback
from streams.wire.refusals import Code
from streams.worker.feedback import FeedbackCounts
from streams.worker.refused_feedback import LETTERS_A_MINUTE, MINUTE_S, RefusedFeedback
from tests.streams.manual_seconds import ManualSeconds
from tests.streams.worker.fakes import Side

MISSPELT = b'{"time_ms":1780000000000,"verdict":"robocall","source":"subscriber_repport","call_id":"c"}'


def refused() -> FeedbackRefused:
    found = read_feedback(MISSPELT)
    assert isinstance(found, FeedbackRefused)
    return found


def test_a_record_becomes_a_dead_letter_with_its_place_and_reason() -> None:
    """1,065 records with a misspelt source had vanished into a counter that nobody looked at."""
    counts, side = FeedbackCounts(lambda: 0), Side()

    RefusedFeedback(counts, side).tell((CALL_FEEDBACK, 3, 47), refused(), b"+12025550101", MISSPELT)

    ((key, value),) = side.records[DEAD_LETTERS]
    letter = json.loads(value or b"")
    assert key == b"+12025550101"
    assert (letter["topic"], letter["partition"], letter["offset"]) == (CALL_FEEDBACK, 3, 47)
    assert letter["code"] == "out_of_range"
    assert "`source`" in letter["message"]
    assert base64.b64decode(letter["value"]) == MISSPELT
    assert counts.invalid == {Code.OUT_OF_RANGE: 1}


def test_a_flood_is_counted_whole_and_told_in_part_each_minute_anew() -> None:
    """Letters of one minute are used up; the next minute has its own."""
    counts, side, clock = FeedbackCounts(lambda: 0), Side(), ManualSeconds()
    told = RefusedFeedback(counts, side, clock)
    for offset in range(5_000):
        told.tell((CALL_FEEDBACK, 0, offset), refused(), None, MISSPELT)
    assert len(side.records[DEAD_LETTERS]) == LETTERS_A_MINUTE
    assert counts.invalid.total() == 5_000

    clock.advance(MINUTE_S - 0.001)
    told.tell((CALL_FEEDBACK, 0, 5_000), refused(), None, MISSPELT)
    assert len(side.records[DEAD_LETTERS]) == LETTERS_A_MINUTE
    clock.advance(0.001)
    told.tell((CALL_FEEDBACK, 0, 5_001), refused(), None, MISSPELT)
    assert len(side.records[DEAD_LETTERS]) == LETTERS_A_MINUTE + 1
