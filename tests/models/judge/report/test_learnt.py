"""What stands beside a model: learnt from calls that are not judged, by features, and without a kind of campaign."""

from dataclasses import replace

import numpy as np
import pytest

from models.data.dataset import Dataset, assemble
from models.judge.report.learnt import (
    ALL_FEATURES,
    ATTESTATION,
    LEFT_OUT_RATES,
    TRUNK,
    Learnt,
    compare,
    learn,
    learn_first_part,
    without,
)
from models.traffic.truth import Truth
from tests.models.labelled_calls import dataset


@pytest.mark.parametrize(
    ("name", "is_attestation", "is_trunk"),
    [
        ("number_attempts_1h", False, False),
        ("call_neighbour", False, False),
        ("trunk_asr_1h", False, True),
        ("block_age", False, True),
        ("trunk_attested_a_share_1h", True, True),
        ("number_failed_share_24h", True, False),
        ("origin_asr_1h", True, False),
        ("call_verification_failed", True, False),
    ],
)
def test_features_belong_to_the_evidence_that_they_need(name: str, is_attestation: bool, is_trunk: bool) -> None:
    """An origin is known from a signature, whatever is counted of it."""
    assert bool(ATTESTATION.fullmatch(name)) == is_attestation
    assert bool(TRUNK.fullmatch(name)) == is_trunk


def test_taking_features_away_leaves_the_calls_as_they_were() -> None:
    """Only the copy is changed; there is none where nothing is taken away."""
    data = assemble(
        ["trunk_a", "number_a"], np.ones((2, 2), np.float32), np.arange(2), ["n", "m"], [Truth(True, "", "k")] * 2
    )

    assert without(data, [TRUNK]).rows.tolist() == [[0, 1], [0, 1]]
    assert data.rows.tolist() == [[1, 1], [1, 1]]
    assert without(data, ()) is data


def _two_kinds(seed: int) -> Dataset:
    """Kind a has much of the first feature, kind b of the second, lawful calls of neither."""
    random = np.random.default_rng(seed)
    kinds = random.choice(["a", "b", "person"], 4_000, p=[0.1, 0.1, 0.8])
    rows = random.normal(size=(4_000, 2)).astype(np.float32)
    rows[kinds == "a", 0] += 6
    rows[kinds == "b", 1] += 6
    truths = [
        Truth(kind != "person", "" if kind == "person" else f"{kind}-{i % 9}", kind) for i, kind in enumerate(kinds)
    ]
    return assemble(("number_x", "number_y"), rows, np.arange(4_000), [str(i) for i in range(4_000)], truths)


def test_a_kind_left_out_is_judged_all_the_same() -> None:
    """Nothing else looks like it, so it is caught only when told of; the judged calls are all of it, in 9 campaigns."""
    judged = _two_kinds(1)
    learnt = learn(_two_kinds(2), 3, "other calls", leave_out=("a",))

    found = compare(learnt, judged, np.zeros(len(judged)))["left_out"]

    assert list(found) == ["a"]
    assert found["a"]["calls"] == int((judged.is_robocall & (judged.kind == judged.kinds.index("a"))).sum())
    assert found["a"]["campaigns"] == 9
    assert [one["rate"] for one in found["a"]["told"]] == list(LEFT_OUT_RATES)
    assert found["a"]["told"][0]["share"] > 0.9
    assert found["a"]["left_out"][0]["share"] < 0.1


def test_a_misspelt_kind_is_not_left_out() -> None:
    """Nothing would be, in silence. A kind that only these calls lack has nothing to leave out."""
    data = _two_kinds(2)

    with pytest.raises(ValueError, match="no kinds of campaign: flod"):
        learn(data, 3, "other calls", leave_out=("a", "flod"))
    assert list(learn(data, 3, "other calls", leave_out=("flood",)).left_out) == ["flood"]


def test_an_author_left_out_is_judged_all_the_same() -> None:
    """One author has kind a, the other kind b: who was not told of an author misses all robocalls of that author."""
    data, judged = _two_kinds(2), _two_kinds(1)
    authors = np.where(data.kind == data.kinds.index("a"), "first", "second")
    learnt = learn(data, 3, "other calls", authors=authors)
    of_first = judged.take(judged.kind != judged.kinds.index("b"))

    found = compare(learnt.of_author("first"), of_first, np.zeros(len(of_first)))

    assert list(found["models"]) == ["the model", ALL_FEATURES]
    assert found["left_out"] == {}
    assert list(found["author_left_out"]) == ["first"]
    one = found["author_left_out"]["first"]
    assert one["learnt_calls"] == int((authors == "second").sum())
    assert (one["lawful"], one["campaigns"]) == (int((~of_first.is_robocall).sum()), 9)
    assert one["told"][1]["recall"]["share"] > 0.9
    assert one["left_out"][1]["recall"]["share"] < 0.1
    assert set(one["told"][1]["recall"]["by_campaign"]) == {"low", "high"}


def test_an_only_author_is_not_left_out() -> None:
    """There would be nothing to learn from."""
    data = _two_kinds(2)

    assert learn(data, 3, "other calls", authors=np.full(len(data), "first")).without_author == {}


def test_a_kind_that_is_not_judged_has_no_share() -> None:
    """It was learnt of, or not, in vain."""
    judged = _two_kinds(1)
    judged = judged.take(judged.kind != judged.kinds.index("a"))
    judged = replace(judged, kind=judged.kind - 1, kinds=judged.kinds[1:])

    found = compare(learn(_two_kinds(2), 3, "other calls", leave_out=("a",)), judged, np.zeros(len(judged)))["left_out"]

    assert (found["a"]["calls"], found["a"]["campaigns"]) == (0, 0)
    assert [one["share"] for one in found["a"]["told"]] == [None, None]


def test_what_is_learnt_from_the_first_part_is_judged_on_the_last() -> None:
    """All indices lie behind those that were learnt from, and the judged model is judged on the same calls."""
    data = dataset()

    learnt = learn_first_part(data)

    assert isinstance(learnt, Learnt)
    assert learnt.judged is not None
    assert learnt.judged.min() >= learnt.calls
    assert compare(learnt, data, np.zeros(len(data)))["judged_calls"] == len(learnt.judged)


def test_rivals_are_told_per_kind_at_every_rate() -> None:
    """A linear model and three sets of features, beside the model itself, which here ranks all calls alike."""
    judged = _two_kinds(1)

    found = compare(learn(_two_kinds(2), 3, "other calls"), judged, np.zeros(len(judged)))

    assert list(found["models"]) == [
        "the model",
        "logistic regression",
        "numbers only",
        "numbers and trunks",
        "numbers, trunks and attestation",
    ]
    assert all(set(one["kinds"]) == {"a", "b"} for one in found["models"].values())
    assert found["models"]["the model"]["at_false_block_rates"][0]["recall"]["share"] == 0.0
    assert found["models"]["logistic regression"]["at_false_block_rates"][0]["recall"]["share"] > 0.3
