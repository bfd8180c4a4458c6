"""What a question of `robocall ask` and `robocall adapt` says: why it is asked, what the model says, what was said."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from detector.contract.events import CallSetup
from detector.policy.reasons import leading, of_features
from models.adapt.asking import Aim, Asking, Question
from models.adapt.calls import Calls
from models.adapt.comparing import Cluster
from models.adapt.labels import Labels
from models.budgets.bounds import Ints
from models.serve.artifact import Model
from streams.commands.questions.asked import Asked, counted


def asked_of(
    cluster: Cluster, why: str, calls: Calls, labels: Labels, model: Model, setups: Sequence[CallSetup]
) -> Asked:
    """Say a question in words; it asks the model about some of the calls.

    Args:
        cluster: What is asked about.
        why: It is asked about.
        calls: All of the span.
        labels: Of these.
        model: Whose scores they have.
        setups: The calls that an answer is about, in the order of `cluster.labelled`; at least one.
    """
    its = cluster.calls
    return Asked.of(
        setups,
        counted(calls.number[its], calls.called[its], calls.at_ms[its]),
        why,
        is_block=cluster.kind == "block",
        reasons=_reasons(model, calls, cluster),
        said=_said(labels, its),
    )


def why_of(question: Question, asking: Asking) -> str:
    """Why a question is asked, for people.

    Args:
        question: One of `asking`.
        asking: With the border that it is above or near to.
    """
    if asking.aim is Aim.HIGHEST:
        return (
            f"{question.moves:,.0f} of its calls are among the highest {asking.share:.1%} of those that nobody judged, "
            "and answers do not say that these are robocalls"
        )
    away = question.score - asking.border
    side = "above" if away >= 0 else "below"
    return (
        f"its group score is {question.score:.2f}, {abs(away):.2f} {side} the border of the highest {asking.share:.1%} "
        f"of all calls: an answer is expected to move {question.moves:,.0f} of its calls"
    )


def _reasons(model: Model, calls: Calls, cluster: Cluster) -> tuple[str, ...]:
    """Of the features that raise the scores of these calls most, as one call in the middle has them."""
    order = cluster.labelled[np.argsort(calls.margins[cluster.labelled], kind="stable")]
    rows = calls.rows.take(order)
    (named,) = leading(model.contributions(rows).mean(axis=0, keepdims=True)).tolist()
    return tuple(reason.text for reason in of_features(named, rows[len(rows) // 2]))


def _said(labels: Labels, chosen: Ints) -> str:
    known = chosen[labels.weight[chosen] > 0]
    said = Counter(
        (labels.sources[source], "robocall" if is_robocall else "lawful")
        for source, is_robocall in zip(labels.source[known].tolist(), labels.is_robocall[known].tolist(), strict=True)
    )
    return ", ".join(f"{source}: {count:,} {verdict}" for (source, verdict), count in sorted(said.items()))
