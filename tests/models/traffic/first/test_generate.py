"""Generated traffic keeps its promises: reproducible, in order, complete, calibrated, and hard."""

import csv
import itertools
import json
from collections import Counter
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.contract.events import CallEnd, CallEvent, CallSetup
from models.traffic.first.generate import generate, live_events, live_spec
from models.traffic.first.slices import LabelRow, event_json
from models.traffic.first.spec import TrafficSpec
from models.traffic.kinds import CAMPAIGN_KINDS, LAWFUL_KINDS
from models.traffic.span import DEFAULT_START_MS

SPEC = TrafficSpec(hours=1.0, calls_per_second=12.0, seed=5)


@pytest.fixture(scope="module")
def traffic() -> tuple[list[CallEvent], dict[str, LabelRow]]:
    """An hour of events and the truth of its calls."""
    events: list[CallEvent] = []
    truths: dict[str, LabelRow] = {}
    for part in generate(SPEC):
        events.extend(part.events())
        truths.update((truth.call_id, truth) for truth in part.truths())
    return events, truths


def _lines(spec: TrafficSpec) -> list[str]:
    return [line for part in generate(spec) for line in part.json_lines()]


def _time(event: CallEvent) -> int:
    return event.end_time_ms if isinstance(event, CallEnd) else event.setup_time_ms


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not() -> None:
    short = replace(SPEC, hours=0.1)

    assert _lines(short) == _lines(short)
    assert not set(_lines(short)) & set(_lines(replace(short, seed=6)))


def test_events_come_in_time_order_and_setups_inside_the_span(traffic: tuple[list[CallEvent], Any]) -> None:
    events, _ = traffic
    times = [_time(event) for event in events]

    assert times == sorted(times)
    assert all(SPEC.start_ms <= (event.setup_time_ms or 0) < SPEC.end_ms for event in events)


def test_every_call_has_one_setup_then_one_end_that_repeats_it(traffic: tuple[list[CallEvent], Any]) -> None:
    events, truths = traffic
    setups: dict[str, CallSetup] = {}
    ended: set[str] = set()
    for event in events:
        if isinstance(event, CallSetup):
            assert event.call_id not in setups
            setups[event.call_id] = event
            continue
        setup = setups[event.call_id]
        assert event.call_id not in ended
        ended.add(event.call_id)
        for name in ("setup_time_ms", "calling_number", "called_number", "trunk_group_id", "switch_id"):
            assert getattr(event, name) == getattr(setup, name)
        assert event.end_time_ms >= (event.answer_time_ms or setup.setup_time_ms) >= setup.setup_time_ms
        assert (event.sip_status == 200) == (event.answer_time_ms is not None)

    assert ended == set(setups) == set(truths)


def test_every_kind_of_caller_is_there(traffic: tuple[Any, dict[str, LabelRow]]) -> None:
    _, truths = traffic
    kinds = {label: {t.kind for t in truths.values() if t.label == label} for label in ("robocall", "legitimate")}

    assert kinds == {"robocall": set(CAMPAIGN_KINDS), "legitimate": set(LAWFUL_KINDS)}
    assert all((truth.campaign != "") == (truth.label == "robocall") for truth in truths.values())


def test_rate_and_base_rate_are_those_asked_for(traffic: tuple[Any, dict[str, LabelRow]]) -> None:
    """Within 5 % for the rate and half a point for the share: the call counts are Poisson."""
    _, truths = traffic
    robocalls = sum(truth.label == "robocall" for truth in truths.values())
    lawful = len(truths) - robocalls

    assert lawful / 3_600 == pytest.approx(SPEC.calls_per_second, rel=0.05)
    assert robocalls / len(truths) == pytest.approx(SPEC.robocall_share, abs=0.005)


def test_only_the_scenarios_asked_for_run_at_the_full_share() -> None:
    spec = replace(SPEC, scenarios=("flood", "wangiri"), hours=0.5)
    counts = Counter(truth.kind for part in generate(spec) for truth in part.truths())

    assert {kind for kind in CAMPAIGN_KINDS if counts[kind]} == {"flood", "wangiri"}
    share = (counts["flood"] + counts["wangiri"]) / counts.total()
    assert share == pytest.approx(spec.robocall_share, abs=0.012)


def test_a_later_span_has_the_same_callers_and_only_new_campaigns() -> None:
    later = replace(SPEC, start_ms=SPEC.end_ms)
    seen = [(event, truth) for spec in (SPEC, later) for part in generate(spec) for event, truth in _setups(part)]
    half = next(i for i, (event, _) in enumerate(seen) if event.setup_time_ms >= SPEC.end_ms)
    first, second = seen[:half], seen[half:]

    assert not {t.campaign for _, t in first if t.campaign} & {t.campaign for _, t in second if t.campaign}
    assert not {t.call_id for _, t in first} & {t.call_id for _, t in second}
    centres = [{e.calling_number for e, t in part if t.kind == "passcode"} for part in (first, second)]
    assert len(centres[0] & centres[1]) > len(centres[0]) / 2
    snowshoe = [{e.calling_number for e, t in part if t.kind == "snowshoe"} for part in (first, second)]
    assert len(snowshoe[0] & snowshoe[1]) <= 2


def test_lawful_senders_come_again_and_campaigns_mostly_do_not(
    traffic: tuple[list[CallEvent], dict[str, LabelRow]],
) -> None:
    """Lawful diallers call from numbers of the hour before more often than campaigns do."""
    events, truths = traffic
    later: list[CallEvent] = []
    for part in generate(replace(SPEC, start_ms=SPEC.end_ms, hours=1.0)):
        later.extend(part.events())
        truths.update((truth.call_id, truth) for truth in part.truths())

    def numbers(some: list[CallEvent], *kinds: str) -> set[str]:
        return {e.calling_number for e in some if isinstance(e, CallSetup) and truths[e.call_id].kind in kinds}

    lawful = ("reminder", "survey", "debt_collection")
    campaigns = ("snowshoe", "poor_list", "low_and_slow")
    known, again = (numbers(events, *lawful), numbers(later, *lawful)), numbers(events, *campaigns)
    assert len(known[0] & known[1]) / len(known[1]) > 0.05
    assert len(numbers(later, *campaigns) & again) / len(again) < len(known[0] & known[1]) / len(known[1])


def _setups(part: Any) -> list[tuple[CallSetup, LabelRow]]:
    setups = [event for event in part.events() if isinstance(event, CallSetup)]
    return list(zip(setups, part.truths(), strict=True))


def _violations(event: CallEvent) -> list[str]:
    bad = []
    for spec in fields(event):
        value, bounds = getattr(event, spec.name), spec.metadata["bounds"]
        if value is None:
            bad += [] if spec.default is None else [spec.name]
            continue
        texts = value if isinstance(value, list) else [value] if isinstance(value, str) else []
        bad += [spec.name for text in texts if len(text) > bounds.get("max_length", 10**9)]
        bad += [spec.name for text in texts if len(text) < bounds.get("min_length", 0)]
        if isinstance(value, list) and len(value) > bounds.get("max_items", 10**9):
            bad.append(spec.name)
        if isinstance(value, int) and not bounds.get("ge", value) <= value <= bounds.get("le", value):
            bad.append(spec.name)
        if spec.default is MISSING and value == "":
            bad.append(spec.name)
    return bad


def test_every_event_is_inside_the_bounds_of_the_contract(traffic: tuple[list[CallEvent], Any]) -> None:
    events, _ = traffic

    assert [bad for event in events for bad in _violations(event)] == []


def test_json_lines_say_the_same_as_the_events() -> None:
    """Two writers, one record: the fast lines of a slice and the encoder of single events."""
    for part in itertools.islice(generate(SPEC), 3):
        for line, event in zip(part.json_lines(), part.events(), strict=True):
            assert json.loads(line) == json.loads(event_json(event))


def test_the_biggest_burst_of_a_number_is_lawful(traffic: tuple[list[CallEvent], dict[str, LabelRow]]) -> None:
    events, truths = traffic
    bursts: dict[str, Counter[tuple[str, int]]] = {"robocall": Counter(), "legitimate": Counter()}
    for event in events:
        if isinstance(event, CallSetup):
            minute = event.setup_time_ms // 60_000
            bursts[truths[event.call_id].label][event.calling_number, minute] += 1

    biggest = {label: counts.most_common(1)[0][1] for label, counts in bursts.items()}
    assert biggest["legitimate"] > 2 * biggest["robocall"]


def test_no_trunk_level_area_or_number_form_tells_a_robocall(
    traffic: tuple[list[CallEvent], dict[str, LabelRow]],
) -> None:
    """Each robocall shares its trunk, its attestation and the form of its calling number with lawful calls."""
    events, truths = traffic
    for trait in (
        lambda e: e.trunk_group_id,
        lambda e: e.attestation,
        lambda e: (len(e.calling_number), e.calling_number[:2]),
    ):
        seen: dict[str, Counter[Any]] = {"robocall": Counter(), "legitimate": Counter()}
        for event in events:
            if isinstance(event, CallSetup):
                seen[truths[event.call_id].label][trait(event)] += 1
        alone = sum(n for value, n in seen["robocall"].items() if value not in seen["legitimate"])
        assert alone < 0.03 * seen["robocall"].total()


def test_durations_follow_the_published_shape(traffic: tuple[list[CallEvent], dict[str, LabelRow]]) -> None:
    """Conversations: at least 20 % above 120 s. Diallers: below 60 s on average, but for those who pad their calls."""
    events, truths = traffic
    talk: dict[str, list[float]] = {}
    for event in events:
        if isinstance(event, CallEnd) and event.answer_time_ms is not None:
            kind = truths[event.call_id].kind
            talk.setdefault(kind, []).append((event.end_time_ms - event.answer_time_ms) / 1_000)

    assert np.mean(np.array(talk["person"]) > 120) >= 0.2
    assert np.mean(talk["flood"]) < 60
    assert np.mean(talk["snowshoe"]) < 60
    assert np.mean(talk["padded_durations"]) > 60
    assert np.mean(talk["mass_alert"]) < 60


def test_live_traffic_is_at_its_rate_at_once_and_shows_every_campaign_kind_within_seconds() -> None:
    spec = live_spec(events_per_second=1_000.0, seed=3)
    first_ms = DEFAULT_START_MS
    seen = list(itertools.takewhile(lambda item: item[0] < 20, live_events(spec, first_ms=first_ms)))

    assert len(seen) / 20 == pytest.approx(1_000, rel=0.25)  # lawful bursts come and go
    offsets = [offset for offset, _, _ in seen]
    assert offsets == sorted(offsets)
    assert all(_time(event) == first_ms + round(offset * 1_000) for offset, event, _ in seen)
    kinds = {truth.kind for _, _, truth in seen if truth and truth.label == "robocall"}
    assert len(kinds) >= len(CAMPAIGN_KINDS) - 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scenarios": ("robodance",)}, "unknown scenario robodance"),
        ({"robocall_share": 1.0}, "robocall_share"),
        ({"hours": 0.0}, "above 0"),
        ({"trunks": 2}, "trunks"),
        ({"hours": 2.0, "history_hours": 2.0}, "history_hours"),
    ],
)
def test_a_specification_that_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrafficSpec(**change)


def test_robocall_shares_by_attestation_lie_near_the_published_ones(reference_data: Path) -> None:
    """Published shares of 2022-2023 vary twofold; ours may lie from 0.6 of the least to 1.5 of the most."""
    path = reference_data / "calibration" / "published_stats.csv"
    published: dict[str, list[float]] = {"A": [], "B": [], "C": [], "unsigned": [], "all": []}
    with path.open() as lines:
        for row in csv.DictReader(lines):
            is_share = row["group"] == "robocall_share_by_attestation" and row["metric"] in published
            if is_share and row["value"].replace(".", "", 1).isdigit():
                published[row["metric"]].append(float(row["value"]))

    calls: Counter[str] = Counter()
    robocalls: Counter[str] = Counter()
    for part in generate(replace(SPEC, calls_per_second=25.0, campaigns_per_hour=6.0)):
        for event, truth in _setups(part):
            level = event.attestation.value if event.attestation else "unsigned"
            calls.update((level, "all"))
            robocalls.update((level, "all") if truth.label == "robocall" else ())

    for level, shares in published.items():
        ours = 100 * robocalls[level] / calls[level]
        assert 0.6 * min(shares) <= ours <= 1.5 * max(shares), level


def test_history_is_drawn_in_slices_of_a_minute_and_what_follows_in_its_own() -> None:
    """Nobody waits for history; in short slices most of a draw's time goes to callers who place no call in them."""
    spec = replace(SPEC, hours=0.1, history_hours=0.05, slice_ms=30_000)

    *parts, _ = generate(spec)

    setups_ms = [part.times_ms()[~part.is_end] - spec.start_ms for part in parts]
    assert [int(times_ms.min()) // 30_000 for times_ms in setups_ms] == [0, 2, 4, 6, 7, 8, 9, 10, 11]
    assert [int(times_ms.max()) // 30_000 for times_ms in setups_ms] == [1, 3, 5, 6, 7, 8, 9, 10, 11]


def test_no_long_slice_goes_on_behind_the_history() -> None:
    """Its calls would be sent before they are due."""
    spec = replace(SPEC, hours=0.1, history_hours=0.025, slice_ms=5_000)

    ends = [spec.slice_end_ms(spec.start_ms + start_ms) - spec.start_ms for start_ms in (0, 60_000, 88_000, 90_000)]

    assert ends == [60_000, 90_000, 93_000, 95_000]
