"""How good a model is, in the terms of a carrier: robocalls caught at a fixed rate of lawful calls blocked."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from detector.policy import Thresholds
from models.dataset import Dataset, trailing_counts
from models.training import TrainedModel, threshold_at

FALSE_BLOCK_RATES = (1e-2, 1e-3, 1e-4)
N_BINS = 20
Z_95 = 1.959963984540054
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
POLICY_DEFAULTS = {"block_at": Thresholds().block_at, "label_at": Thresholds().label_at}
MOST_BASELINE_ROWS = 60_000

Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share = hits / trials
    spread = Z_95**2 / trials
    middle = share + spread / 2
    half = Z_95 * np.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    return float(max(0.0, (middle - half) / (1 + spread))), float(min(1.0, (middle + half) / (1 + spread)))


def share_of(hit: Mask) -> dict[str, Any]:
    """A share with its 95 % interval and the number that it was counted on."""
    low, high = wilson(int(hit.sum()), len(hit))
    return {"share": float(hit.mean()) if len(hit) else None, "low": low, "high": high, "calls": len(hit)}


def expected_calibration_error(scores: Scores, is_robocall: Mask) -> float:
    """Mean gap between probability and observed share over 20 bins of equal width, weighted by calls."""
    bins = np.minimum((scores * N_BINS).astype(int), N_BINS - 1)
    calls = np.bincount(bins, minlength=N_BINS)
    promised = np.bincount(bins, weights=scores, minlength=N_BINS)
    found = np.bincount(bins, weights=is_robocall, minlength=N_BINS)
    return float(np.abs(promised - found).sum() / calls.sum())


def at_threshold(scores: Scores, is_robocall: Mask, threshold: float) -> dict[str, Any]:
    """What a threshold does: recall, lawful calls hit, precision."""
    hit = scores >= threshold
    n_hit = int(hit.sum())
    return {
        "threshold": threshold if np.isfinite(threshold) else None,
        "recall": share_of(hit[is_robocall]),
        "false_block_rate": share_of(hit[~is_robocall]),
        "precision": float(is_robocall[hit].mean()) if n_hit else None,
    }


def at_rates(scores: Scores, is_robocall: Mask) -> list[dict[str, Any]]:
    """Recall at each false-block rate, the threshold taken from these very calls: this compares rankings."""
    return [
        {"rate": rate, **at_threshold(scores, is_robocall, threshold_at(scores, is_robocall, rate))}
        for rate in FALSE_BLOCK_RATES
    ]


def calls_until_hit(data: Dataset, hit: Mask) -> dict[str, Any]:
    """How many calls a campaign placed up to its first call that was hit, over campaigns."""
    first: list[int] = []
    never = 0
    campaigns = np.where(data.is_robocall, data.campaign, -1)
    for campaign in np.unique(campaigns[campaigns >= 0]):
        hits = np.flatnonzero(hit[campaigns == campaign])
        if len(hits):
            first.append(int(hits[0]) + 1)
        else:
            never += 1
    return {
        "campaigns": len(first) + never,
        "never": never,
        "median": float(np.median(first)) if first else None,
        "p90": float(np.quantile(first, 0.9)) if first else None,
    }


def per_kind(data: Dataset, scores: Scores, thresholds: dict[str, float]) -> dict[str, dict[str, Any]]:
    """Per kind of campaign and of lawful caller: share of its calls blocked and labelled."""
    found: dict[str, dict[str, Any]] = {"campaigns": {}, "lawful": {}}
    for index, kind in enumerate(data.kinds):
        for group, wanted in (("campaigns", data.is_robocall), ("lawful", ~data.is_robocall)):
            chosen = (data.kind == index) & wanted
            if not chosen.any():
                continue
            entry: dict[str, Any] = {
                "blocked": share_of(scores[chosen] >= thresholds["block_at"]),
                "labelled_or_blocked": share_of(scores[chosen] >= thresholds["label_at"]),
            }
            if group == "campaigns":
                entry["calls_until_blocked"] = calls_until_hit(
                    data.take(chosen), scores[chosen] >= thresholds["block_at"]
                )
            found[group][kind] = entry
    return found


def measure(data: Dataset, raw: Scores, scores: Scores, thresholds: dict[str, float]) -> dict[str, Any]:
    """Every figure of a model on calls it never saw. `raw` ranks, `scores` are calibrated; both in order of `data`."""
    truth = data.is_robocall
    blocked = scores >= thresholds["block_at"]
    return {
        "calls": len(data),
        "robocalls": int(truth.sum()),
        "at_thresholds": {name: at_threshold(scores, truth, value) for name, value in thresholds.items()},
        "at_policy_defaults": {name: at_threshold(scores, truth, value) for name, value in POLICY_DEFAULTS.items()},
        "at_false_block_rates": at_rates(raw, truth),
        "pr_auc": float(average_precision_score(truth, raw)),
        "brier": float(brier_score_loss(truth, scores)),
        "expected_calibration_error": expected_calibration_error(scores, truth),
        "calls_until_blocked": calls_until_hit(data, blocked),
        "kinds": per_kind(data, scores, thresholds),
    }


def baselines(data: Dataset, train: NDArray[np.int64], test: NDArray[np.int64], seed: int) -> dict[str, Any]:
    """The rules of the field and a linear model on the same test calls.

    Calls per minute of a number is OpenSIPS' rule, calls per 60 minutes ClearIP's; both are given their best threshold
    for each rate on the test calls, which flatters them.
    """
    truth = data.is_robocall[test]
    found = {}
    for name, window_ms in (("calls_per_minute", MINUTE_MS), ("calls_per_60_minutes", HOUR_MS)):
        counts = trailing_counts(data.setup_time_ms, data.number, window_ms).astype(np.float64)[test]
        found[name] = _summary(counts, truth)
    random = np.random.default_rng(seed)
    sample = np.sort(random.permutation(train)[:MOST_BASELINE_ROWS])
    linear = make_pipeline(
        FunctionTransformer(_compress), StandardScaler(), LogisticRegression(solver="newton-cholesky")
    )
    linear.fit(data.rows[sample].astype(np.float64), data.is_robocall[sample])
    found["logistic_regression"] = _summary(linear.decision_function(data.rows[test].astype(np.float64)), truth)
    return found


def _compress(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed logarithm: counts and ages spread over decades, which a linear model cannot take as they are."""
    compressed: NDArray[np.float64] = np.sign(rows) * np.log1p(np.abs(rows))
    return compressed


def _summary(scores: Scores, truth: Mask) -> dict[str, Any]:
    return {"at_false_block_rates": at_rates(scores, truth), "pr_auc": float(average_precision_score(truth, scores))}


def report(data: Dataset, model: TrainedModel) -> dict[str, Any]:
    """The whole report of a trained model on its test span."""
    test = data.take(model.split.test)
    raw = model.scorer.raw(test.rows)
    figures = measure(test, raw, model.scorer.calibration.apply(raw), model.thresholds)
    return {
        "split": model.split.as_json(),
        "span_ms": [int(test.setup_time_ms[0]), int(test.setup_time_ms[-1])],
        **figures,
        "baselines": baselines(data, model.split.train, model.split.test, model.seed),
    }
