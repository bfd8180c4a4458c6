"""What comes of adapting: the model that is to run, what the gate says of it, and whose answers would tell more."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from models.adapt.calls import Mask
from models.adapt.comparing import Cluster, Drawn
from models.adapt.found import SHOWN_BY
from models.adapt.gate import Verdict
from models.adapt.rounds import Material, Student, Way
from models.budgets.bounds import Floats


class Choice(StrEnum):
    """The model that is to run."""

    BASE = "base"
    GROUPED = "base with a group weight"
    ADAPTED = "adapted"
    LABELLED = "adapted by labels alone"


WAYS = {Choice.LABELLED: Way.LABELS, Choice.ADAPTED: Way.TEACHER}
"""Those that can be learnt, and how; the first one that labels suffice for is."""
NAMES = {
    Choice.GROUPED: "the base model with a group weight",
    Choice.ADAPTED: "the adapted model",
    Choice.LABELLED: "the model of labels",
}


@dataclass(frozen=True, slots=True, eq=False)
class Unsettled:
    """A candidate that answers may show to be better.

    Attributes:
        draw: Whom the analyst may be asked about, in order.
        answers: Of each whether it is a robocaller, as far as somebody answered already.
        asked: Places in the draw of whom to ask about now.
        unasked: What the gate says of the candidate by what was said unasked.
    """

    draw: list[Drawn]
    answers: list[bool | None]
    asked: list[int]
    unasked: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of it.

    Attributes:
        choice: The model that is to run.
        verdicts: Of the gate, by candidate; of one that could not be learnt too.
        students: What was learnt, by candidate; one at most.
        judged: Candidate whose verdict tells most: that is chosen, else the one that answers are asked for.
        facts: On what all rests: spans, labels, purity, gate; plain values.
        scores: That the chosen model decides by, shape (n,).
        is_measurable: Calls on which its budgets can be measured, shape (n,).
        unsettled: Whose answers would tell more of `judged`; None where that is of no use.
    """

    choice: Choice
    verdicts: dict[Choice, Verdict]
    students: dict[Choice, Student]
    judged: Choice
    facts: dict[str, Any]
    scores: Floats
    is_measurable: Mask
    unsettled: Unsettled | None

    @property
    def is_base(self) -> bool:
        """The base model stays as it is."""
        return self.choice is Choice.BASE

    @property
    def chosen(self) -> Student | None:
        """What was learnt, where it takes the place of the base; else None."""
        return self.students.get(self.choice)

    @property
    def verdict(self) -> Verdict:
        """What the gate says of `judged`."""
        return self.verdicts[self.judged]

    @property
    def refused(self) -> list[Verdict]:
        """What the gate says of what was learnt, or could not be, and does not pass."""
        return [verdict for choice, verdict in self.verdicts.items() if choice in WAYS and not verdict.adapts]

    @property
    def questions(self) -> list[Cluster]:
        """Whom to ask about now."""
        lot = self.unsettled
        return [] if lot is None else [lot.draw[place].cluster for place in lot.asked]

    @property
    def answered(self) -> int:
        """Callers of the draw about whom somebody answered already, where answers are asked for."""
        return 0 if self.unsettled is None else sum(one is not None for one in self.unsettled.answers)

    def of_candidate(self, material: Material) -> "Outcome":
        """What comes of it if answers show later that the unsettled candidate is better.

        Args:
            material: What it was learnt from.
        """
        scores, is_measurable = self.students[self.judged].margins, is_unseen(material)
        facts = self.facts | {"chosen": self.judged.value, SHOWN_BY: "answers that came later, see adapting.json"}
        return replace(self, choice=self.judged, facts=facts, scores=scores, is_measurable=is_measurable)


def is_unseen(material: Material) -> Mask:
    """On which calls a learnt model can be measured: those that it learnt from, and references, promise too much."""
    found: Mask = ~material.is_learning & ~material.lawful.is_taught
    return found
