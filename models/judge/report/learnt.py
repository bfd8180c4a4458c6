"""Small models to compare with: a linear one, and trees that lack some features, one kind of campaign or one author.

All learn from the same calls, and none of these is judged. All trees follow one short recipe, so they compare with each
other. They compare only roughly with the judged model, which learnt from other calls and mostly from more.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset
from models.judge.evaluation import kinds_at_rates, ranking, rates_by_campaign, share_of
from models.learn.baselines import Rank, Scores, linear_model
from models.learn.training import Parameters, fit, split
from models.serve.forest import forest_of
from models.serve.scorer import UNCALIBRATED, TreeScorer
from models.traffic.kinds import CAMPAIGN_KINDS

RECIPE = Parameters(lawful_share=0.2, n_trees=60, learning_rate=0.15, max_bins=64)
"""A third of the usual trees, in larger steps, and a quarter of the bins: what features, kinds and authors are worth
shows in these too, in seconds."""
ATTESTATION = re.compile(r"origin_.*|.*(attested|verified|verification_failed|failed_share).*")
"""Features that come from signatures: who signed, how, and the windows of a signer's origin."""
TRUNK = re.compile(r"(trunk|block)_.*")
"""Windows of a trunk group, and of a number's block within its trunk group."""
OWN = "the model"
"""The judged one, in the tables of those beside it."""
LINEAR = "logistic regression"
ALL_FEATURES = "numbers, trunks and attestation"
FEATURE_SETS = {"numbers only": (ATTESTATION, TRUNK), "numbers and trunks": (ATTESTATION,), ALL_FEATURES: ()}
"""Names of feature sets, and what is taken away for each."""
LEFT_OUT_RATES = (1e-3, 1e-2)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Untold:
    """A model that learnt from what the other authors of traffic wrote, and from how many `calls`."""

    rank: Rank
    calls: int


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """Models to compare with.

    Attributes:
        rivals: By name; `LINEAR` and one for each of `FEATURE_SETS`.
        left_out: By kind of campaign, one that was never told of it.
        source: Words on what they learnt from.
        calls: How many calls that were.
        judged: Indices of the calls that they are judged on; None for all.
        without_author: By author of traffic, one that learnt no calls of that author.
    """

    rivals: dict[str, Rank]
    left_out: dict[str, Rank]
    source: str
    calls: int
    judged: NDArray[np.int64] | None = None
    without_author: dict[str, Untold] = field(default_factory=dict)

    def of_author(self, author: str) -> "Learnt":
        """What says how much it matters to have learnt from an author: told of all, and told of the others.

        Of an author whose calls all of them learnt there is the first alone.

        Raises:
            KeyError: none among the rivals learnt all features.
        """
        untold = {name: one for name, one in self.without_author.items() if name == author}
        return replace(self, rivals={ALL_FEATURES: self.rivals[ALL_FEATURES]}, left_out={}, without_author=untold)


def without(data: Dataset, patterns: Sequence[re.Pattern[str]]) -> Dataset:
    """The same calls with the features of matching names held at 0, so that nothing can be learnt from them.

    Rows are copied, unless there are no patterns.
    """
    if not patterns:
        return data
    rows = data.rows.copy()
    rows[:, [any(one.fullmatch(name) for one in patterns) for name in data.feature_names]] = 0.0
    return replace(data, rows=rows)


def learn(
    data: Dataset,
    seed: int,
    source: str,
    *,
    leave_out: Sequence[str] = (),
    authors: NDArray[np.str_] | None = None,
    say: Say = lambda _: None,
) -> Learnt:
    """Learn the rivals from all of some calls, and one model more for each kind of campaign or author to leave out.

    The calls of a kind left out are not learnt; what they did to windows that other calls share stays, as it would in
    traffic with campaigns of a kind that nobody has labelled.

    Called once a report. It blocks for processor time on all cores: a linear model and a fit of `RECIPE` for each
    feature set, kind and author.

    Args:
        data: n_calls labelled calls, of both classes whatever is left out.
        seed: Of the training.
        source: Words on where the calls come from.
        leave_out: Kinds of campaign.
        authors: Who wrote the traffic of each call, shape (n_calls,), to leave out one at a time.
        say: Told what is being done, a line each.

    Raises:
        ValueError: a kind to leave out is neither among these calls nor one that is generated.
    """
    if unknown := set(leave_out) - {*data.kinds, *CAMPAIGN_KINDS}:
        raise ValueError(f"no kinds of campaign: {', '.join(sorted(unknown))}")
    everything = np.arange(len(data))
    rivals: dict[str, Rank] = {LINEAR: linear_model(data, everything, seed)}
    for name, patterns in FEATURE_SETS.items():
        say(f"training with {name}")
        rivals[name] = _trees(without(data, patterns), everything, seed)
    left_out = {}
    for kind in leave_out:
        say(f"training without {kind}")
        left_out[kind] = _trees(data, np.flatnonzero(~(data.is_robocall & data.is_of(kind))), seed)
    without_author = {}
    for author in [] if authors is None else np.unique(authors).tolist():
        others = np.flatnonzero(authors != author)
        if len(others):
            say(f"training without the {author} author")
            without_author[author] = Untold(_trees(data, others, seed), len(others))
    return Learnt(rivals, left_out, source, len(data), without_author=without_author)


def learn_first_part(data: Dataset, seed: int = 0, say: Say = lambda _: None) -> Learnt:
    """Learn the rivals from the first part of some calls, to be judged on the last part of the same.

    It blocks as `learn` does.

    Args:
        data: Labelled calls in order of time.
        seed: Of the training.
        say: Told what is being done, a line each.

    Raises:
        TrainingDataInvalid: the calls cannot be split.
    """
    spans = split(data, RECIPE)
    found = learn(data.take(spans.train), seed, "the first part of these calls", say=say)
    return replace(found, judged=spans.test)


def compare(learnt: Learnt, data: Dataset, raw: Scores) -> dict[str, Any]:
    """What the judged model and those beside it catch of the same calls, as plain values.

    It takes processor time: every model scores every call.

    Args:
        learnt: The models beside it, with trees that learnt all features among them.
        data: n_calls labelled calls, some of them lawful.
        raw: Raw scores of the judged model in log-odds, shape (n_calls,), in order of `data`.
    """
    if learnt.judged is not None:
        data, raw = data.take(learnt.judged), raw[learnt.judged]
    scores = {OWN: raw} | {name: rank(data.rows) for name, rank in learnt.rivals.items()}
    return {
        "learnt_from": learnt.source,
        "learnt_calls": learnt.calls,
        "judged_calls": len(data),
        "models": {
            name: ranking(one, data.is_robocall) | {"kinds": kinds_at_rates(data, one)} for name, one in scores.items()
        },
        "left_out": _left_out(learnt, data, scores[ALL_FEATURES]),
        "author_left_out": _author_left_out(learnt, data, scores[ALL_FEATURES]),
    }


def _left_out(learnt: Learnt, data: Dataset, told: Scores) -> dict[str, dict[str, Any]]:
    """Recall of each kind by the model that was told of all kinds, and by the one that was not told of this one."""
    seen = kinds_at_rates(data, told, LEFT_OUT_RATES)
    lacking = [{"rate": rate, **share_of(np.zeros(0, np.bool_))} for rate in LEFT_OUT_RATES]
    found = {}
    for kind, rank in learnt.left_out.items():
        campaigns = data.campaign[data.is_robocall & data.is_of(kind)]
        found[kind] = {
            "calls": len(campaigns),
            "campaigns": len(np.unique(campaigns)),
            "told": seen.get(kind, lacking),
            "left_out": kinds_at_rates(data, rank(data.rows), LEFT_OUT_RATES).get(kind, lacking),
        }
    return found


def _author_left_out(learnt: Learnt, data: Dataset, told: Scores) -> dict[str, dict[str, Any]]:
    """Recall of all robocalls by the model that learnt from all authors, and by the one that did not from this one."""
    is_in_campaign = data.is_robocall & (data.campaign >= 0)
    return {
        author: {
            "learnt_calls": one.calls,
            "lawful": int((~data.is_robocall).sum()),
            "campaigns": len(np.unique(data.campaign[is_in_campaign])),
            "told": rates_by_campaign(data, told),
            "left_out": rates_by_campaign(data, one.rank(data.rows)),
        }
        for author, one in learnt.without_author.items()
    }


def _trees(data: Dataset, chosen: NDArray[np.int64], seed: int) -> Rank:
    return TreeScorer(forest_of(fit(data, chosen, seed, RECIPE)), UNCALIBRATED).raw
