"""All quantiles at once are those that scikit-learn finds one by one."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.ensemble._hist_gradient_boosting import binning
from sklearn.utils.stats import _weighted_percentile

from models.learn import quantiles
from models.learn.quantiles import sorted_once, weighted_quantiles

BINS = 63


def rows(n: int) -> NDArray[np.float32]:
    """Spread out, with ties, with few values, with many that are missing."""
    random = np.random.default_rng(5)
    found = random.exponential(size=(n, 4)).astype(np.float32)
    found[:, 1] = np.round(found[:, 1], 2)
    found[:, 2] = random.integers(0, 9, n)
    found[random.random(n) < 0.4, 3] = np.nan
    return found


def weights(n: int) -> NDArray[np.float64]:
    random = np.random.default_rng(6)
    return np.where(random.random(n) < 0.1, 0.0, random.uniform(0.1, 30.0, n))


def thresholds(n: int) -> list[Any]:
    mapper = binning._BinMapper(n_bins=BINS + 1, random_state=0)
    return list(mapper.fit(rows(n), sample_weight=weights(n)).bin_thresholds_)


@pytest.mark.parametrize("n", [80, 3_000])
def test_the_thresholds_are_the_very_same(n: int) -> None:
    expected = thresholds(n)

    with sorted_once(BINS):
        found = thresholds(n)

    assert [one.tobytes() for one in found] == [one.tobytes() for one in expected]


def test_the_quantiles_are_the_very_same() -> None:
    """At ranks that fall on a value, too, where it is the mean with the next."""
    values, ranks = np.repeat(rows(500)[:, 1].astype(float), 2), np.linspace(0, 100, 101)[1:-1]
    for weight in (weights(1_000) + 0.5, np.ones(1_000)):
        expected = _weighted_percentile(values, weight, ranks, average=True)
        assert weighted_quantiles(values, weight, ranks).tobytes() == expected.tobytes()


def test_scikit_learn_is_asked_for_nothing_and_has_its_own_function_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit asks for the quantiles that were computed; whatever happens in between."""
    calls: list[object] = []
    monkeypatch.setattr(binning, quantiles.NAME, lambda *arguments, **_: calls.append(arguments))
    own, x = getattr(binning, quantiles.NAME), rows(2_000)

    def fitted() -> None:
        with sorted_once(BINS):
            trees = HistGradientBoostingClassifier(max_iter=2, max_bins=BINS)
            trees.fit(x, x[:, 0] > 1, sample_weight=weights(2_000))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fitted()

    assert calls == []
    assert getattr(binning, quantiles.NAME) is own


def test_with_other_bins_and_without_the_function_it_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = thresholds(3_000)
    with sorted_once(BINS + 4):
        found = thresholds(3_000)
    assert [one.tobytes() for one in found] == [one.tobytes() for one in expected]

    monkeypatch.setattr(quantiles, "NAME", "gone")
    with sorted_once(BINS):
        assert [one.tobytes() for one in thresholds(3_000)] == [one.tobytes() for one in expected]
