"""Reasons of decisions: words for a person and numbers for a program, the most important one first."""

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from detector.decisions import Action, Reason
from detector.features import FEATURE_NAMES, INDEX, NOT_ENOUGH_DATA, explain
from detector.policy import Rule
from detector.ports import FeatureMatrix
from detector.standing import StandingDecision

MODEL_FEATURES = 3
"""Number of features that a decision of the model names."""

INTERNAL_ERROR = Reason("internal_error", "The call could not be judged, so it passes")
EMERGENCY_CALLED = Reason("emergency_called", "An emergency number is called")
EMERGENCY_LISTED = Reason("emergency_list", "The calling or called number is on the emergency list")
PSAP_CALLBACK = Reason("psap_callback", "The call has SIP priority psap-callback")
EMERGENCY_NETWORK = Reason("esnet", "The call has resource priority esnet")
OPTED_OUT = Reason("opted_out", "The called subscriber does not want calls to be judged")
ALLOW_LISTED_NUMBER = Reason("allow_list", "The calling number is on the allow list")
ALLOW_LISTED_TRUNK = Reason("allow_list", "The trunk group is on the allow list")
BLOCK_LISTED_NUMBER = Reason("block_list", "The calling number is on the block list")
BLOCK_LISTED_TRUNK = Reason("block_list", "The trunk group is on the block list")
IMPOSSIBLE_NUMBER = Reason("dno", "The calling number is not a possible North American number")

LATE = "late"
OVERLOAD = "overload"

_VERBS = {Action.LABEL: "labelling", Action.BLOCK: "blocking"}


def dno_listed(prefix: str) -> Reason:
    """Reason of a do-not-originate hit; `prefix` is the entry that matched."""
    return Reason("dno", f"The calling number is on the do-not-originate list (entry {prefix})")


def late(waited_ms: int, deadline_ms: int) -> Reason:
    """Reason of a call that passes because its answer was not ready within the deadline; both in milliseconds."""
    text = (
        f"The answer was not ready within {deadline_ms} ms of the call's arrival ({waited_ms} ms), so the call passes"
    )
    return Reason(LATE, text, float(waited_ms), float(deadline_ms))


def overload(waited_ms: int, shed_after_ms: int) -> Reason:
    """Reason of a call that passes because it waited too long for its turn; both in milliseconds."""
    text = (
        f"Calls come faster than they are judged; this one waited {waited_ms} ms (limit {shed_after_ms} ms) and passes"
    )
    return Reason(OVERLOAD, text, float(waited_ms), float(shed_after_ms))


def standing(decision: StandingDecision) -> Reason:
    """Reason of a standing decision."""
    until = datetime.fromtimestamp(decision.expires_ms / 1_000, UTC).isoformat(timespec="seconds")
    kind = decision.entity.partition(":")[0]
    return Reason(
        f"standing_{decision.action.value}",
        f"A standing {decision.action.value} of the {kind} holds until {until} ({decision.source})",
    )


def of_rule(rule: Rule, features: FeatureMatrix, row: int) -> tuple[Reason, ...]:
    """Name of the rule, then each condition with the call's value and the bound that it met."""
    reasons = [Reason("rule", f"Rule {rule.name} applies")]
    for condition in rule.when:
        bound = condition.at_least if condition.at_least is not None else condition.at_most
        reasons.append(_feature(condition.feature, float(features[row, INDEX[condition.feature]]), bound))
    return tuple(reasons)


def of_model(
    action: Action,
    score: float,
    threshold: float,
    features: FeatureMatrix,
    contributions: NDArray[np.float64],
) -> tuple[Reason, ...]:
    """Score against threshold, then the features that raised the score most.

    Args:
        action: `label` or `block`.
        score: Calibrated probability.
        threshold: The one that the score reached.
        features: The call's row, shape (n_features,).
        contributions: Its contributions in log-odds, shape (n_features,); only positive ones are named.
    """
    text = f"Score {score:.3f} is at or above {threshold:.3f}, the threshold for {_VERBS[action]}"
    reasons = [Reason("model", text, _rounded(score), threshold)]
    top = np.argsort(-contributions, kind="stable")[:MODEL_FEATURES]  # stable: ties in feature order
    reasons += [_feature(FEATURE_NAMES[c], float(features[c]), None) for c in top if contributions[c] > 0.0]
    return tuple(reasons)


def _feature(name: str, value: float, threshold: float | None) -> Reason:
    known = None if value == NOT_ENOUGH_DATA else _rounded(value)
    return Reason(name, explain(name, value), known, threshold)


def _rounded(value: float) -> float:
    """Six significant digits: a float32 has no more, and a reader should not see the rest."""
    return float(f"{value:.6g}")
