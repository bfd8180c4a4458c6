"""Train and calibrate the classifier: early calls to learn from, later ones to calibrate on, the latest to judge it."""

import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator

from models.data.dataset import Dataset
from models.data.thresholds import threshold_at
from models.errors import TrainingDataInvalid
from models.learn.quantiles import sorted_once
from models.serve.forest import forest_of
from models.serve.scorer import TreeScorer, calibration_of

BLOCK_RATE = 1e-4
"""Share of lawful calls that the block threshold may hit, on the calibration span."""
LABEL_RATE = 1e-3
TOLERATED_RECALL_LOSS = 0.01
HEAVIEST = 4.0
SIZE_FEATURE = re.compile(r"(trunk|origin)_(attempts_.*|age|idle)")
"""Features that say how large or old a trunk or a provider is. Not learnt from: they single out the trunks of the
training traffic (recall on later campaigns at 1e-2 lawful calls hit was 0.715 without them, 0.689 with them)."""

RISES_WITH = re.compile(
    r"call_(verification_failed|invalid_calling|self_call|new_number)"
    r"|(number|origin|block)_(bad_number_share|sdr)_level_\w+|\w+_bad_number_share_\w+_vs_\w+"
)
"""Features that may only speak against a call, whatever traffic a model is trained on: a signature that does not
verify, an impossible or new calling number, dead numbers dialled, talks that end at once."""
FALLS_WITH = re.compile(r"call_attested_a|number_long_share_level_\w+")
"""Features that may only speak for a call: a caller known to its provider, people who talk on. Plain shares are held to
neither: the value for too little data lies below all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How to train. `train_share` and `calibration_share` are of the time span.

    `lawful_share` is the share of lawful calls that is learnt from, each standing for the ones left out. `base_rate` is
    the share of robocalls that probabilities are meant for; None takes that of the calls that are calibrated on. Values
    of a feature are told apart in `max_bins` bins.
    """

    train_share: float = 0.6
    calibration_share: float = 0.18
    lawful_share: float = 0.35
    base_rate: float | None = None
    n_trees: int = 200
    max_leaf_nodes: int = 15
    learning_rate: float = 0.09
    min_samples_leaf: int = 50
    l2_regularization: float = 5.0
    max_features: float = 0.25
    max_bins: int = 255

    def as_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The calls of each span, and what was left out so that the test holds nothing that was learnt from.

    Attributes:
        train: Indices of the calls to learn from, shape (any,) int64, rising.
        calibration: Of those to calibrate on.
        test: Of those to judge by.
        dropped_seen_campaign: Calls of the last span left out for their campaign.
        dropped_seen_number: Further calls of it left out for their calling number.
    """

    train: NDArray[np.int64]
    calibration: NDArray[np.int64]
    test: NDArray[np.int64]
    dropped_seen_campaign: int
    dropped_seen_number: int

    def as_json(self) -> dict[str, int]:
        """Numbers of calls."""
        return {
            "train_calls": len(self.train),
            "calibration_calls": len(self.calibration),
            "test_calls": len(self.test),
            "dropped_seen_campaign": self.dropped_seen_campaign,
            "dropped_seen_number": self.dropped_seen_number,
        }


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel:
    """A calibrated estimator, its compiled twin, and where they came from.

    Attributes:
        estimator: Of scikit-learn, calibrated.
        scorer: Computes the same, compiled.
        thresholds: `block_at` and `label_at`, calibrated probabilities found on the calibration span.
        feature_names: Columns that it takes, in order.
        data_digest: `Dataset.digest` of all calls.
        seed: Of the training.
        parameters: Of the training.
        split: Which calls were used for what.
    """

    estimator: Any
    scorer: TreeScorer
    thresholds: dict[str, float]
    feature_names: tuple[str, ...]
    data_digest: str
    seed: int
    parameters: Parameters
    split: Split


def split(data: Dataset, parameters: Parameters) -> Split:
    """Cut by time; leave out later robocalls whose campaign, or calling number as a robocaller, was learnt from.

    Args:
        data: Labelled calls in order of time, at least one.
        parameters: Of which `train_share` and `calibration_share` are used.

    Raises:
        TrainingDataInvalid: a span lacks robocalls of new campaigns, or lawful calls.
    """
    start, end = int(data.setup_time_ms[0]), int(data.setup_time_ms[-1])
    learnt_until = start + (end - start) * parameters.train_share
    calibrated_until = learnt_until + (end - start) * parameters.calibration_share
    early = data.setup_time_ms < learnt_until
    late = data.setup_time_ms >= calibrated_until
    train = np.flatnonzero(early)
    calibration = np.flatnonzero(~early & ~late)

    learnt = early & data.is_robocall
    before_test = ~late & data.is_robocall
    seen_in_train = data.is_robocall & np.isin(data.campaign, data.campaign[learnt & (data.campaign >= 0)])
    seen_before_test = data.is_robocall & np.isin(data.campaign, data.campaign[before_test & (data.campaign >= 0)])
    seen_number = data.is_robocall & np.isin(data.number, data.number[before_test])

    calibration = calibration[~seen_in_train[calibration]]
    test = np.flatnonzero(late & ~seen_before_test & ~seen_number)
    found = Split(
        train,
        calibration,
        test,
        dropped_seen_campaign=int(np.sum(late & seen_before_test)),
        dropped_seen_number=int(np.sum(late & seen_number & ~seen_before_test)),
    )
    for name, chosen in (("train", found.train), ("calibration", found.calibration), ("test", found.test)):
        if len(np.unique(data.is_robocall[chosen])) != 2:  # noqa: PLR2004 - both classes
            raise TrainingDataInvalid(
                f"the {name} span lacks robocalls of new campaigns or lawful calls: give more hours"
            )
    return found


def weights(data: Dataset, lawful_share: float = 1.0) -> NDArray[np.float64]:
    """Weight of each call: that of its label; kinds of campaign count alike, so that no flood drowns the quiet ones.

    Args:
        data: the calls that are learnt from.
        lawful_share: share of lawful calls that are among them; each stands for those left out. Above 0.

    Returns:
        Shape (n_calls,) float64, above 0.
    """
    weight = np.full(len(data), 1.0 / lawful_share)
    kinds, where, counts = np.unique(data.kind[data.is_robocall], return_inverse=True, return_counts=True)
    even = data.is_robocall.sum() / (max(len(kinds), 1) * counts)
    weight[data.is_robocall] = np.clip(even, 1 / HEAVIEST, HEAVIEST)[where]
    return weight * data.weight


def train(data: Dataset, seed: int, parameters: Parameters | None = None) -> TrainedModel:
    """Train on the first span, calibrate and set thresholds on the second; the third stays untouched.

    It takes processor time on all cores, minutes for millions of calls, and says on standard error what it does. The
    same data, seed and parameters give the same model.

    Args:
        data: labelled calls in order of time.
        seed: of the choice of lawful calls and of the fit.
        parameters: defaults where there are none.

    Raises:
        TrainingDataInvalid: a span lacks robocalls of new campaigns, or lawful calls.
    """
    parameters = parameters or Parameters()
    spans = split(data, parameters)
    _say(f"training on {len(spans.train):,} calls, calibrating on {len(spans.calibration):,}")
    boosted = fit(data, spans.train, seed, parameters)
    later = data.take(spans.calibration)
    estimator, scorer = calibrate(boosted, later, parameters.base_rate)
    thresholds = thresholds_of(scorer, later)
    return TrainedModel(estimator, scorer, thresholds, data.feature_names, data.digest(), seed, parameters, spans)


def thresholds_of(scorer: TreeScorer, later: Dataset) -> dict[str, float]:
    """The `block_at` and `label_at` that hit the stated shares of the lawful calls among some; scores them once.

    Args:
        scorer: Calibrated.
        later: Calls that the trees did not learn from, of both classes.
    """
    scores = scorer.score(later.rows)
    return {
        name: min(threshold_at(scores, later.is_robocall, rate), 1.0)
        for name, rate in (("block_at", BLOCK_RATE), ("label_at", LABEL_RATE))
    }


def fit(data: Dataset, chosen: NDArray[np.int64], seed: int, parameters: Parameters) -> Any:
    """Fit the trees on the robocalls of some calls and on a share of the lawful ones; not calibrated.

    It blocks for processor time on all cores, seconds to minutes: calls learnt, times trees, times leaves. The rows of
    the calls learnt are copied once, and `data` is left as it is.

    Args:
        data: all calls.
        chosen: indices of the calls to learn from, shape (any,) int64.
        seed: of the choice of lawful calls and of the fit.
        parameters: how to fit; the shares of the time span are not used.

    Returns:
        A fitted `HistGradientBoostingClassifier`.
    """
    random = np.random.default_rng(seed)
    is_learnt = data.is_robocall[chosen] | (random.random(len(chosen)) < parameters.lawful_share)
    return fit_drawn(data.take(chosen[is_learnt]), seed, parameters)


def fit_drawn(learnt: Dataset, seed: int, parameters: Parameters) -> Any:
    """Fit the trees on calls of which the lawful ones were drawn already; as `fit`, which draws them.

    Args:
        learnt: the calls. They are nobody else's: columns of rows that are not learnt from become 0.
        seed: of the fit.
        parameters: how to fit; of the lawful calls, `lawful_share` were drawn.

    Returns:
        A fitted `HistGradientBoostingClassifier`.
    """
    # A constant column is never split on, and the model keeps the shape of the feature table.
    learnt.rows[:, [SIZE_FEATURE.fullmatch(name) is not None for name in learnt.feature_names]] = 0.0
    boosted = HistGradientBoostingClassifier(
        max_iter=parameters.n_trees,
        max_leaf_nodes=parameters.max_leaf_nodes,
        learning_rate=parameters.learning_rate,
        min_samples_leaf=parameters.min_samples_leaf,
        l2_regularization=parameters.l2_regularization,
        max_features=parameters.max_features,
        max_bins=parameters.max_bins,
        monotonic_cst=[_direction(name) for name in learnt.feature_names],
        early_stopping=False,
        random_state=seed,
    )
    with sorted_once(parameters.max_bins):
        return boosted.fit(learnt.rows, learnt.is_robocall, sample_weight=weights(learnt, parameters.lawful_share))


def _direction(name: str) -> int:
    """1 where the score may only rise with a feature, -1 where it may only fall, else 0."""
    return int(RISES_WITH.fullmatch(name) is not None) - int(FALLS_WITH.fullmatch(name) is not None)


def calibrate(
    boosted: Any, later: Dataset, base_rate: float | None = None, say: Callable[[str], object] | None = None
) -> tuple[Any, TreeScorer]:
    """Calibrate on later calls: isotonic, or a sigmoid where isotonic ties too many calls at the block threshold.

    Isotonic regression maps whole stretches of raw scores to one probability. Where the stretch at the top holds more
    lawful calls than the block rate allows, no threshold could block at that rate. It blocks for processor time, some
    scorings of `later`, and says what came of each.

    Args:
        boosted: fitted trees, as `fit` gives them.
        later: calls that they did not learn from, of both classes.
        base_rate: share of robocalls that probabilities are meant for, in (0, 1); None takes that of `later`.
        say: told that, a line each; None is standard error.

    Returns:
        The calibrated estimator, and the compiled scorer that computes the same.
    """
    forest = forest_of(boosted)
    raw = boosted.decision_function(later.rows)
    best = recall_at(raw, later.is_robocall, BLOCK_RATE)
    for method in ("isotonic", "sigmoid"):
        estimator = _calibrated(boosted, method, later, base_rate)
        scorer = TreeScorer(forest, calibration_of(estimator))
        recall = recall_at(scorer.score(later.rows), later.is_robocall, BLOCK_RATE)
        (say or _say)(f"calibration {method}: recall {recall:.3f} at {BLOCK_RATE:g} false blocks, raw score {best:.3f}")
        if recall >= best - TOLERATED_RECALL_LOSS:
            break
    return estimator, scorer


def _calibrated(boosted: Any, method: str, later: Dataset, base_rate: float | None) -> Any:
    """Calibrate as if robocalls were that share of the calls, each call by the weight of its label."""
    weight = later.weight
    if base_rate is not None:
        share = np.average(later.is_robocall, weights=weight)
        weight = weight * np.where(later.is_robocall, base_rate / share, (1 - base_rate) / (1 - share))
    calibrated = CalibratedClassifierCV(FrozenEstimator(boosted), method=method)
    with warnings.catch_warnings():
        # That the trees, which are fitted already, take no weights: nothing else is wanted.
        warnings.filterwarnings("ignore", message=".*does not appear to accept sample_weight", category=UserWarning)
        return calibrated.fit(later.rows, later.is_robocall, sample_weight=weight)


def recall_at(scores: NDArray[np.float64], is_robocall: NDArray[np.bool_], rate: float) -> float:
    """Share of robocalls at or above the threshold that hits at most `rate` of the lawful calls.

    Args:
        scores: shape (n_calls,), of any monotonic unit.
        is_robocall: shape (n_calls,); both classes have to be there.
        rate: share of lawful calls, in [0, 1].
    """
    limit = threshold_at(scores, is_robocall, rate)
    return float(np.mean(scores[is_robocall] >= limit))


def _say(text: str) -> None:
    """Progress, for people."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
