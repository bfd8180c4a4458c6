"""What a person is shown of a question: which calls, why it is asked, what the model says, what was said so far."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from detector.contract.events import CallSetup
from detector.contract.numbers import normal_form
from detector.policy.reasons import leading, of_features
from models.adapt.asking import Aim, Asking, Question
from models.adapt.calls import Calls
from models.adapt.comparing import Cluster
from models.adapt.labels import Labels
from models.budgets.bounds import Ints
from models.serve.artifact import Model

EXAMPLES = 6
NPANXX_LENGTH = len("+1202555")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, in texts. Those of strangers are in it as they came: whoever shows them cleans them.

    Attributes:
        what: The cluster, "number block +1202555 in trunk group nyc-ix-7".
        calls: Its calls, their numbers and their time.
        why: Why it is asked.
        reasons: What raised the model's scores most, the most important one first.
        said: What was said of its calls so far; empty where nothing was.
        examples: Some of its calls, evenly over their time.
        call_ids: Calls that an answer is about, in order of time.
    """

    what: str
    calls: str
    why: str
    reasons: tuple[str, ...]
    said: str
    examples: tuple[str, ...]
    call_ids: tuple[str, ...]

    @classmethod
    def of(
        cls, cluster: Cluster, why: str, calls: Calls, labels: Labels, model: Model, setups: Sequence[CallSetup]
    ) -> "Asked":
        """Say a question in words; it asks the model about some of the calls.

        Args:
            cluster: What is asked about.
            why: It is asked about.
            calls: All of the span.
            labels: Of these.
            model: Whose scores they have.
            setups: The calls that an answer is about, in the order of `cluster.labelled`; at least one.
        """
        some = setups[:: max(1, -(-len(setups) // EXAMPLES))]
        return cls(
            _what(cluster, setups[0]),
            _calls(calls, cluster.calls),
            why,
            _reasons(model, calls, cluster),
            _said(labels, cluster.calls),
            tuple(_example(setup) for setup in some),
            tuple(dict.fromkeys(setup.call_id for setup in setups)),
        )


def _what(cluster: Cluster, setup: CallSetup) -> str:
    if cluster.kind == "block":
        return f"number block {normal_form(setup.calling_number)[:NPANXX_LENGTH]} in trunk group {setup.trunk_group_id}"
    return f"calling number {setup.calling_number or 'withheld'} by trunk group {setup.trunk_group_id}"


def _calls(calls: Calls, chosen: Ints) -> str:
    numbers, called = (len(np.unique(key[chosen])) for key in (calls.number, calls.called))
    begin, end = (_instant(int(one)) for one in (calls.at_ms[chosen[0]], calls.at_ms[chosen[-1]]))
    return f"{len(chosen):,} calls from {numbers:,} numbers to {called:,} numbers, {begin} to {end} UTC"


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


def _example(setup: CallSetup) -> str:
    name = f"  {setup.calling_name!r}" if setup.calling_name else ""
    attestation = f"  attestation {setup.attestation}" if setup.attestation else ""
    return (
        f"{_instant(setup.setup_time_ms, 'seconds')}  {setup.calling_number} to {setup.called_number}"
        f"  by {setup.trunk_group_id}{attestation}{name}"
    )


def _instant(epoch_ms: int, precision: str = "minutes") -> str:
    return datetime.fromtimestamp(epoch_ms / 1_000, UTC).replace(tzinfo=None).isoformat(" ", precision)
