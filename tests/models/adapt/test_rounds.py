"""Rounds: from the same calls the same model, of the calls learnt from alone, and enough of them."""

from dataclasses import replace

import numpy as np
import pytest

from models.adapt import rounds
from models.adapt.labels import Labels
from models.adapt.rounds import FEWEST_TAUGHT, TAUGHT, Student, Way, learn
from models.adapt.teaching import Lesson
from models.traffic.truth import UNKNOWN_KIND, Truth
from tests.models.adapt.spans import complaints, early, looked_at, made, material_of
from tests.models.adapt.test_adapting import FAST


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PARAMETERS", FAST)


def test_the_same_gives_the_same_and_each_round_is_told() -> None:
    span = made(5)
    told: list[int] = []
    found = [learn(material_of(span, complaints(span, 0.3)), 7, told.append) for _ in range(2)]

    one, other = found
    assert isinstance(one, Student)
    assert isinstance(other, Student)
    assert np.array_equal(one.margins, other.margins)
    assert one.data_digest == other.data_digest
    assert told == [1, 2, 3] * 2


def test_nothing_of_the_held_back_part_is_learnt() -> None:
    """With other features, labels and margins there the trees are the same: they score the first part alike."""
    span = made(5)
    said = complaints(span, 0.3)
    material = material_of(span, said)
    held = ~material.is_learning
    calls = replace(span.calls, margins=np.where(held, -span.calls.margins, span.calls.margins))
    changed = replace(material_of(replace(span, calls=calls), {}), labels=_without(material, held))

    one, other = learn(material, 7, lambda _: None), learn(changed, 7, lambda _: None)

    assert isinstance(one, Student)
    assert isinstance(other, Student)
    assert np.array_equal(one.margins, other.margins)


def _without(material: rounds.Material, held: np.ndarray) -> Labels:
    return replace(material.labels, weight=np.where(held, 0.0, material.labels.weight))


def test_what_was_learnt_is_told_by_source() -> None:
    span = made(5)

    found = learn(material_of(span, complaints(span, 0.3)), 7, lambda _: None)

    assert isinstance(found, Student)
    by_source = {line["source"]: line for line in found.learnt}
    assert by_source.keys() == {"subscriber_report", TAUGHT}
    assert by_source["subscriber_report"]["robocalls"] > 5
    assert by_source[TAUGHT]["lawful"] > 1_000
    assert found.calibrated_on.counted_in == (1,)


def test_too_few_to_teach_is_a_reason_and_no_model() -> None:
    span = made(5, 900)

    found = learn(material_of(span, {}), 7, lambda _: None)

    assert isinstance(found, str)
    assert f"{FEWEST_TAUGHT} needed" in found


def test_lawful_calls_beyond_a_number_are_drawn_and_stand_for_the_others() -> None:
    span = made(5)

    found = learn(material_of(span, complaints(span, 0.3)), 7, lambda _: None, most_lawful=500)

    assert isinstance(found, Student)
    assert found.parameters.lawful_share < 0.1
    assert sum(line["lawful"] for line in found.learnt) < 900


def test_from_labels_alone_two_rounds_are_learnt() -> None:
    """All robocalls that are taught are labelled ones."""
    span = made(5)
    told: list[int] = []

    found = learn(material_of(span, complaints(span, 0.3)), 7, told.append, Way.LABELS)

    assert isinstance(found, Student)
    assert told == [1, 2]
    robocalls = {line["source"]: line["robocalls"] for line in found.learnt}
    assert robocalls[TAUGHT] == 0
    assert robocalls["subscriber_report"] > 50


def test_what_somebody_looked_at_is_not_drawn_and_counts_as_if_all_were_there() -> None:
    """Of a thousand lawful calls fifty are drawn; ten that were judged are kept, at that share of their weight."""
    n = 1_000
    is_looked_at = np.arange(n) < 10
    taught = Lesson(np.arange(n) >= 990, np.full(n, 0.5), np.zeros(n, np.bool_))

    found, share = rounds._drawn(taught, np.arange(n) != 500, is_looked_at, 50, np.random.default_rng(1))

    assert share == pytest.approx(50 / 979)
    assert found.weight[:10] == pytest.approx(0.5 * share)
    drawn = found.weight[10:990]
    assert 20 < np.count_nonzero(drawn) < 90
    assert set(drawn.tolist()) == {0.0, 0.5}
    assert found.weight[990:].tolist() == [0.5] * 10


def test_lawful_callers_who_are_called_robocallers_are_contradicted_and_right_answers_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rounds, "PARAMETERS", replace(FAST, n_trees=150))
    span = made(5)
    right = complaints(span, 0.3) | looked_at(span, early(span), 24, 24)
    block = {key: int(span.calls.block[key - 1]) for key, truth in right.items() if truth.source == "analyst"}
    wrong = set(list(dict.fromkeys(block.values()))[-3:])
    said = {key: replace(truth, is_robocall=True) if block.get(key) in wrong else truth for key, truth in right.items()}

    found = learn(material_of(span, said), 7, lambda _: None, Way.LABELS)

    assert isinstance(found, Student)
    is_wrong = np.array([one in wrong for one in block.values()])
    is_told = found.is_contradicted[np.array(list(block)) - 1]
    assert is_wrong.sum() > 5
    assert is_told[is_wrong].all()
    assert is_told[~is_wrong].mean() < 0.1
    assert not found.is_contradicted[[key not in said for key in span.calls.call.tolist()]].any()


def test_where_labels_are_too_few_to_contradict_any_none_is() -> None:
    """Ten calls of one robocaller in either part of the span: without that caller there is nothing to learn from."""
    span = made(5)
    material = material_of(span, {})
    robocalls = np.flatnonzero(material.is_learning & span.is_robocall)
    some = np.concatenate([robocalls[material.is_early[robocalls]][:12], robocalls[~material.is_early[robocalls]][:12]])
    number = span.calls.number.copy()
    number[some] = 1
    block = span.calls.block.copy()
    block[some] = 1
    same = replace(span, calls=replace(span.calls, number=number, block=block))
    said = {int(key): Truth(True, "", UNKNOWN_KIND, "analyst", 1.0) for key in span.calls.call[some].tolist()}

    found = learn(material_of(same, said), 7, lambda _: None, Way.LABELS)

    assert isinstance(found, Student)
    assert not found.is_contradicted.any()
