"""The second author's traffic is what a switch might send, and as much of it as was asked for."""

from dataclasses import fields, replace
from itertools import islice

import pytest

from detector.contract.events import CallEnd, CallSetup
from models.traffic.second.campaigns import HABITS
from models.traffic.second.generate import SecondTraffic, drawn, generate
from models.traffic.truth import Truth

SHORT = SecondTraffic(seed=3, hours=0.5, calls_per_second=12.0, trunk_groups=24)
LAWFUL = {
    "business", "conference", "debt_collection", "delivery", "inbound_call_centre", "mass_alert", "new_number",
    "outbound_call_centre", "passcode", "person", "political", "reminder", "ride_proxy", "spoofed_callback", "survey",
}  # fmt: skip

Told = list[tuple[CallSetup | CallEnd, Truth]]


@pytest.fixture(scope="module")
def told() -> Told:
    """Half an hour of traffic."""
    return list(generate(SHORT))


def test_the_same_seed_gives_the_same_events_and_another_one_others(told: Told) -> None:
    """Figures on this traffic can be repeated."""
    first = told[:5_000]

    assert list(islice(generate(SHORT), 5_000)) == first
    assert list(islice(generate(replace(SHORT, seed=4)), 5_000)) != first


def test_events_are_within_the_bounds_of_the_contract(told: Told) -> None:
    """A worker would put none of them into the dead letters."""
    for event, _ in told:
        for one in fields(event):
            value, bounds = getattr(event, one.name), one.metadata["bounds"]
            if isinstance(value, str):
                assert bounds.get("min_length", 0) <= len(value) <= bounds.get("max_length", 256)
            elif isinstance(value, int) and not isinstance(value, bool):
                assert bounds["ge"] <= value <= bounds["le"]


def test_events_come_in_order_and_every_call_ends_once_after_it_began(told: Told) -> None:
    """An end repeats its call's numbers, trunk group and set-up time, and comes when the call is over."""
    times = [event.setup_time_ms if isinstance(event, CallSetup) else event.end_time_ms for event, _ in told]
    open_calls: dict[str, CallSetup] = {}
    ended = 0
    for event, _ in told:
        if isinstance(event, CallSetup):
            assert event.call_id not in open_calls
            open_calls[event.call_id] = event
            continue
        setup = open_calls.pop(event.call_id)
        ended += 1
        assert (event.calling_number, event.called_number) == (setup.calling_number, setup.called_number)
        assert (event.trunk_group_id, event.setup_time_ms) == (setup.trunk_group_id, setup.setup_time_ms)
        assert setup.setup_time_ms <= (event.answer_time_ms or setup.setup_time_ms) < event.end_time_ms
        assert (event.answer_time_ms is not None) == (event.sip_status == 200)

    assert times == sorted(times)
    assert not open_calls
    assert ended == len(told) / 2


def test_every_kind_of_caller_is_there_and_told_by_name(told: Told) -> None:
    """A robocall has a campaign, a lawful call none, and a kind says which caller it was."""
    truths = [truth for event, truth in told if isinstance(event, CallSetup)]

    assert all(truth.is_robocall == bool(truth.campaign) for truth in truths)
    assert {truth.kind for truth in truths if truth.is_robocall} == set(HABITS)
    assert {truth.kind for truth in truths if not truth.is_robocall} == LAWFUL


def test_a_later_start_moves_every_event_and_changes_nothing_else(told: Told) -> None:
    """Worlds can be put one after the other in time; the first part of each may only fill windows."""
    later = replace(SHORT, start_ms=SHORT.start_ms + 86_400_000, history_hours=0.2)
    setups = [event for event, _ in told[:2_000] if isinstance(event, CallSetup)]

    moved = [event for event, _ in islice(generate(later), 2_000) if isinstance(event, CallSetup)]

    assert moved == [replace(event, setup_time_ms=event.setup_time_ms + 86_400_000) for event in setups]
    assert later.judged_ms == later.start_ms + 720_000


def test_carriers_drawn_differ_and_have_about_the_calls_asked_for() -> None:
    """Twenty minutes or more are judged, after at most four times as long a history."""
    first, second = (drawn(seed, start_ms=SHORT.start_ms, calls=20_000) for seed in (1, 2))

    assert replace(first, seed=second.seed) != second
    assert drawn(1, start_ms=SHORT.start_ms, calls=20_000) == first
    for spec in (first, second):
        assert 0.05 <= spec.robocall_share <= 0.12
        assert 15 <= spec.trunk_groups <= 60
        assert spec.hours - spec.history_hours >= 0.333
        assert spec.history_hours <= 4.01 * (spec.hours - spec.history_hours)
        times = [event.setup_time_ms for event, _ in generate(spec) if isinstance(event, CallSetup)]
        assert 10_000 < sum(time_ms >= spec.judged_ms for time_ms in times) < 40_000
