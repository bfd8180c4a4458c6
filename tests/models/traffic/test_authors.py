"""Traffic of any author comes in slices of one form: events in order of time, and what each call was."""

from dataclasses import replace

import pytest

from detector.contract.events import CallEvent, CallSetup
from models.learn import many_worlds
from models.traffic.authors import AUTHORS, JUDGED_ALONE, Slice, Traffic, slices, to_learn_from
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from models.traffic.fourth import generate as fourth
from models.traffic.fourth.generate import FourthTraffic
from models.traffic.fourth.kinds import OWN_CAMPAIGN_DOC
from models.traffic.kinds import CAMPAIGN_KINDS
from models.traffic.second import generate as second
from models.traffic.second.generate import SecondTraffic
from models.traffic.span import DEFAULT_START_MS
from models.traffic.third import generate as third
from models.traffic.third.generate import ThirdTraffic
from models.traffic.truth import ROBOCALL

SPECS: dict[str, Traffic] = {
    "first": TrafficSpec(hours=0.25, seed=3, calls_per_second=12.0),
    "second": SecondTraffic(seed=3, hours=0.25, calls_per_second=12.0),
    "third": ThirdTraffic(seed=3, hours=0.25, history_hours=0.1, calls_per_second=12.0),
    "fourth": FourthTraffic(seed=3, hours=1.0, history_hours=0.1, calls_per_second=4.0, new_kinds_ms=DEFAULT_START_MS),
}


@pytest.fixture(scope="module", params=list(SPECS))
def author(request: pytest.FixtureRequest) -> str:
    """Whose traffic."""
    return str(request.param)


@pytest.fixture(scope="module")
def told(author: str) -> list[Slice]:
    """A quarter of an hour, in several slices."""
    return list(slices(SPECS[author]))


def _time_ms(event: CallEvent) -> int:
    return event.setup_time_ms if isinstance(event, CallSetup) else event.end_time_ms


def _truths(spec: Traffic) -> dict[str, tuple[bool, str, str]]:
    """What the author says of each call, by call id."""
    if isinstance(spec, TrafficSpec):
        found = [one for part in generate(spec) for one in part.truths()]
        return {one.call_id: (one.label == ROBOCALL, one.campaign, one.kind) for one in found}
    if isinstance(spec, FourthTraffic):
        events = fourth.generate(spec)
    else:
        events = second.generate(spec) if isinstance(spec, SecondTraffic) else third.generate(spec)
    return {event.call_id: (truth.is_robocall, truth.campaign, truth.kind) for event, truth in events}


def test_each_set_up_has_the_truth_that_its_author_tells(author: str, told: list[Slice]) -> None:
    """In the slice of its set-up and at its place; an end has none."""
    expected, found = _truths(SPECS[author]), {}
    for events, truths in told:
        setups = [event for event in events if isinstance(event, CallSetup)]
        for setup, truth in zip(setups, truths, strict=True):
            assert setup.call_id not in found
            found[setup.call_id] = truth.is_robocall, truth.campaign, truth.kind

    assert found == expected


def test_events_are_in_order_of_time_within_and_across_slices(told: list[Slice]) -> None:
    """A window engine can be fed with one slice after the other."""
    times = [_time_ms(event) for events, _ in told for event in events]

    assert len(told) > 1
    assert times == sorted(times)


def test_robocalls_alone_have_a_campaign_and_the_kinds_of_robocalls(told: list[Slice]) -> None:
    """Authors agree on the names of campaigns' kinds, so that figures by kind can be compared."""
    truths = [truth for _, part in told for truth in part]

    assert all(bool(truth.campaign) == truth.is_robocall for truth in truths)
    assert all((truth.kind in {*CAMPAIGN_KINDS, *OWN_CAMPAIGN_DOC}) == truth.is_robocall for truth in truths)
    assert len({truth.campaign for truth in truths if truth.is_robocall}) > 5


def test_every_author_begins_where_the_first_does_and_judges_after_the_history(author: str) -> None:
    """Worlds of all authors stand side by side in the same slots of time."""
    spec = replace(SPECS[author], history_hours=0.1)

    assert spec.start_ms == DEFAULT_START_MS
    assert spec.judged_ms == DEFAULT_START_MS + 360_000


@pytest.mark.parametrize("author_drawn", [*AUTHORS, *JUDGED_ALONE])
def test_a_carrier_drawn_begins_when_it_is_told_to(author_drawn: str) -> None:
    """The same seed, the same carrier."""
    drawn = {**AUTHORS, **JUDGED_ALONE}[author_drawn]
    spec = drawn(5, start_ms=DEFAULT_START_MS + 7, calls=2_000)

    assert spec.start_ms == DEFAULT_START_MS + 7
    assert spec == drawn(5, start_ms=DEFAULT_START_MS + 7, calls=2_000)


def test_what_is_kept_for_judging_is_never_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by the plan of a training, and not by mistake: whoever lets it into the turns is told."""
    assert not JUDGED_ALONE.keys() & AUTHORS.keys()
    assert not any(isinstance(spec, FourthTraffic) for spec in many_worlds.plan(12, 1, calls=400))

    monkeypatch.setattr(many_worlds, "AUTHORS", {**AUTHORS, **JUDGED_ALONE})
    monkeypatch.setattr(many_worlds, "TURNS", ("", "second", "fourth"))

    with pytest.raises(ValueError, match="fourth author is kept for judging"):
        many_worlds.plan(12, 1, calls=400)


def test_all_else_may_be_learnt_from() -> None:
    """It comes back as it was."""
    specs = [spec for author, spec in SPECS.items() if author not in JUDGED_ALONE]

    assert to_learn_from(specs) == specs
