"""What a carrier hears: late, in order, little of it, and some of it wrong."""

from collections import Counter

import pytest

from detector.contract.events import CallSetup, Feedback, FeedbackSource, Verdict
from detector.features.window_constants import MINUTE_MS
from models.traffic.fourth.carrier import Carrier
from models.traffic.fourth.feedback import Witnesses
from models.traffic.fourth.generate import FourthTraffic, told
from models.traffic.fourth.network.numbers import text
from models.traffic.span import HOUR_MS
from models.traffic.truth import Truth

SPEC = FourthTraffic(seed=2, hours=50.0, history_hours=24.0, calls_per_second=1.5, robocall_share=0.1)


@pytest.fixture(scope="module")
def heard() -> tuple[list[Feedback], dict[str, list[tuple[int, Truth]]]]:
    """Two days of feedback, and the calls of each calling number."""
    said: list[Feedback] = []
    calls: dict[str, list[tuple[int, Truth]]] = {}
    for part in told(SPEC):
        said += part.feedback
        for event, truth in part.events:
            if isinstance(event, CallSetup):
                calls.setdefault(event.calling_number, []).append((event.setup_time_ms, truth))
    return said, calls


def test_feedback_comes_in_order_and_until_the_span_ends(heard: tuple[list[Feedback], object]) -> None:
    times = [one.time_ms for one in heard[0]]

    assert times == sorted(times)
    assert SPEC.start_ms < times[0]
    assert times[-1] < SPEC.end_ms


def test_what_is_said_is_said_after_a_call_of_the_number(
    heard: tuple[list[Feedback], dict[str, list[tuple[int, Truth]]]],
) -> None:
    """But where a number was remembered wrongly, which is at most a tenth."""
    said, calls = heard
    complaints = [one for one in said if one.source is FeedbackSource.SUBSCRIBER_REPORT]
    known = [one for one in complaints if any(ms < one.time_ms for ms, _ in calls.get(one.calling_number or "", []))]

    assert len(known) > 0.8 * len(complaints)
    for one in said:
        if one.source is not FeedbackSource.SUBSCRIBER_REPORT:
            assert any(ms < one.time_ms for ms, _ in calls[one.calling_number or ""])


def test_each_says_which_line_was_called_and_in_which_minute(
    heard: tuple[list[Feedback], dict[str, list[tuple[int, Truth]]]],
) -> None:
    """So that a call is found whose number was remembered wrongly."""
    said, calls = heard
    for one in said:
        assert one.called_number
        assert one.call_time_ms is not None
        assert one.call_time_ms % MINUTE_MS == 0
        if one.calling_number in calls:
            assert any(0 <= ms - one.call_time_ms < MINUTE_MS for ms, _ in calls[one.calling_number]) or (
                one.source is FeedbackSource.SUBSCRIBER_REPORT
            ), "a wrong number may be another caller's"


def test_some_complaints_are_about_lawful_calls_and_most_are_right(
    heard: tuple[list[Feedback], dict[str, list[tuple[int, Truth]]]],
) -> None:
    """The share that was drawn for the carrier lies between 15 and 40 %."""
    said, calls = heard
    found: Counter[bool] = Counter()
    for one in said:
        if one.source is FeedbackSource.SUBSCRIBER_REPORT and one.calling_number in calls:
            found[any(truth.is_robocall for _, truth in calls[one.calling_number])] += 1

    assert found.total() > 50
    assert 0.08 < found[False] / found.total() < 0.5


def test_traps_are_reached_by_robocalls_mostly(
    heard: tuple[list[Feedback], dict[str, list[tuple[int, Truth]]]],
) -> None:
    """A trap has no subscriber: who calls it dials lists, or wrongly."""
    said, calls = heard
    trapped = [one for one in said if one.source is FeedbackSource.HONEYPOT]
    is_right = [any(truth.is_robocall for _, truth in calls[one.calling_number or ""]) for one in trapped]

    assert all(one.call_id for one in trapped)
    assert len(trapped) > 5
    assert sum(is_right) > 0.6 * len(trapped)
    assert all(one.verdict is Verdict.ROBOCALL for one in said)


def test_tracebacks_are_few_and_end_after_a_day_with_the_name_of_a_campaign(carrier: Carrier, noon: int) -> None:
    """Those of calls of two days."""
    witnesses = Witnesses(carrier.world)
    shown: dict[str, set[str]] = {}
    for hour in range(noon, noon + 48):
        calls = carrier.calls(hour)
        witnesses.hear(calls, hour)
        rows = zip(
            calls.attempts.calling.tolist(), calls.attempts.kind.tolist(), calls.attempts.campaign.tolist(), strict=True
        )
        for number, kind, campaign in rows:
            shown.setdefault(text(number), set()).add(f"{carrier.world.kinds[kind]}-{campaign}")
    said = witnesses.said_until((noon + 400) * HOUR_MS)
    traced = [one for one in said if one.source is FeedbackSource.TRACEBACK]

    assert 0 < len(traced) < 20
    assert traced[0].time_ms >= (noon + 20) * HOUR_MS
    assert all(one.campaign in shown[one.calling_number or ""] for one in traced)


def test_what_was_given_is_not_given_again(carrier: Carrier, noon: int) -> None:
    witnesses = Witnesses(carrier.world)
    witnesses.hear(carrier.calls(noon), noon)
    until_ms = (noon + 200) * HOUR_MS

    assert witnesses.said_until(until_ms)
    assert not witnesses.said_until(until_ms)
