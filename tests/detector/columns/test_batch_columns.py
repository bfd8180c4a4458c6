"""The door to the columns: events and the setups among them, made once, by clocks that are right."""

import numpy as np

from detector.columns.batch_columns import columns_of
from detector.columns.clocks import ClockTolerance
from detector.columns.facts import facts_of
from detector.contract.events import CallEnd
from detector.testing import START_MS, call_setup

HOUR_MS = 3_600_000


def test_columns_of_all_events_and_of_the_setups_among_them() -> None:
    """In their order, and each partition where it came from."""
    end = CallEnd(
        call_id="c",
        setup_time_ms=START_MS,
        end_time_ms=START_MS + 9,
        calling_number="+12125550123",
        called_number="+13105550456",
        trunk_group_id="t-1",
        sip_status=200,
    )
    events = [call_setup("one"), end, call_setup("two")]
    arrivals_ms = np.array([START_MS, START_MS, START_MS])

    made = columns_of(facts_of(events, [True, False, True]), events, np.array([4, 5, 6]), arrivals_ms, seed=1)

    assert made.events.n == 3
    assert made.events.partition.tolist() == [4, 5, 6]
    assert [event.call_id for event in made.calls.events] == ["one", "two"]
    assert made.skewed == 0


def test_policies_go_by_the_corrected_time_and_answers_by_the_one_that_was_sent() -> None:
    """One of two switches is seven hours ahead."""
    events = [call_setup("wrong", setup_time_ms=START_MS + 7 * HOUR_MS), call_setup("right", setup_time_ms=START_MS)]
    facts, nowhere = facts_of(events, [True, True]), np.zeros(2, np.int64)

    made = columns_of(
        facts,
        events,
        nowhere,
        np.array([START_MS, START_MS]),
        seed=1,
        clock=ClockTolerance(ahead_ms=60_000, behind_ms=1_800_000),
    )

    assert made.skewed == 1
    assert made.calls.now_ms.tolist() == [START_MS, START_MS]
    assert made.calls.reported_ms.tolist() == [START_MS + 7 * HOUR_MS, START_MS]
