"""Training on many worlds cuts between worlds, and judges in others."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from models.data.dataset import Dataset
from models.learn.many_worlds import COUNTED_IN, cut_between_worlds, from_worlds, plan
from models.learn.training import Parameters, split
from models.traffic.first.spec import TrafficSpec
from models.traffic.first.world import Family
from models.traffic.second.generate import SecondTraffic
from models.traffic.span import DEFAULT_START_MS
from models.traffic.third.generate import ThirdTraffic
from models.traffic.worlds import SLOT_MS

WORLDS = 6
CALLS = 400
SMALL = Parameters(n_trees=5, min_samples_leaf=10, lawful_share=1.0)


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Calls of six worlds and of the held-out ones."""
    return from_worlds(WORLDS, 1, lambda _: None, calls=CALLS)


def _worlds(data: Dataset, chosen: np.ndarray) -> set[int]:
    return set(((data.setup_time_ms[chosen] - DEFAULT_START_MS) // SLOT_MS).tolist())


def test_spans_are_whole_worlds(data: Dataset) -> None:
    """Four worlds to learn from, two to calibrate on, the held-out ones to be judged by."""
    spans = split(data, cut_between_worlds(data, WORLDS, SMALL))

    assert _worlds(data, spans.train) == {0, 1, 2, 3}
    assert _worlds(data, spans.calibration) == {4, 5}
    assert _worlds(data, spans.test) == set(range(6, 16))


def test_what_else_is_asked_for_stays(data: Dataset) -> None:
    """Only the shares of the spans are set."""
    found = cut_between_worlds(data, WORLDS, SMALL)

    assert replace(found, train_share=0.6, calibration_share=0.18) == SMALL


def test_worlds_of_every_author_are_learnt_in_both_ways_of_counting() -> None:
    """Each author's worlds meet each number of partitions."""
    specs = plan(20, 1, calls=CALLS)[:20]

    met = {(type(spec), COUNTED_IN[slot % len(COUNTED_IN)]) for slot, spec in enumerate(specs)}
    assert met == set(product((TrafficSpec, SecondTraffic, ThirdTraffic), COUNTED_IN))


def test_judged_are_worlds_outside_of_what_is_learnt_and_a_carrier_of_each_other_author() -> None:
    """Eight and two, as `robocall train --help` says; the carriers are not those that are learnt from."""
    specs = plan(WORLDS, 1, calls=CALLS)
    learnt, worlds, carriers = specs[:WORLDS], specs[WORLDS:-2], specs[-2:]

    assert len(worlds) == 8
    assert all(isinstance(spec, TrafficSpec) and spec.world.family is Family.HELD_OUT for spec in worlds)
    assert [type(spec) for spec in carriers] == [SecondTraffic, ThirdTraffic]
    assert {spec.seed for spec in carriers}.isdisjoint(spec.seed for spec in learnt)


def test_a_kind_left_out_is_judged_and_not_learnt(data: Dataset) -> None:
    """All else is as it was."""
    reduced = from_worlds(WORLDS, 1, lambda _: None, without="flood", calls=CALLS)
    spans = split(reduced, cut_between_worlds(reduced, WORLDS, SMALL))
    known = np.concatenate([spans.train, spans.calibration])
    flood = reduced.kinds.index("flood")

    assert not np.any(reduced.is_robocall[known] & (reduced.kind[known] == flood))
    assert np.any(reduced.kind[spans.test] == flood)
    assert len(data) - len(reduced) == np.sum(data.kind == flood) - np.sum(reduced.kind == flood) > 0


def test_a_misspelt_kind_is_not_left_out() -> None:
    """Said before anything is generated: all kinds would be learnt, in silence."""
    with pytest.raises(ValueError, match="flod is no kind of campaign: leave out one of"):
        from_worlds(WORLDS, 1, lambda _: None, without="flod", calls=CALLS)


def test_too_few_worlds_are_refused() -> None:
    """There must be some to learn from and some to calibrate on."""
    with pytest.raises(ValueError, match="at least 6"):
        plan(5, 1)
