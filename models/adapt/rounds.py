"""Rounds of learning: each ranks the calls by the last round's trees, with the group score on top.

There are two ways. By the teacher the highest calls are robocalls; by labels the highest are left out, unless somebody
spoke of them. The trees learn from the first part of the calls and are calibrated on the rest, which they did not see.
Both parts are taught alike, so a score is the probability that the teacher and the labels would call it a robocall. In
the end the trees of the last round are added to the base's.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from models.adapt.base_rate import BaseRate, believed, taught_share
from models.adapt.calls import Calls, Lawful, Mask
from models.adapt.doubt import CONTRADICTED, parted, trust
from models.adapt.group_score import group_score
from models.adapt.labels import Labels, clusters_of, sharing
from models.adapt.root import Root
from models.adapt.teaching import Lesson, lesson, lesson_of_labels, purity
from models.budgets.bounds import Floats, Ints
from models.data.dataset import Dataset
from models.learn.training import Parameters, calibrate, fit_drawn, thresholds_of
from models.serve.scorer import TreeScorer
from models.traffic.truth import UNKNOWN_KIND


class Way(StrEnum):
    """What calls are taught as robocalls."""

    TEACHER = "the teacher and labels"
    LABELS = "labels alone"


ROUNDS = {Way.TEACHER: 3, Way.LABELS: 2}
PARAMETERS = Parameters()
FIT_SHARE = 0.75
"""Of the calls learnt from, the first: the rest calibrates."""
MOST_LAWFUL = 10_000
"""Lawful calls that a round learns from; they are drawn, and each stands for those left out. Among them are robocalls
that nobody spoke of: with more, trees learn to tell those from labelled ones, and less is caught."""
MOST_CALIBRATED = 300_000
FEWEST_TAUGHT = 10
"""Robocalls that either part must hold."""
TAUGHT = "teacher"
"""Source of what no label says."""


@dataclass(frozen=True, slots=True, eq=False)
class Student:
    """What the last round made.

    Attributes:
        estimator: Of scikit-learn, calibrated.
        scorer: Computes the same, compiled.
        thresholds: `block_at` and `label_at`.
        margins: Raw score of each of the n calls, shape (n,).
        calibrated_on: The calls that it was calibrated on, as they were taught.
        learnt: The labels of all calls that the last round learnt from, by who says so.
        data_digest: `Dataset.digest` of those.
        base_rate: What was believed.
        share: Of the calls that was taught as robocalls.
        purity: Of each round's top.
        seed: Of draws and fits.
        parameters: Of the fit.
        root: Trees that those learnt were added to; None where they stand alone.
        is_contradicted: Calls whose label trees of all other callers contradict, shape (n,).
    """

    estimator: Any
    scorer: TreeScorer
    thresholds: dict[str, float]
    margins: Floats
    calibrated_on: Dataset
    learnt: list[dict[str, Any]]
    data_digest: str
    base_rate: BaseRate | None
    share: float
    purity: list[dict[str, Any]]
    seed: int
    parameters: Parameters
    root: Root | None
    is_contradicted: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What all rounds work on.

    Attributes:
        calls: All n calls of the span.
        labels: Of all n calls.
        lawful: References among them.
        is_learning: Calls that are learnt from, shape (n,): nothing of the others is looked at but their score.
        feature_names: Of their rows.
        partitions: Number of partitions that windows were counted in.
        is_grouped: The base has a group weight.
        root: Trees that what is learnt is added to; None where it is to stand alone.
    """

    calls: Calls
    labels: Labels
    lawful: Lawful
    is_learning: Mask
    feature_names: tuple[str, ...]
    partitions: int
    is_grouped: bool = False
    root: Root | None = None

    @property
    def base_scores(self) -> Floats:
        """Scores that the base decides by, shape (n,)."""
        return self.calls.grouped if self.is_grouped else self.calls.margins

    @property
    def is_early(self) -> Mask:
        """Calls that trees are fitted to, shape (n,); the later ones learnt from calibrate them."""
        cut = np.quantile(self.calls.at_ms[self.is_learning], FIT_SHARE)
        found: Mask = self.is_learning & (self.calls.at_ms < cut)
        return found


def learn(
    material: Material,
    seed: int,
    say: Callable[[int], None],
    way: Way = Way.TEACHER,
    most_lawful: int = MOST_LAWFUL,
    *,
    doubts: bool = True,
) -> Student | str:
    """Learn in rounds; blocks for processor time on all cores, a minute or so a round for a million calls.

    Args:
        material: What is learnt from.
        seed: Of draws and fits; the same gives the same.
        say: Told the number of each round that begins, from 1.
        way: By the teacher, or by labels alone.
        most_lawful: Lawful calls that nobody looked at and that a round learns from.
        doubts: Labels that all others contradict count less; not where they are the truth.

    Returns:
        What was learnt, or why nothing could be.
    """
    say(1)
    last, margins, witnesses = ROUNDS[way], material.calls.margins, []
    part, is_contradicted = _Part.of(material), np.zeros(len(margins), np.bool_)
    if way is Way.LABELS and doubts:
        chance = _trusted(part, part.scores(margins), seed, most_lawful)
        is_contradicted[part.places] = chance < CONTRADICTED
        part = part.weighed(chance)
    rate = part.rate(part.scores(margins))
    share = taught_share(rate)
    for number in range(1, last + 1):
        if number > 1:
            say(number)
        taught = part.lesson(part.scores(margins), way, share)
        witnesses.append(purity(taught.top, part.labels, part.lawful))
        shortage = _shortage(taught, part.is_early)
        if shortage:
            return shortage
        random = np.random.default_rng([seed, number])
        data, parameters = part.drawn(taught, most_lawful, random)
        later, _ = part.drawn(taught, MOST_CALIBRATED, random, is_early=False)
        learnt, digest = data.labels_by_source(), data.digest()
        boosted = fit_drawn(data, seed, parameters)
        del data
        if number == last and material.root is not None:
            boosted = material.root.grown(boosted)
        estimator, scorer = calibrate(boosted, later, share if rate is None else rate.share, _nobody)
        margins = material.calls.rows.scored(scorer.raw)
    return Student(
        estimator=estimator,
        scorer=scorer,
        thresholds=thresholds_of(scorer, later),
        margins=margins,
        calibrated_on=later,
        learnt=learnt,
        data_digest=digest,
        base_rate=rate,
        share=share,
        purity=witnesses,
        seed=seed,
        parameters=parameters,
        root=material.root,
        is_contradicted=is_contradicted,
    )


def _nobody(_: str) -> None:
    """Hears how calibration went: by the teacher's word, so it is no figure for people."""


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The m calls that are learnt from.

    Attributes:
        material: All calls.
        places: Of these among them, shape (m,).
        keys: Calling number, origin and block, shape (m,) each.
        is_early: Those that trees are fitted to, shape (m,).
        labels: Of the m calls.
        lawful: References among them.
    """

    material: Material
    places: Ints
    keys: list[Ints]
    is_early: Mask
    labels: Labels
    lawful: Lawful

    @classmethod
    def of(cls, material: Material) -> "_Part":
        chosen, labels, lawful = material.is_learning, material.labels, material.lawful
        return cls(
            material,
            np.flatnonzero(chosen),
            [key[chosen] for key in material.calls.keys],
            material.is_early[chosen],
            Labels(labels.is_robocall[chosen], labels.weight[chosen], labels.source[chosen], labels.sources, 0),
            Lawful(lawful.is_reference[chosen], lawful.is_taught[chosen], lawful.is_vouched[chosen]),
        )

    def weighed(self, by: Floats | Mask) -> "_Part":
        """The same with each label's weight multiplied by a factor, shape (m,)."""
        return replace(self, labels=replace(self.labels, weight=self.labels.weight * by))

    def scores(self, margins: Floats) -> Floats:
        """Group scores by margins of all n calls, shape (m,)."""
        return group_score(margins[self.places], self.material.calls.at_ms[self.places], self.keys)

    def callers(self, chosen: Mask | Ints) -> Ints:
        """Code of the caller of each of some calls."""
        number, _, block = self.keys
        return clusters_of(number[chosen], block[chosen])

    def rate(self, scores: Floats) -> BaseRate | None:
        """What labels tell of the base rate, where these scores rank the calls."""
        said = self.labels.is_positive
        return believed(scores, np.where(said, self.labels.weight, 0.0), self.callers(said))

    def lesson(self, scores: Floats, way: Way, share: float) -> Lesson:
        """What the calls are taught as; `share` is of those that the teacher says are robocalls."""
        if way is Way.LABELS:
            return lesson_of_labels(scores, self.keys, self.labels, self.lawful)
        return lesson(scores, self.keys, self.labels, self.lawful, share)

    def drawn(
        self, taught: Lesson, most: int, random: np.random.Generator, *, is_early: bool = True
    ) -> tuple[Dataset, Parameters]:
        """What a lesson teaches of the earlier or the later calls, with at most so many lawful ones, and how to train.

        It copies rows.
        """
        chosen = self.is_early if is_early else ~self.is_early
        some, lawful_share = _drawn(taught, chosen, self.labels.is_looked_at, most, random)
        return _dataset(self.material, self.places, some), replace(PARAMETERS, lawful_share=lawful_share)


def _trusted(part: _Part, scores: Floats, seed: int, most_lawful: int) -> Floats:
    """Chance that each label is right, as far as trees can tell, shape (m,); 1 where labels are too few.

    Labelled callers are parted by lot. What trees say of some is learnt from no call of these callers.
    """
    labels, (number, _, block) = part.labels, part.keys
    said, found = np.flatnonzero(labels.weight > 0), np.ones(len(part.places))
    caller, random = part.callers(said), np.random.default_rng([seed, 0])
    lot, log_odds = parted(caller, random), np.zeros(len(said))
    for one in np.unique(lot).tolist():
        chosen = said[lot == one]
        is_out = sharing(number, chosen) | sharing(block, chosen)
        others = part.weighed(~is_out)
        taught = others.lesson(scores, Way.LABELS, 0.0)
        taught = replace(taught, weight=taught.weight * ~is_out)
        if _shortage(taught, part.is_early):
            return found
        data, parameters = others.drawn(taught, most_lawful, random)
        trees = fit_drawn(data, seed, parameters)
        log_odds[lot == one] = trees.decision_function(part.material.calls.rows.take(part.places[chosen]))
    found[said] = trust(labels, caller, log_odds)
    return found


def _shortage(taught: Lesson, is_early: Mask) -> str:
    is_robocall = taught.is_taught & taught.is_robocall
    fewest = min(int((is_robocall & part).sum()) for part in (is_early, ~is_early))
    if fewest >= FEWEST_TAUGHT:
        return ""
    return (
        f"{fewest:,} calls to teach as robocalls in a part of the span, {FEWEST_TAUGHT} needed: give a longer span, or "
        "an analyst's answers"
    )


def _drawn(
    taught: Lesson, part: Mask, is_looked_at: Mask, most: int, random: np.random.Generator
) -> tuple[Lesson, float]:
    """The lesson of a part: of the lawful calls that nobody looked at, `most` are drawn by lot.

    Returns:
        The lesson, and the share that was drawn. Training has each lawful call stand for those that were not. What
        somebody looked at is not drawn and stands for itself, so it counts by that share here.
    """
    lawful = taught.is_taught & part & ~taught.is_robocall
    share = min(1.0, most / max(int((lawful & ~is_looked_at).sum()), 1))
    is_kept = taught.is_taught & part & (taught.is_robocall | is_looked_at | (random.random(len(lawful)) < share))
    weight = np.where(lawful & is_looked_at, share, 1.0) * taught.weight
    return replace(taught, weight=np.where(is_kept, weight, 0.0)), share


def _dataset(material: Material, learning: Ints, taught: Lesson) -> Dataset:
    """What a lesson teaches of the calls learnt from, as training takes it: in order of time, with copies of rows."""
    calls, labels = material.calls, material.labels
    places = np.flatnonzero(taught.is_taught)
    places = places[np.argsort(calls.at_ms[learning[places]], kind="stable")]
    at = learning[places]
    said = (labels.weight[at] > 0) & (labels.is_robocall[at] == taught.is_robocall[places])
    return Dataset(
        material.feature_names,
        calls.rows.take(at),
        calls.at_ms[at],
        np.unique(calls.number[at], return_inverse=True)[1],
        taught.is_robocall[places],
        np.full(len(at), -1),
        np.zeros(len(at), np.int64),
        np.zeros(len(at), np.int64),
        (UNKNOWN_KIND,),
        taught.weight[places],
        np.where(said, labels.source[at], len(labels.sources)),
        (*labels.sources, TAUGHT),
        (material.partitions,),
    )
