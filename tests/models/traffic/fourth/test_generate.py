"""The fourth author's traffic is what a switch might send, the same in any span, and as much as was asked for."""

import re
from collections import Counter
from dataclasses import fields, replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.contract.events import CallEnd, CallEvent, CallSetup
from models.traffic import kinds as shared
from models.traffic.fourth.generate import LEAST_SHARE, MOST_SHARE, FourthTraffic, drawn, drawn_share, generate, told
from models.traffic.fourth.kinds import CAMPAIGN_KINDS, LAWFUL_KINDS, OWN_CAMPAIGN_DOC, OWN_LAWFUL_DOC
from models.traffic.fourth.lawful.kinds import ROWS
from models.traffic.span import DEFAULT_START_MS, HOUR_MS
from models.traffic.truth import Truth

DAY = FourthTraffic(seed=3, hours=30.0, history_hours=24.0, calls_per_second=0.6, robocall_share=0.07)
PLAN = re.compile(r"\+1([2-9]\d\d)([2-9]\d\d)\d{4}")
NO_SUBSCRIBERS = {"invalid_numbers", "odd_caller_id", "brand_code"}

Events = list[tuple[CallEvent, Truth]]


@pytest.fixture(scope="module")
def events() -> Events:
    """More than a day of a small carrier."""
    return list(generate(DAY))


def _time_ms(event: CallEvent) -> int:
    return event.setup_time_ms if isinstance(event, CallSetup) else event.end_time_ms


def _setups(events: Events) -> list[tuple[CallSetup, Truth]]:
    return [(event, truth) for event, truth in events if isinstance(event, CallSetup)]


def test_the_same_seed_gives_the_same_events_and_another_one_others(events: Events) -> None:
    """Figures on this traffic can be repeated."""
    first = events[:3_000]

    assert list(islice(generate(DAY), 3_000)) == first
    assert list(islice(generate(replace(DAY, seed=4)), 3_000)) != first


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1_000), st.integers(0, 40), st.integers(1, 3))
def test_an_hour_has_the_same_calls_in_every_span(seed: int, first: int, hours: int) -> None:
    """A history, a day to learn from and a day to judge can be made apart."""
    whole = FourthTraffic(
        seed=seed,
        start_ms=DEFAULT_START_MS + first * HOUR_MS,
        hours=hours + 1.5,
        history_hours=0.0,
        calls_per_second=0.1,
        new_kinds_ms=DEFAULT_START_MS + 20 * HOUR_MS,
    )
    later = replace(whole, start_ms=whole.start_ms + HOUR_MS // 2, hours=whole.hours - 0.5)

    in_whole = [one for one in _setups(list(generate(whole))) if one[0].setup_time_ms >= later.start_ms]

    assert in_whole == _setups(list(generate(later)))
    assert in_whole


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 100_000))
def test_any_carrier_is_in_order_whole_and_within_the_contract(seed: int) -> None:
    """A switch could send it, and a worker would put none of it into the dead letters."""
    spec = FourthTraffic(seed=seed, hours=2.3, history_hours=0.0, calls_per_second=0.4, robocall_share=0.1)
    found = list(generate(spec))
    open_calls: dict[str, tuple[CallSetup, Truth]] = {}

    assert [_time_ms(event) for event, _ in found] == sorted(_time_ms(event) for event, _ in found)
    for event, truth in found:
        _check_bounds(event)
        if isinstance(event, CallSetup):
            assert event.call_id not in open_calls
            assert spec.start_ms <= event.setup_time_ms < spec.end_ms
            open_calls[event.call_id] = event, truth
        else:
            setup, was = open_calls.pop(event.call_id)
            assert truth == was
            _check_end(setup, event)
    assert not open_calls


def _check_bounds(event: CallEvent) -> None:
    for one in fields(event):
        value, bounds = getattr(event, one.name), one.metadata["bounds"]
        assert not isinstance(value, np.generic)
        if isinstance(value, str):
            assert bounds.get("min_length", 0) <= len(value) <= bounds.get("max_length", 256)
        elif isinstance(value, int) and not isinstance(value, bool):
            assert bounds["ge"] <= value <= bounds["le"]


def _check_end(setup: CallSetup, end: CallEnd) -> None:
    assert (end.calling_number, end.called_number) == (setup.calling_number, setup.called_number)
    assert (end.trunk_group_id, end.setup_time_ms) == (setup.trunk_group_id, setup.setup_time_ms)
    assert setup.setup_time_ms < (end.answer_time_ms or end.end_time_ms) <= end.end_time_ms
    assert (end.answer_time_ms is not None) == (end.sip_status == 200)
    assert end.answer_time_ms != end.end_time_ms


def test_every_call_has_its_truth_and_kinds_have_names_that_are_told(events: Events) -> None:
    """A robocall has a campaign of its kind, a lawful call none; at least 25 lawful kinds and 15 of campaigns."""
    truths = [truth for _, truth in _setups(events)]
    lawful = {truth.kind for truth in truths if not truth.is_robocall}
    robocalls = {truth.kind for truth in truths if truth.is_robocall}

    assert all(truth.is_robocall == bool(truth.campaign) for truth in truths)
    assert all(truth.campaign.startswith(f"{truth.kind}-") for truth in truths if truth.is_robocall)
    assert lawful <= set(LAWFUL_KINDS)
    assert robocalls <= set(CAMPAIGN_KINDS)
    assert len(lawful) >= 25
    assert len(robocalls) >= 15


def test_kinds_are_shared_ones_or_explained() -> None:
    """No kind has two explanations, and none is explained that nobody has."""
    assert set(CAMPAIGN_KINDS) == {*shared.CAMPAIGN_KINDS, *OWN_CAMPAIGN_DOC}
    assert set(LAWFUL_KINDS) - set(shared.LAWFUL_KINDS) == set(OWN_LAWFUL_DOC)
    assert not set(shared.CAMPAIGN_KINDS) & set(OWN_CAMPAIGN_DOC)
    assert not set(CAMPAIGN_KINDS) & set(LAWFUL_KINDS)
    assert {row.name for row in ROWS} <= set(LAWFUL_KINDS)


def test_kinds_held_back_come_after_their_instant_and_soon(events: Events) -> None:
    """All of them within the six hours that are judged, none in the day before."""
    later = set(DAY.carrier().later_kinds)
    before = {truth.kind for event, truth in _setups(events) if event.setup_time_ms < DAY.judged_ms}
    after = {truth.kind for event, truth in _setups(events) if event.setup_time_ms >= DAY.judged_ms}

    assert 3 <= len(later) <= 6
    assert not later & before
    assert later <= after
    assert (before & set(CAMPAIGN_KINDS)) & after


def test_campaigns_change_and_lawful_callers_stay() -> None:
    """Many lawful senders of one day call the next day at the same hours, few numbers of campaigns do."""
    ten = DEFAULT_START_MS + 26 * HOUR_MS
    spec = FourthTraffic(seed=9, start_ms=ten, hours=2.0, history_hours=0.0, calls_per_second=3.0)
    days = [_setups(list(generate(replace(spec, start_ms=ten + day * 24 * HOUR_MS)))) for day in (0, 1)]
    senders = {"pharmacy", "doctors", "debt_collection", "business", "hospital", "bank_alert"}
    lawful = [{event.calling_number for event, truth in day if truth.kind in senders} for day in days]
    unlawful = [{event.calling_number for event, truth in day if truth.is_robocall} for day in days]

    assert len(lawful[0] & lawful[1]) > 0.2 * len(lawful[1])
    assert len(unlawful[0] & unlawful[1]) < 0.2 * len(unlawful[1])
    assert {truth.campaign for _, truth in days[0]} != {truth.campaign for _, truth in days[1]}


def test_the_share_of_robocalls_of_a_day_is_the_one_asked_for(events: Events) -> None:
    """From half to twice: campaigns and bursts are drawn."""
    day = [truth for event, truth in _setups(events) if event.setup_time_ms < DAY.judged_ms]

    assert DAY.robocall_share * 0.7 < np.mean([truth.is_robocall for truth in day]) < DAY.robocall_share * 1.4
    assert 0.7 < len(day) / (DAY.calls_per_second * 86_400) < 1.4


def test_numbers_have_the_form_of_the_plan_but_where_a_kind_says_otherwise(events: Events) -> None:
    """`+1`, an area code and an exchange that are not N11; or another country's; or what nobody can have."""
    for event, truth in _setups(events):
        for number in (event.calling_number, event.called_number):
            if truth.kind in NO_SUBSCRIBERS and number == event.calling_number:
                continue
            if number.startswith("+1"):
                found = PLAN.fullmatch(number)
                assert found, (number, truth)
                assert not any(code.endswith("11") for code in found.groups()), (number, truth)
            else:
                assert re.fullmatch(r"\+[2-9]\d{9,14}", number), (number, truth)


def test_lawful_callers_share_origids_with_campaigns(events: Events) -> None:
    """An origid is a customer or a whole reseller: most of those that campaigns use are of lawful callers as well."""
    origids: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for event, truth in _setups(events):
        if event.origid:
            origids[truth.is_robocall][event.origid] += 1
    shared_calls = sum(count for origid, count in origids[True].items() if origid in origids[False])

    assert shared_calls > 0.5 * origids[True].total()
    assert len(origids[False]) > 30


def test_carriers_are_drawn_from_a_hundredth_to_a_tenth_with_a_day_of_history() -> None:
    """Each is drawn anew; the calls asked for are those that are judged, about."""
    shares = [drawn_share(seed) for seed in range(200)]
    spec = drawn(11, start_ms=DEFAULT_START_MS + 7, calls=3_000)

    assert LEAST_SHARE <= min(shares) < 0.015
    assert 0.07 < max(shares) <= MOST_SHARE
    assert spec.history_hours == 24.0
    assert spec == drawn(11, start_ms=DEFAULT_START_MS + 7, calls=3_000)
    judged = sum(event.setup_time_ms >= spec.judged_ms for event, _ in _setups(list(generate(spec))))
    assert 1_200 < judged < 7_500


def test_a_month_begins_at_once_and_comes_in_parts_of_an_hour() -> None:
    """What is held does not grow with the span."""
    spec = FourthTraffic(seed=1, hours=24 * 30.0, history_hours=0.0, calls_per_second=12.0)
    parts = list(islice(told(spec), 6))

    assert all(len(part.events) <= 16_384 for part in parts)
    assert [part.until_ms for part in parts] == sorted(part.until_ms for part in parts)
    assert parts[0].until_ms < spec.start_ms + HOUR_MS
    for part in parts:
        assert all(_time_ms(event) <= part.until_ms for event, _ in part.events)


@pytest.mark.parametrize("history_hours", [-0.1, 4.0])
def test_a_history_without_calls_to_judge_is_refused(history_hours: float) -> None:
    """Whoever asks for it is told what to change."""
    with pytest.raises(ValueError, match=r"has to be below the 4\.0 hours in all"):
        FourthTraffic(hours=4.0, history_hours=history_hours)
