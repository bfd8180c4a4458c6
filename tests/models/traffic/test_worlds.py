"""Worlds are wide, reproducible, and those held out lie outside what is trained on in every figure drawn."""

from collections import Counter
from dataclasses import replace

import pytest

from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from models.traffic.first.world import CENTRAL_WORLD, FIGURES, Family, World, with_odds
from models.traffic.kinds import CAMPAIGN_KINDS, LAWFUL_KINDS
from models.traffic.span import DEFAULT_START_MS
from models.traffic.worlds import NATURAL_SHARE, SLOT_MS, after, held_out_worlds, natural, training_worlds

DRAWS = range(60)


@pytest.mark.parametrize("name", FIGURES)
def test_held_out_bands_lie_outside_the_training_range(name: str) -> None:
    """And the training range holds the central value, so that it is a range around what is published."""
    figure = FIGURES[name]
    low, high = figure.training

    assert low <= figure.central <= high
    assert low < high
    assert figure.held_out
    assert figure.below is None or figure.below[0] <= figure.below[1] < low
    assert figure.above is None or high < figure.above[0] <= figure.above[1]


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_drawn_from_their_ranges(name: str) -> None:
    """Training worlds inside theirs, held-out ones inside a band and so never in the training range."""
    figure = FIGURES[name]
    trained = [World(Family.TRAINING, number).value(name) for number in DRAWS]
    held_out = [World(Family.HELD_OUT, number).value(name) for number in DRAWS]

    assert all(figure.training[0] <= value <= figure.training[1] for value in trained)
    assert max(trained) - min(trained) > 0.5 * (figure.training[1] - figure.training[0])
    for band in figure.held_out:
        assert any(band[0] <= value <= band[1] for value in held_out)
    assert all(any(low <= value <= high for low, high in figure.held_out) for value in held_out)


def test_a_world_is_its_family_and_number() -> None:
    """The same one always has the same figures; kinds of callers have their own draws."""
    world = World(Family.TRAINING, 3)

    assert world.value("campaign_talk", "flood") == World(Family.TRAINING, 3).value("campaign_talk", "flood")
    assert world.value("campaign_talk", "flood") != world.value("campaign_talk", "snowshoe")
    assert world.value("trunks") != World(Family.TRAINING, 4).value("trunks")
    assert str(world) == "training-3"


def test_the_central_world_has_the_published_figures() -> None:
    """It is what `TrafficSpec` says by itself."""
    assert TrafficSpec().world == CENTRAL_WORLD
    for name in ("robocall_share", "trunks", "hours"):
        assert CENTRAL_WORLD.value(name) == getattr(TrafficSpec(), name)


def test_multiplying_odds_keeps_a_share() -> None:
    """Odds of 0.5 are 1; doubled they are 2, a share of 2/3. None stays none, all stays all."""
    assert with_odds(0.5, 2.0) == pytest.approx(2 / 3)
    assert (with_odds(0.0, 9.0), with_odds(1.0, 0.1)) == (0.0, 1.0)


def _counts(spec: TrafficSpec) -> Counter[tuple[str, str]]:
    return Counter((truth.label, truth.kind) for part in generate(spec) for truth in part.truths())


def test_a_world_has_its_kinds_and_about_the_size_asked_for() -> None:
    """Every lawful kind, and the campaign kinds that are on air in it, at its own base rate.

    In a small world a few campaigns decide the share of robocalls.
    """
    spec = training_worlds(1, seed=1, calls=24_000)[0]
    counts = _counts(spec)
    robocalls = sum(n for (label, _), n in counts.items() if label == "robocall")

    assert {kind for label, kind in counts if label == "robocall"} == set(spec.scenarios)
    lawful = {kind for label, kind in counts if label == "legitimate"}
    assert lawful | {"spoofed_callback"} == set(LAWFUL_KINDS)  # only where somebody's number is spoofed
    assert counts.total() == pytest.approx(24_000, rel=0.25)
    assert robocalls / counts.total() == pytest.approx(spec.robocall_share, rel=0.3)


def test_a_natural_world_has_the_same_lawful_traffic_and_fewer_campaigns() -> None:
    """A share of 3/13 to 1/11 is odds of 0.3 to 0.1: a third as many start in an hour, all else as it was."""
    spec = replace(held_out_worlds(1, seed=1)[0], robocall_share=3 / 13, campaigns_per_hour=6.0)

    found = natural(spec, 1 / 11)

    assert found.campaigns_per_hour == pytest.approx(2.0)
    assert replace(found, robocall_share=3 / 13, campaigns_per_hour=6.0) == spec
    assert natural(found).robocall_share == NATURAL_SHARE


def test_every_kind_of_campaign_is_on_air_somewhere() -> None:
    """In worlds to train on as in held-out ones."""
    for worlds in (held_out_worlds(), training_worlds(16, seed=1)):
        assert {kind for spec in worlds for kind in spec.scenarios} == set(CAMPAIGN_KINDS)


def test_worlds_have_days_and_seeds_of_their_own() -> None:
    """A cut in time is a cut between worlds, held-out ones behind those trained on."""
    trained = training_worlds(6, seed=1)
    worlds = trained + after(held_out_worlds(4), len(trained))
    days = [(spec.start_ms - DEFAULT_START_MS) // SLOT_MS for spec in worlds]

    assert days == list(range(10))
    assert all((spec.end_ms - DEFAULT_START_MS) // SLOT_MS == day for spec, day in zip(worlds, days, strict=True))
    assert len({spec.seed for spec in worlds}) == len({spec.world for spec in worlds}) == 10
    assert training_worlds(6, seed=1) == trained
    assert not set(training_worlds(6, seed=2)) & set(trained)
