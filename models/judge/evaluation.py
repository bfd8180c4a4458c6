"""How good a model is, in a carrier's terms: robocalls caught at a fixed rate of lawful calls or numbers blocked.

The threshold for a rate is taken from the judged calls themselves, so the figures compare how models rank calls. What
a model does at the thresholds that it ships stands beside them. All is called once a report or a family of worlds and
takes processor time alone; figures are plain values that JSON can hold.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss

from detector.contract.ports import FeatureMatrix
from detector.policy.settings import Thresholds
from models.data.dataset import Dataset
from models.data.thresholds import threshold_at
from models.errors import TrainingDataInvalid
from models.judge.calibration import Mask, Scores, calibration_curve, expected_calibration_error
from models.judge.stopping import POSITIONS, seen_from_first, stopping

FALSE_BLOCK_RATES = (1e-2, 1e-3, 1e-4, 1e-5)
KIND_RATES = (1e-3, 1e-4, 1e-5)
"""Rates that are told per kind of campaign, lawful class, attestation and position."""
FEWEST_HITS = 10
"""Fewer lawful hits than this at a rate, and the rate is not known to a third of itself."""
BASE_RATES = (0.08, 0.01)
"""Shares of robocalls that precision is told for: of all US calls (TransNexus, 2022), and of a carrier that filters."""
CURVE_POINTS = 100
Z_95 = 1.959963984540054
RESAMPLES = 400
POLICY_DEFAULTS = {"block_at": Thresholds().block_at, "label_at": Thresholds().label_at}
ATTESTATIONS = {"A": "call_attested_a", "B": "call_attested_b", "C": "call_attested_c"}
FAILED = "call_verification_failed"
MOST_EXPLAINED = 5_000
REASONS = 5

Explain = Callable[[FeatureMatrix], NDArray[np.float64]]
"""Contributions of each feature to the raw score, shape (n_calls, n_features)."""


def wilson(hits: float, trials: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) without trials. Hits that count in part may be a fraction."""
    if trials == 0:
        return 0.0, 1.0
    share = hits / trials
    spread = Z_95**2 / trials
    middle = share + spread / 2
    half = Z_95 * np.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    return float(max(0.0, (middle - half) / (1 + spread))), float(min(1.0, (middle + half) / (1 + spread)))


def share_of(hit: Mask) -> dict[str, Any]:
    """A share with its 95 % interval and the number that it was counted on.

    Args:
        hit: Which calls count, shape (n,).

    Returns:
        `share` in [0, 1], None without calls; `low` and `high`; `calls`, n.
    """
    low, high = wilson(int(hit.sum()), len(hit))
    return {"share": float(hit.mean()) if len(hit) else None, "low": low, "high": high, "calls": len(hit)}


def by_campaign(hit: Mask, cluster: NDArray[np.int64]) -> dict[str, float]:
    """95 % interval of a share whose calls come in clusters, by drawing clusters again (seeded).

    Calls of a campaign are caught or missed together, so that the Wilson interval of calls is too narrow.

    Args:
        hit: Which calls count, shape (n,), n at least 1.
        cluster: Code of each call's cluster, shape (n,).
    """
    _, where = np.unique(cluster, return_inverse=True)
    calls, hits = np.bincount(where), np.bincount(where, weights=hit)
    random = np.random.default_rng(0)
    shares = np.empty(RESAMPLES)
    for draw in range(RESAMPLES):
        times = np.bincount(random.integers(0, len(calls), len(calls)), minlength=len(calls))
        shares[draw] = (times @ hits) / (times @ calls)
    low, high = np.quantile(shares, [0.025, 0.975])
    return {"low": float(low), "high": float(high)}


def precision_recall_curve(scores: Scores, is_robocall: Mask) -> list[list[float]]:
    """At most 101 pairs (recall, precision), recall rising; calls of one score are hit together.

    Args:
        scores: One for each call, shape (n_calls,); higher means more suspect; at least one.
        is_robocall: What each call is, shape (n_calls,).
    """
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    caught = np.cumsum(is_robocall[order])[last]
    recall, precision = caught / max(int(is_robocall.sum()), 1), caught / (last + 1)
    chosen = np.unique(np.searchsorted(recall, np.linspace(0.0, 1.0, CURVE_POINTS + 1)).clip(0, len(recall) - 1))
    return [[float(recall[one]), float(precision[one])] for one in chosen]


def at_threshold(scores: Scores, is_robocall: Mask, threshold: float) -> dict[str, Any]:
    """What a threshold does: recall, lawful calls hit, precision here and at other shares of robocalls.

    Args:
        scores: One for each call, shape (n_calls,).
        is_robocall: What each call is, shape (n_calls,).
        threshold: Lowest score that is hit, in the unit of `scores`; infinite hits none, and is told as None.
    """
    hit = scores >= threshold
    recall, false = share_of(hit[is_robocall]), share_of(hit[~is_robocall])
    return {
        "threshold": threshold if np.isfinite(threshold) else None,
        "recall": recall,
        "false_block_rate": false,
        "precision": float(is_robocall[hit].mean()) if hit.any() else None,
        "precision_at_base_rate": [
            {"base_rate": base, **precision_at(base, recall, false)} for base in BASE_RATES if hit.any()
        ],
    }


def precision_at(base_rate: float, recall: dict[str, Any], false: dict[str, Any]) -> dict[str, float | None]:
    """Precision where `base_rate` of the calls are robocalls; `low` with both intervals at their worse end."""

    def precision(caught: float | None, hit: float | None) -> float | None:
        flagged = base_rate * (caught or 0.0) + (1 - base_rate) * (hit or 0.0)
        return base_rate * (caught or 0.0) / flagged if flagged else None

    return {"precision": precision(recall["share"], false["share"]), "low": precision(recall["low"], false["high"])}


def sample(rate: float, lawful: int) -> dict[str, Any]:
    """How many of the lawful may be hit at a rate, a share in [0, 1], and whether these are enough to tell."""
    return {"lawful": lawful, "lawful_allowed": int(rate * lawful), "is_enough": rate * lawful >= FEWEST_HITS}


def at_rates(scores: Scores, is_robocall: Mask) -> list[dict[str, Any]]:
    """Recall at each of `FALSE_BLOCK_RATES` of lawful calls hit.

    Args:
        scores: One for each call, shape (n_calls,), in any monotonic unit; higher means more suspect.
        is_robocall: What each call is, shape (n_calls,); at least one is lawful.
    """
    lawful = int((~is_robocall).sum())
    return [
        {
            "rate": rate,
            "sample": sample(rate, lawful),
            **at_threshold(scores, is_robocall, threshold_at(scores, is_robocall, rate)),
        }
        for rate in FALSE_BLOCK_RATES
    ]


def rates_by_campaign(data: Dataset, raw: Scores) -> list[dict[str, Any]]:
    """Recall at each rate of lawful calls hit, with its interval by campaign too.

    Args:
        data: n_calls labelled calls, of both classes.
        raw: Scores in the order of `data`, shape (n_calls,), in any monotonic unit; higher means more suspect.
    """
    truth = data.is_robocall
    cluster = np.where(data.campaign >= 0, data.campaign, -1 - data.number)[truth]
    rates = at_rates(raw, truth)
    for entry in rates:
        limit = np.inf if entry["threshold"] is None else entry["threshold"]
        entry["recall"]["by_campaign"] = by_campaign(raw[truth] >= limit, cluster)
    return rates


def at_number_rates(data: Dataset, scores: Scores) -> list[dict[str, Any]]:
    """Recall at each rate of lawful calling numbers of which any lawful call is hit.

    See `rates_by_campaign` for the arguments.
    """
    lawful = ~data.is_robocall
    _, where = np.unique(data.number[lawful], return_inverse=True)
    worst = np.full(int(where.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(worst, where, scores[lawful])
    robocalls = scores[data.is_robocall]
    both, truth = np.concatenate([worst, robocalls]), np.arange(len(worst) + len(robocalls)) >= len(worst)
    found = []
    for rate in FALSE_BLOCK_RATES:
        limit = threshold_at(both, truth, rate)
        found.append(
            {
                "rate": rate,
                "sample": sample(rate, len(worst)),
                "threshold": limit if np.isfinite(limit) else None,
                "recall": share_of(robocalls >= limit),
                "false_block_rate": share_of(worst >= limit),
            }
        )
    return found


def attestation_of(data: Dataset) -> NDArray[np.str_] | None:
    """`A`, `B`, `C`, `failed` or `none` for each call, shape (n_calls,); None where the features do not tell."""
    if not {*ATTESTATIONS.values(), FAILED} <= set(data.feature_names):
        return None
    found = np.full(len(data), "none", dtype="<U6")
    for name, feature in (*ATTESTATIONS.items(), ("failed", FAILED)):
        found[data.rows[:, data.feature_names.index(feature)] > 0] = name
    return found


class _Judged:
    """Calls with what each limit hits: thresholds of the model by name, and rates of these calls."""

    def __init__(self, data: Dataset, raw: Scores, scores: Scores, thresholds: dict[str, float]) -> None:
        self.data = data
        self.from_first = seen_from_first(data)
        self.blocked = np.asarray(scores >= thresholds["block_at"])
        self.labelled = np.asarray(scores >= thresholds["label_at"])
        self.at_rate = {rate: np.asarray(raw >= threshold_at(raw, data.is_robocall, rate)) for rate in KIND_RATES}

    def shares(self, chosen: Mask) -> dict[str, Any]:
        """Share of the chosen calls that each limit hits."""
        return {
            "blocked": share_of(self.blocked[chosen]),
            "labelled_or_blocked": share_of(self.labelled[chosen]),
            "at_rates": [{"rate": rate, **share_of(hit[chosen])} for rate, hit in self.at_rate.items()],
        }

    def stops(self, chosen: Mask) -> dict[str, Any]:
        """How soon the campaigns of the chosen calls are stopped."""
        campaigns, from_first = self.data.take(chosen), self.from_first[chosen]
        return {
            "calls_until_blocked": stopping(campaigns, self.blocked[chosen], from_first),
            "calls_until_labelled": stopping(campaigns, self.labelled[chosen], from_first),
            "stopped_at_rates": [
                {"rate": rate, **stopping(campaigns, hit[chosen], from_first)} for rate, hit in self.at_rate.items()
            ],
        }

    def lawful(self, chosen: Mask, explain: Explain | None) -> dict[str, Any]:
        """Shares of lawful calls and of their numbers, and the reasons of those that are labelled or blocked."""
        numbers = self.data.number[chosen]
        found = self.shares(chosen)
        for name, hit in (("numbers_blocked", self.blocked), ("numbers_labelled", self.labelled)):
            found[name] = share_of(np.isin(np.unique(numbers), np.unique(numbers[hit[chosen]])))
        if explain is not None:
            found["reasons"] = self._reasons(chosen & self.labelled, explain)
        return found

    def _reasons(self, chosen: Mask, explain: Explain) -> dict[str, int]:
        """Calls by the feature that raised their score most."""
        rows = self.data.rows[np.flatnonzero(chosen)[:MOST_EXPLAINED]]
        features, calls = np.unique(explain(rows).argmax(axis=1), return_counts=True)
        top = np.argsort(-calls, kind="stable")[:REASONS]
        return {self.data.feature_names[features[one]]: int(calls[one]) for one in top}


def _by_position(judged: _Judged) -> list[dict[str, Any]]:
    """Recall of calls from some position in their campaign on: the first ones come before there is evidence."""
    chosen = [judged.data.is_robocall & (judged.data.position >= first) for first in POSITIONS]
    return [
        {"from_call": first, **judged.shares(some)} for first, some in zip(POSITIONS, chosen, strict=True) if some.any()
    ]


def _attestations(judged: _Judged) -> dict[str, dict[str, Any]]:
    """Per attestation what is hit of robocalls and of lawful calls, and how soon campaigns are by calls of it."""
    attested, truth = attestation_of(judged.data), judged.data.is_robocall
    if attested is None:
        return {}
    return {
        str(name): {
            "robocalls": {**judged.shares((attested == name) & truth), **judged.stops((attested == name) & truth)},
            "lawful": judged.shares((attested == name) & ~truth),
        }
        for name in np.unique(attested)
    }


def measure(
    data: Dataset, raw: Scores, scores: Scores, thresholds: dict[str, float], explain: Explain | None = None
) -> dict[str, Any]:
    """Every figure of a model on calls it never saw.

    Some seconds for a million calls, and more with `explain`.

    Args:
        data: n_calls labelled calls.
        raw: What ranks the calls, in log-odds, shape (n_calls,), in order of `data`.
        scores: Calibrated probabilities, shape (n_calls,), likewise.
        thresholds: `block_at` and `label_at` of the model, probabilities in [0, 1].
        explain: Contributions of each feature, to count the reasons of lawful calls that are labelled; asked for
            `MOST_EXPLAINED` rows of a class at most. None tells no reasons.

    Raises:
        TrainingDataInvalid: all calls are robocalls, or all are lawful.
    """
    truth = data.is_robocall
    if truth.all() or not truth.any():
        raise TrainingDataInvalid("labels of robocalls and of lawful calls are both needed to tell how good a model is")
    judged = _Judged(data, raw, scores, thresholds)
    return {
        "calls": len(data),
        "robocalls": int(truth.sum()),
        "lawful_numbers": len(np.unique(data.number[~truth])),
        "at_thresholds": {name: at_threshold(scores, truth, value) for name, value in thresholds.items()},
        "at_policy_defaults": {name: at_threshold(scores, truth, value) for name, value in POLICY_DEFAULTS.items()},
        "at_false_block_rates": rates_by_campaign(data, raw),
        "at_false_number_rates": at_number_rates(data, raw),
        "pr_auc": float(average_precision_score(truth, raw)),
        "brier": float(brier_score_loss(truth, scores)),
        "expected_calibration_error": expected_calibration_error(scores, truth),
        "curves": {
            "precision_recall": precision_recall_curve(raw, truth),
            "calibration": calibration_curve(scores, truth),
        },
        **judged.stops(truth),
        "positions": _by_position(judged),
        "kinds": {
            "campaigns": {kind: {**judged.shares(one), **judged.stops(one)} for kind, one in data.by_kind(truth)},
            "lawful": {kind: judged.lawful(one, explain) for kind, one in data.by_kind(~truth)},
        },
        "attestations": _attestations(judged),
    }


def ranking(scores: Scores, is_robocall: Mask) -> dict[str, Any]:
    """What can be said of scores that are no probabilities: recall at each rate, area under precision and recall.

    Args:
        scores: One for each call, shape (n_calls,); higher means more suspect.
        is_robocall: What each call is, shape (n_calls,); at least one is lawful.
    """
    return {
        "at_false_block_rates": at_rates(scores, is_robocall),
        "pr_auc": float(average_precision_score(is_robocall, scores)),
    }


def kinds_at_rates(
    data: Dataset, scores: Scores, rates: Sequence[float] = KIND_RATES
) -> dict[str, list[dict[str, Any]]]:
    """Per kind of campaign what scores that are no probabilities catch, at each rate of lawful calls hit.

    Args:
        data: n_calls labelled calls.
        scores: One for each call in the order of `data`, shape (n_calls,); higher means more suspect.
        rates: Shares of the lawful calls, in [0, 1].

    Returns:
        By kind of campaign, for each rate, the share of its calls that are caught (`share_of`).
    """
    hits = {rate: scores >= threshold_at(scores, data.is_robocall, rate) for rate in rates}
    return {
        kind: [{"rate": rate, **share_of(hit[chosen])} for rate, hit in hits.items()]
        for kind, chosen in data.by_kind(data.is_robocall)
    }
