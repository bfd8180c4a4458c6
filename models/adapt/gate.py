"""The gate, which decides: a candidate and the base model on calls held back, at equal volumes of alerts.

Nobody knows what most calls were, so models are compared where each raises as many alerts: on the highest 0.5, 1, 2
and 5 % of the calls. A candidate is better if it catches more of what was labelled there and hits no more of the lawful
references, beyond chance both times. Where both hit more than a default budget allows, hits are not compared. What is
drawn again and again for both models alike (a paired bootstrap) is campaigns, callers who share an origin, and lawful
callers. No campaign has more than a twentieth of the weight: who complains often does not decide.

What labels taught was better at nearly all carriers that were tried, and a day that judges can hardly tell: even by the
truth of all its calls two models often differ less at equal alerts than by campaigns of the next day. So the more was
said, the less must be shown. What many answers taught is taken unless it is likely to catch less. Of what complaints
taught a gain must be likely; where many callers are accused and too few labels are held back to tell, it is taken. What
few labels taught, or complaints of one day, must be shown to be better by answers about callers drawn by lot.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.adapt.alerts import VOLUMES, highest
from models.adapt.calls import Mask
from models.adapt.comparing import Comparison
from models.adapt.labels import bounded
from models.budgets.bounds import Floats, Ints

FEWEST_CALLERS = 30
FEWEST_CAMPAIGNS = 15
"""Of these callers: of one campaign alone any draw says the same."""
FEWEST_REFERENCES = 100
"""Lawful callers that judge."""
MOST_HIT = 0.001
"""Share of the references: where both models hit more, no default budget lets so many calls raise an alert."""
CONFIDENCE = 0.95
LIKELY = 0.6
"""Of the interval of the gain of what answers taught: either end is passed with 80 %."""
FEWEST_TEACHERS = 10
"""Callers that somebody looked at and that trees were fitted to: half of the twenty that are asked about on a day."""
MANY_TEACHERS = 25
"""Of forty that are asked about on two days: trees are fitted to three quarters of the calls learnt from."""
FEWEST_ROBOCALLERS = 5
"""Of these were said to be robocallers."""
MANY_ACCUSED = 40
"""Callers that trees were fitted to as robocallers, whoever said it: a third of complaints may be wrong."""
LONG_H = 36.0
"""Complaints of a shorter span are of its own campaigns, and say little of the next day's."""
DRAWS = 2_000
DRAWS_AT_ONCE = 100
MOST_UNITS = 2_000
"""More campaigns than these are drawn in groups, made by lot: their sum scatters the same, and it takes seconds."""


class Proof(Enum):
    """What must be shown of a candidate by what was labelled unasked.

    Attributes:
        SURE: That it catches more, with 97.5 %.
        LIKELY: That it catches more, with 80 %.
        UNOPPOSED: The same; nothing where labels are too few to compare.
        PRESUMED: Nothing: it is refused where it is likely to catch less, with 80 %.
        BY_LOT: Whatever they say, answers about callers drawn by lot must show it.
    """

    SURE = auto()
    LIKELY = auto()
    UNOPPOSED = auto()
    PRESUMED = auto()
    BY_LOT = auto()

    @classmethod
    def of_taught(cls, callers: int, robocallers: int, accused: int, hours: float) -> "Proof":
        """Of a model that was learnt from labels.

        Args:
            callers: That somebody looked at and that its trees were fitted to.
            robocallers: Those of them that were said to be robocallers.
            accused: Callers that anybody called robocallers and that its trees were fitted to.
            hours: From the first call that was learnt from to the last.
        """
        has_teachers = callers >= FEWEST_TEACHERS and robocallers >= FEWEST_ROBOCALLERS
        if has_teachers and callers >= MANY_TEACHERS:
            return cls.PRESUMED
        if accused >= MANY_ACCUSED and hours >= LONG_H:
            return cls.UNOPPOSED
        return cls.LIKELY if has_teachers else cls.BY_LOT

    @property
    def presumes(self) -> bool:
        """Whether it is taken where labels are too few to compare."""
        return self in {Proof.UNOPPOSED, Proof.PRESUMED}

    @property
    def confidence(self) -> float:
        """Of the interval of the gain."""
        return CONFIDENCE if self in {Proof.SURE, Proof.BY_LOT} else LIKELY

    def objection(self, what: str, gain: float, interval: tuple[float, float]) -> str:
        """Why a gain is not enough; empty where it is.

        Args:
            what: The candidate, for people.
            gain: More of the labelled robocalls caught.
            interval: Of it.
        """
        low, high = interval
        if self is Proof.BY_LOT:
            return (
                f"{what} catches {gain:+.1%} of the labelled robocalls held back; few complaints taught it, or those "
                "of one day, which say little of the next: give two days, or answer what `robocall ask` asks"
            )
        if high >= 0 if self is Proof.PRESUMED else low > 0:
            return ""
        found = (
            f"at equal alerts {what} catches {gain:+.1%} of the labelled robocalls held back ({self.confidence:.0%} "
            f"sure of {low:+.1%} to {high:+.1%})"
        )
        if self is Proof.PRESUMED:
            return f"{found}, so it is likely to catch less: give a longer span, or more answers to `robocall ask`"
        return f"{found}, which shows no gain: add complaints and traps, or an analyst's answers"


@dataclass(frozen=True, slots=True, eq=False)
class HeldBack:
    """n calls that nothing was learnt from.

    Attributes:
        base: Scores that the base model decides by, shape (n,).
        candidate: Those of the candidate.
        weight: Of each call's label as a robocall; 0 of all others, and of all where labels are too few to compare.
        caller: Code of the caller of each labelled robocall, in order, shape (n_labelled,).
        campaign: Code of its campaign, likewise: callers of one origin rise and fall together.
        is_lawful: References that judge.
        number: Keys of calling numbers.
    """

    base: Floats
    candidate: Floats
    weight: Floats
    caller: Ints
    campaign: Ints
    is_lawful: Mask
    number: Ints


@dataclass(frozen=True, slots=True)
class Volume:
    """Both models at one volume of alerts; shares of weight, and of calls of references.

    Attributes:
        share: Of the calls that raise an alert.
        caught: Of the labelled robocalls, by the base and by the candidate; None where they are too few.
        hit: Of the lawful references, likewise.
        hit_more: Interval of the difference of the latter.
    """

    share: float
    caught: tuple[float, float] | None
    hit: tuple[float, float]
    hit_more: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of a candidate.

    Attributes:
        reason: Why the base model stays, with what would help; empty where the candidate may take its place.
        callers: Labelled callers held back.
        references: Lawful callers held back.
        gain: More of the labelled robocalls caught, the mean over volumes; None where they are too few.
        gain_interval: Its interval.
        volumes: Both models at each volume; none where nothing was compared.
        answers: About calls drawn by lot; None where none were drawn for this candidate.
        confidence: Of the interval of the gain; None where there is none.
    """

    reason: str
    callers: int
    references: int
    gain: float | None = None
    gain_interval: tuple[float, float] | None = None
    volumes: tuple[Volume, ...] = ()
    answers: Comparison | None = None
    confidence: float | None = None

    def with_answers(self, what: str, answers: Comparison) -> "Verdict":
        """The same with answers about calls drawn by lot: they show a gain where what was said unasked could not.

        Args:
            what: The candidate, for people.
            answers: What they say.
        """
        base, candidate = (
            f"{found} of {asked}" for found, asked in zip(answers.robocalls, answers.answered, strict=True)
        )
        told = f"robocalls where {what} alone raises an alert: {candidate}, where the base model alone does: {base}"
        reason = self.reason
        if answers.is_worse:
            reason = f"an analyst's answers show that it is worse ({told})"
        elif answers.is_better:
            alone = f"an analyst's answers alone show a gain ({told}), but {self.reason}"
            reason = alone if self._catches_no_more else _hits_more(what, self.volumes)
        elif self.reason:
            so_far = f", so far they do not tell ({told})" if answers.answered[1] else ""
            is_of_use = answers.missing and not self.is_final
            more = f"; or answer {answers.missing} questions about callers drawn by lot" if is_of_use else ""
            reason = f"{self.reason}{more}{so_far}"
        return replace(self, reason=reason, answers=answers)

    @property
    def adapts(self) -> bool:
        """Whether the candidate may take the place of the base."""
        return not self.reason

    @property
    def is_final(self) -> bool:
        """Whether no answers about callers drawn by lot would let a refused candidate pass."""
        return not self.adapts and (self._catches_no_more or bool(_hits_more("", self.volumes)))

    @property
    def _catches_no_more(self) -> bool:
        return self.gain is not None and self.gain <= 0

    def as_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return {"passed": self.adapts, **asdict(self)}


def few_labels(callers: int, campaigns: int) -> str:
    """Why no gain can be told, with what would help; empty where it can.

    Args:
        callers: Labelled callers held back.
        campaigns: Of these.
    """
    if callers < FEWEST_CALLERS:
        return (
            f"{callers:,} labelled callers of robocalls in the held-back part, {FEWEST_CALLERS} needed: add feedback "
            "about its calls (complaints, traps), or give a longer span"
        )
    if campaigns < FEWEST_CAMPAIGNS:
        return (
            f"{callers:,} labelled callers of robocalls in the held-back part are of {campaigns:,} origins, "
            f"{FEWEST_CAMPAIGNS} needed: add feedback about its calls, or give a longer span"
        )
    return ""


def few_references(references: int) -> str:
    """Why it cannot be told who hits more lawful calls, with what would help; empty where it can.

    Args:
        references: Lawful callers held back that were not learnt from.
    """
    if references >= FEWEST_REFERENCES:
        return ""
    return (
        f"{references:,} lawful callers in the held-back part that were not learnt from, {FEWEST_REFERENCES} "
        "needed: give the ends of calls, --senders, or a longer span"
    )


def judge(held: HeldBack, what: str, seed: int, proof: Proof = Proof.SURE) -> Verdict:
    """Compare both models. It sorts the calls twice and draws campaigns 2,000 times, some seconds.

    Args:
        held: With enough lawful callers (`few_references`), and labelled ones (`few_labels`) unless all is presumed.
        what: The candidate, for people: "the adapted model".
        seed: Of the draws.
        proof: What labelled robocalls must show.
    """
    random = np.random.default_rng(seed)
    labelled = np.flatnonzero(held.weight > 0)
    lawful = np.flatnonzero(held.is_lawful)
    callers, references = (len(np.unique(one)) for one in (held.caller, held.number[lawful]))
    alerts = [(highest(held.base, share), highest(held.candidate, share)) for share in VOLUMES]
    caught, gain, gain_interval, confidence, reason = None, None, None, None, ""
    if len(labelled):
        weight = bounded(held.weight[labelled], [held.caller + 1, held.campaign + 1])
        of_labelled = _of(alerts, labelled)
        caught = np.average(of_labelled, axis=2, weights=weight)
        mean = of_labelled.mean(axis=1, keepdims=True)
        confidence = proof.confidence
        gains, intervals = _difference(mean, weight, held.campaign, confidence, random)
        gain, gain_interval = float(gains[0]), _pair(intervals[0])
        reason = proof.objection(what, gain, gain_interval)
    hit = _of(alerts, lawful)
    _, more = _difference(hit, np.ones(len(lawful)), held.number[lawful], CONFIDENCE, random)
    volumes = [
        Volume(share, None if caught is None else _pair(caught[:, at]), _pair(hit.mean(axis=2)[:, at]), _pair(more[at]))
        for at, share in enumerate(VOLUMES)
    ]
    reason = reason or _hits_more(what, volumes)
    return Verdict(reason, callers, references, gain, gain_interval, tuple(volumes), confidence=confidence)


def _of(alerts: list[tuple[Mask, Mask]], chosen: Ints) -> Floats:
    """Which of some calls raise an alert: by model, volume and call, shape (2, n_volumes, n), 0 or 1."""
    return np.array([[both[model][chosen] for both in alerts] for model in (0, 1)], np.float64)


def _pair(values: Floats) -> tuple[float, float]:
    first, second = values.tolist()
    return first, second


def _hits_more(what: str, volumes: Sequence[Volume]) -> str:
    """That a candidate hits more lawful references, beyond chance, where it matters; empty where it does not."""
    within = [volume for volume in volumes if min(volume.hit) <= MOST_HIT]
    worst = max(within, key=lambda volume: volume.hit_more[0], default=None)
    if worst is None or worst.hit_more[0] <= 0:
        return ""
    return (
        f"{what} hits {worst.hit[1]:.2%} of the calls of lawful references where {worst.share:.1%} of "
        f"calls raise an alert, the base model {worst.hit[0]:.2%}: give more --senders, and look at complaints"
    )


def _difference(
    alerts: Floats, weight: Floats, unit: Ints, confidence: float, random: np.random.Generator
) -> tuple[Floats, NDArray[np.float64]]:
    """How much larger the candidate's weighted mean is, and its interval where units are drawn with replacement.

    Args:
        alerts: By model, figure and call, shape (2, k, n).
        weight: Of each call, shape (n,).
        unit: Of each call, shape (n,).
        confidence: Of the interval.
        random: What draws.

    Returns:
        Differences of shape (k,), intervals of shape (k, 2).
    """
    found, codes = np.unique(unit, return_inverse=True)
    codes = random.permutation(len(found))[codes] % MOST_UNITS
    whole = np.bincount(codes, weights=weight)
    more = np.stack(
        [np.bincount(codes, weights=weight * (candidate - base)) for base, candidate in zip(*alerts, strict=True)]
    )
    n = len(whole)
    drawn = []
    for _ in range(0, DRAWS, DRAWS_AT_ONCE):
        times = random.multinomial(n, np.full(n, 1.0 / n), size=DRAWS_AT_ONCE)
        drawn.append((times @ more.T) / (times @ whole)[:, np.newaxis])
    interval = np.quantile(np.concatenate(drawn), [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return more.sum(axis=1) / whole.sum(), interval.T
