"""Whether decisions of a package still follow: what a replay says of its calls, held against what was decided.

A worker in shadow only tries what one that enforces does: the two count as the same decision.
"""

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from detector.contract.decisions import Step
from streams.referral.package import PackageRefused

SCORE_TOLERANCE = 1e-9
LIST_STEPS = frozenset({Step.EMERGENCY, Step.ALLOW_LIST, Step.DNO, Step.ENTITY_BLOCK, Step.SUBSCRIBER})
"""Steps that may rest on a list or a standing decision of then, which no archive has and a replay leaves empty."""
MOST_DECISIONS = 100_000
"""As many calls as a package is made of."""


Word = Annotated[str, msgspec.Meta(max_length=256)]


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a decision."""

    call_id: Annotated[str, msgspec.Meta(max_length=128)]
    action: Word
    would_be: Word | None = None
    decided_by: Word = ""
    score: float | None = None
    model_version: Word | None = None

    @property
    def judgement(self) -> str:
        """What was found, whether or not it was enforced."""
        return self.would_be or self.action


@dataclass(frozen=True, slots=True)
class Difference:
    """One decision that does not follow.

    Attributes:
        call_id: Of its call.
        said: What was decided then.
        derived: What a replay decides; None where it has no such call.
    """

    call_id: str
    said: Decided
    derived: Decided | None

    @property
    def rests_on_a_list(self) -> bool:
        """Whether a list or a standing decision may have decided it: then a replay neither shows nor denies it."""
        return self.derived is not None and self.said.decided_by in LIST_STEPS

    def __str__(self) -> str:
        """In one line, for people."""
        if self.derived is None:
            return f"{self.call_id}: {_told(self.said)}; the archive has no such call"
        return f"{self.call_id}: {_told(self.said)}; derived {_told(self.derived)}"


def decisions_of(lines: bytes) -> dict[str, Decided]:
    """Decisions of a package by call id; of a call that was decided twice the first.

    Raises:
        PackageRefused: a line is no decision.
    """
    found: dict[str, Decided] = {}
    for line in _lines(lines):
        try:
            one = msgspec.json.decode(line, type=Decided)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise PackageRefused(f"the decisions of the package are not as the contract has them: {error}") from error
        found.setdefault(one.call_id, one)
        if len(found) > MOST_DECISIONS:
            raise PackageRefused(f"the package has decisions on more than {MOST_DECISIONS:,} calls")
    return found


def _lines(content: bytes) -> Iterator[bytes]:
    """One after the other: a list of all of them would take several times the memory of what they hold."""
    with io.BytesIO(content) as file:
        yield from file


def differences(said: Mapping[str, Decided], derived: Mapping[str, Decided]) -> list[Difference]:
    """The decisions that do not follow, in order of their call ids."""
    return [
        Difference(call_id, one, derived.get(call_id))
        for call_id, one in sorted(said.items())
        if not _follows(one, derived.get(call_id))
    ]


def wanted(decisions: Iterable[Any], call_ids: Mapping[str, object]) -> dict[str, Decided]:
    """Of encoded decisions of a replay those of these calls."""
    found: dict[str, Decided] = {}
    for line in decisions:
        one = msgspec.json.decode(line, type=Decided)
        if one.call_id in call_ids:
            found.setdefault(one.call_id, one)
    return found


def _follows(said: Decided, derived: Decided | None) -> bool:
    if derived is None or (said.judgement, said.decided_by) != (derived.judgement, derived.decided_by):
        return False
    if said.score is None or derived.score is None:
        return said.score is derived.score
    return abs(said.score - derived.score) <= SCORE_TOLERANCE


def _told(one: Decided) -> str:
    score = "" if one.score is None else f" at {one.score:.6f}"
    return f"{one.judgement} by {one.decided_by}{score}"
