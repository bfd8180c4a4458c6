"""Two artifacts side by side: what their manifests say, what their features weigh, where they would disagree."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.contract.decisions import Action
from detector.contract.ports import FeatureMatrix
from detector.policy.settings import Thresholds
from models.serve.artifact import Model, load_golden

ACTIONS = (Action.ALLOW, Action.LABEL, Action.BLOCK)
"""In order of severity: the index into this is an action's code in arrays."""

MOST_FEATURES = 15
UNTOLD = ("files", "feature_names", "metrics", "thresholds")
"""Parts of a manifest that are compared elsewhere, or say nothing to a person."""


@dataclass(frozen=True, slots=True, eq=False)
class Artifact:
    """A loaded model, and the rows of real use that it carries."""

    model: Model
    golden: FeatureMatrix

    @staticmethod
    def of(folder: Path, model: Model) -> "Artifact":
        """Of a folder whose model is loaded already. Blocks for the disk.

        Raises:
            ArtifactError: the folder cannot be used.
        """
        return Artifact(model, load_golden(folder))


def action_codes(scores: NDArray[np.float64], thresholds: Thresholds) -> NDArray[np.int64]:
    """What each score alone leads to, without the policy's other steps: 0 allow, 1 label, 2 block.

    Args:
        scores: calibrated probabilities, any shape.
        thresholds: scores from which a call is labelled and blocked.

    Returns:
        Codes as int64, in the shape of `scores`.
    """
    return np.searchsorted(np.array([thresholds.label_at, thresholds.block_at]), scores, side="right")


def importance(artifact: Artifact) -> dict[str, float]:
    """Mean absolute contribution of each feature on the artifact's own rows, in log-odds."""
    weight = np.abs(artifact.model.contributions(artifact.golden)).mean(axis=0)
    return dict(zip(artifact.model.manifest["feature_names"], weight.tolist(), strict=True))


def differences(one: Artifact, other: Artifact) -> dict[str, Any]:
    """Everything that can be said without calls, as plain values; pairs are (one, other), None where it lacks it.

    It takes processor time for the rows that both carry, and reads nothing: both models are loaded.

    Returns:
        `versions`, and pairs by name: `manifest` what differs, `metrics` the figures of the report, `thresholds` scores
        in [0, 1], `importance` the features that weigh most, mean absolute contribution in log-odds.
    """
    first, second = one.model.manifest, other.model.manifest
    return {
        "versions": [one.model.version, other.model.version],
        "manifest": _changed(_flat(first, UNTOLD), _flat(second, UNTOLD)),
        "metrics": _pairs(first.get("metrics", {}), second.get("metrics", {})),
        "thresholds": _pairs(first["thresholds"], second["thresholds"]),
        "importance": _weightiest(importance(one), importance(other)),
    }


def disagreement(one: Model, other: Model, rows: FeatureMatrix, thresholds: Thresholds) -> dict[str, Any]:
    """How often two models would treat calls differently, by pair of actions, and how far their scores are apart.

    Args:
        one: a model.
        other: another of the same feature table.
        rows: shape (n_calls, n_features) float32.
        thresholds: of the policy, for both.

    Returns:
        Plain values: counts of calls, and differences of calibrated probabilities.

    Raises:
        ValueError: rows of another shape or type, or with NaN.
    """
    scores = [model.score(rows) for model in (one, other)]
    pairs = count_pairs(*(action_codes(score, thresholds) for score in scores))
    apart = np.abs(scores[0] - scores[1])
    return {
        "calls": len(rows),
        "differently_treated": int(pairs.sum() - np.trace(pairs)),
        "by_actions": {f"{ACTIONS[i]} -> {ACTIONS[j]}": int(pairs[i, j]) for i in range(3) for j in range(3) if i != j},
        "mean_score_difference": float(apart.mean()) if len(rows) else 0.0,
        "largest_score_difference": float(apart.max()) if len(rows) else 0.0,
    }


def count_pairs(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Calls by pair of action codes (`action_codes`), shape (3, 3) int64: row of the first, column of the second."""
    return np.bincount(one * len(ACTIONS) + other, minlength=len(ACTIONS) ** 2).reshape(len(ACTIONS), len(ACTIONS))


def _flat(manifest: dict[str, Any], without: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in manifest.items():
        if name in without:
            continue
        if isinstance(value, dict):
            found |= {f"{name}.{inner}": content for inner, content in _flat(value, ()).items()}
        else:
            found[name] = value
    return found


def _pairs(one: dict[str, Any], other: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: [one.get(name), other.get(name)] for name in {**one, **other}}


def _changed(one: dict[str, Any], other: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: pair for name, pair in _pairs(one, other).items() if pair[0] != pair[1]}


def _weightiest(one: dict[str, float], other: dict[str, float]) -> dict[str, list[float]]:
    """The features that weigh most in either, heaviest first."""
    both = {name: [one.get(name, 0.0), other.get(name, 0.0)] for name in {**one, **other}}
    return dict(sorted(both.items(), key=lambda entry: -max(entry[1]))[:MOST_FEATURES])
