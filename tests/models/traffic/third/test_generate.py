"""The third author's traffic is what a switch might send, and as much of it as was asked for."""

from collections import Counter
from dataclasses import fields, replace
from itertools import islice

import numpy as np
import pytest

from detector.contract.events import CallEnd, CallSetup
from models.traffic.kinds import CAMPAIGN_KINDS, LAWFUL_KINDS
from models.traffic.third.calls import KINDS
from models.traffic.third.carrier import LAWFUL_SHARES, ROBOCALL_KINDS
from models.traffic.third.generate import ThirdTraffic, drawn, generate
from models.traffic.truth import Truth

SHORT = ThirdTraffic(seed=3, hours=0.9, history_hours=0.4, calls_per_second=12.0)
OWN_KINDS = {"person_to_business", "call_centre_back", "machine", "international", "anonymous"}

Told = list[tuple[CallSetup | CallEnd, Truth]]


@pytest.fixture(scope="module")
def told() -> Told:
    """Less than an hour of traffic."""
    return list(generate(SHORT))


def test_the_same_seed_gives_the_same_events_and_another_one_others(told: Told) -> None:
    """Figures on this traffic can be repeated."""
    first = told[:5_000]

    assert list(islice(generate(SHORT), 5_000)) == first
    assert list(islice(generate(replace(SHORT, seed=4)), 5_000)) != first


def test_a_later_start_moves_every_event_and_changes_nothing_else(told: Told) -> None:
    """Worlds can be put one after the other in time."""
    later = replace(SHORT, start_ms=SHORT.start_ms + 86_400_000)
    setups = [event for event, _ in told[:2_000] if isinstance(event, CallSetup)]

    moved = [event for event, _ in islice(generate(later), 2_000) if isinstance(event, CallSetup)]

    assert moved == [replace(event, setup_time_ms=event.setup_time_ms + 86_400_000) for event in setups]
    assert later.judged_ms == later.start_ms + 1_440_000


def test_events_are_within_the_bounds_of_the_contract(told: Told) -> None:
    """A worker would put none of them into the dead letters."""
    for event, _ in told:
        for one in fields(event):
            value, bounds = getattr(event, one.name), one.metadata["bounds"]
            if isinstance(value, str):
                assert bounds.get("min_length", 0) <= len(value) <= bounds.get("max_length", 256)
            elif isinstance(value, int) and not isinstance(value, bool):
                assert bounds["ge"] <= value <= bounds["le"]
            else:
                assert not isinstance(value, np.generic)


def test_events_come_in_order_and_every_call_ends_once_after_it_began(told: Told) -> None:
    """An end repeats its call's numbers, trunk group and set-up time, and comes when the call is over."""
    times = [event.setup_time_ms if isinstance(event, CallSetup) else event.end_time_ms for event, _ in told]
    open_calls: dict[str, tuple[CallSetup, Truth]] = {}
    ended = 0
    for event, truth in told:
        if isinstance(event, CallSetup):
            assert event.call_id not in open_calls
            open_calls[event.call_id] = event, truth
            continue
        setup, was = open_calls.pop(event.call_id)
        ended += 1
        assert truth == was
        assert (event.calling_number, event.called_number) == (setup.calling_number, setup.called_number)
        assert (event.trunk_group_id, event.setup_time_ms) == (setup.trunk_group_id, setup.setup_time_ms)
        assert setup.setup_time_ms < (event.answer_time_ms or event.end_time_ms) <= event.end_time_ms
        assert event.answer_time_ms != event.end_time_ms
        assert (event.answer_time_ms is not None) == (event.sip_status == 200)

    assert times == sorted(times)
    assert not open_calls
    assert ended == len(told) / 2


def test_every_kind_of_caller_is_there_and_told_by_name(told: Told) -> None:
    """A robocall has a campaign, a lawful call none; a kind has the name that the first author gave it, or its own."""
    truths = [truth for event, truth in told if isinstance(event, CallSetup)]

    assert all(truth.is_robocall == bool(truth.campaign) for truth in truths)
    assert {truth.kind for truth in truths if truth.is_robocall} == set(ROBOCALL_KINDS)
    assert {truth.kind for truth in truths if not truth.is_robocall} == {*LAWFUL_SHARES, "spoofed_callback"}
    assert set(KINDS) - set(LAWFUL_KINDS) - set(CAMPAIGN_KINDS) == OWN_KINDS
    assert all(truth.campaign.startswith(truth.kind) for truth in truths if truth.is_robocall)


def test_robocalls_have_their_share_before_and_in_what_is_judged(told: Told) -> None:
    """Windows fill at the pace at which calls are judged later."""
    calls: Counter[tuple[bool, bool]] = Counter()
    for event, truth in told:
        if isinstance(event, CallSetup):
            calls[event.setup_time_ms >= SHORT.judged_ms, truth.is_robocall] += 1

    for is_judged in (False, True):
        share = calls[is_judged, True] / (calls[is_judged, True] + calls[is_judged, False])
        assert 0.75 * SHORT.robocall_share < share < 1.5 * SHORT.robocall_share


@pytest.mark.parametrize("history_hours", [-0.1, 0.95])
def test_a_span_without_room_for_campaigns_is_refused(history_hours: float) -> None:
    """Whoever asks for it is told what to change."""
    with pytest.raises(ValueError, match=r"leave 0\.1 of 1\.0 hours or more"):
        ThirdTraffic(hours=1.0, history_hours=history_hours)


def test_carriers_drawn_differ_and_have_about_the_calls_asked_for() -> None:
    """Twenty minutes or more are judged, after at most four times as long a history."""
    first, second = (drawn(seed, start_ms=SHORT.start_ms, calls=10_000) for seed in (1, 2))

    assert replace(first, seed=second.seed) != second
    assert drawn(1, start_ms=SHORT.start_ms, calls=10_000) == first
    for spec in (first, second):
        assert 0.05 <= spec.robocall_share <= 0.12
        assert spec.hours - spec.history_hours >= 0.333
        assert spec.history_hours <= 4.01 * (spec.hours - spec.history_hours)
        times = [event.setup_time_ms for event, _ in generate(spec) if isinstance(event, CallSetup)]
        assert 5_000 < sum(time_ms >= spec.judged_ms for time_ms in times) < 20_000
