"""A lot that waits for answers, in the folder of an adaptation: whom they are about, and the candidate that they judge.

Nothing is learnt anew when answers come. What was learnt, and who is asked about, stay as they are, and so do answers.
Whoever changes a lot or its table holds the lock of the table (`streams.files.changing`).
"""

import io
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from detector.contract.errors import RobocallError
from detector.features.table import FEATURE_SCHEMA_ID
from models.adapt import gate
from models.adapt.comparing import Turn, compared, mostly
from models.adapt.found import note_verdict
from models.adapt.outcome import NAMES, Choice, Unsettled
from models.adapt.packaging import MEASURES
from models.errors import ArtifactError
from models.serve.artifact import load
from models.serve.manifest import MANIFEST, SIGNATURE
from models.serve.signing import Signing
from models.store.opening import open_storage
from models.store.storage import Drafts
from streams.commands.adapt.places import LOT, LOT_FILE
from streams.commands.questions.answers import Answer
from streams.commands.questions.asked import Asked
from streams.commands.questions.table import listed_ids, write_table
from streams.files import write_whole

CANDIDATE = "candidate"
"""In the folder of the lot: the candidate, an artifact with its measure."""
MAX_BYTES = 64 * 1024 * 1024
DRAFTS = Drafts("{name}.part", abandoned_after_s=0.0)


class LotUnusable(RobocallError):
    """There is no lot, or it is damaged."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """One who was drawn.

    Attributes:
        turn: Whose alert it is, and at which volume.
        asked: The question, in texts.
        before: Whether it is a robocaller, as it was answered before the draw; None where it was not.
        answers: Since, by call id.
        is_passed: It was left open while others were answered: somebody could not tell.
    """

    turn: Turn
    asked: Asked
    before: bool | None = None
    answers: dict[str, Answer] = {}
    is_passed: bool = False

    @property
    def answer(self) -> bool | None:
        """Whether it is a robocaller; None while nobody answered."""
        return mostly([one.is_robocall for one in self.answers.values()]) if self.answers else self.before

    def is_about(self, call_ids: Collection[str]) -> bool:
        """Whether any of these calls is one of its."""
        return any(one in call_ids for one in self.asked.call_ids)

    def with_answers(self, said: Mapping[str, Answer]) -> "Caller":
        """The same with what was said of its calls; of each the latest counts."""
        ours = {one: said[one] for one in self.asked.call_ids if one in said}
        newer = {one: found for one, found in ours.items() if found.time_ms >= self._said_ms(one)}
        return msgspec.structs.replace(self, answers={**self.answers, **newer}) if newer else self

    def _said_ms(self, call_id: str) -> int:
        return self.answers[call_id].time_ms if call_id in self.answers else 0


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate, and whom the answers are about that tell whether it is better than its base.

    Attributes:
        base: Version of the base model.
        candidate: Version of the candidate.
        choice: How the candidate was learnt, as in `adapting.json`.
        unasked: What the gate says of the candidate by what was said unasked.
        callers: All that were drawn and have calls to be asked about, in order, but those of whom nobody can tell.
        silence: What is to be said of the candidate's budgets.
    """

    base: str
    candidate: str
    choice: Choice
    unasked: gate.Verdict
    callers: tuple[Caller, ...]
    silence: str

    @classmethod
    def of(cls, unsettled: Unsettled, asked: Sequence[Asked], **found: Any) -> "Lot":
        """Make one of what an adaptation leaves unsettled.

        Args:
            unsettled: The draw.
            asked: A question about each caller of it; what the table lacks of its calls is left out.
            found: The other attributes.
        """
        turns = [Turn(is_of_candidate=one.is_of_candidate, volume=one.volume) for one in unsettled.draw]
        texts = [replace(one, call_ids=listed_ids(one.call_ids)) for one in asked]
        every = zip(turns, texts, unsettled.answers, strict=True)
        callers = tuple(Caller(turn=turn, asked=text, before=said) for turn, text, said in every if text.call_ids)
        return cls(unasked=unsettled.unasked, callers=callers, **found)

    @property
    def answered(self) -> int:
        """Callers about whom somebody answered."""
        return sum(one.answer is not None for one in self.callers)

    @property
    def has_nobody_else(self) -> bool:
        """Whether all who are asked about now were left open before."""
        return all(self.callers[place].is_passed for place in self._compared()[1])

    def with_answers(self, said: Mapping[str, Answer], unsure: Collection[str] = ()) -> "Lot":
        """The same with what was said of its calls since. Where something was, others come in place of who is open.

        Callers of whom nobody can tell are left out: those of whom somebody is unsure, and where nobody else is left,
        those who stay open once more.

        Args:
            said: Answers by call id.
            unsure: Call ids of callers of whom somebody is unsure.
        """
        _, asked = self._compared()
        callers = [one.with_answers(said) for one in self.callers]
        still = [place for place in asked if callers[place].answer is None]
        untold = {place for place, one in enumerate(callers) if one.answer is None and one.is_about(unsure)}
        if sum(one.answer is not None for one in callers) != self.answered:
            for place in still:
                callers[place] = msgspec.structs.replace(callers[place], is_passed=True)
        elif self.has_nobody_else:
            untold.update(still)
        kept = tuple(one for place, one in enumerate(callers) if place not in untold)
        return msgspec.structs.replace(self, callers=kept)

    def settled(self) -> tuple[gate.Verdict, list[Asked]]:
        """What the gate says by all answers so far, and what is to be asked next; nothing where that is of no use."""
        verdict, asked = self._compared()
        return verdict, [self.callers[place].asked for place in asked]

    def _compared(self) -> tuple[gate.Verdict, list[int]]:
        passed = [place for place, one in enumerate(self.callers) if one.is_passed]
        found, asked = compared([one.turn for one in self.callers], [one.answer for one in self.callers], passed)
        return self.unasked.with_answers(NAMES[self.choice], found), asked


def note_outcome(lot: Lot, folder: Path, table: Path, signing: Signing) -> tuple[gate.Verdict, int]:
    """Do what the answers of a lot come to: take the candidate, keep the base, or ask further.

    Args:
        lot: With all answers so far.
        folder: Of the adaptation.
        table: Of its questions.
        signing: With a key, the candidate must be signed by it.

    Returns:
        What the gate says of the candidate, and how many answers are missing.

    Raises:
        LotUnusable: the candidate cannot serve, or what was found is damaged.
        StorageError: the folder cannot be written.
        OSError: likewise.
    """
    verdict, asked = lot.settled()
    chosen = lot.choice if verdict.adapts else Choice.BASE
    write_lot(lot, folder, table)  # before anything else: answers are in no other place
    if verdict.adapts:
        _take_candidate(lot, folder, signing)
    try:
        note_verdict(folder, chosen.value, lot.choice.value, verdict.as_json())
    except (ValueError, KeyError) as error:
        raise LotUnusable(f"adapting.json of {folder} is damaged: run `robocall adapt` again") from error
    if not asked:
        forget_lot(folder, table)
    return verdict, len(asked)


def write_lot(lot: Lot, folder: Path, table: Path) -> None:
    """Keep a lot, for its owner alone, and ask what is to be asked.

    Args:
        lot: As it is now.
        folder: Of the adaptation; the candidate is there.
        table: Of questions.

    Raises:
        StorageError: it cannot be written.
    """
    kept = open_storage(folder / LOT, holds="the lot", setting="DIR", drafts=DRAFTS, is_private=True)
    kept.write(LOT_FILE, msgspec.json.encode(lot))
    _, asked = lot.settled()
    text = io.BytesIO()
    write_table(asked, text)
    write_whole(table, text.getvalue(), holds="the questions", setting="--questions")


def read_lot(folder: Path) -> Lot:
    """The lot of an adaptation.

    Raises:
        LotUnusable: there is none, or it is damaged.
    """
    path = folder / LOT / LOT_FILE
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MAX_BYTES), type=Lot)
    except FileNotFoundError as error:
        raise LotUnusable(
            f"{folder} has no open lot: all is settled, or nothing was asked; to ask anew, run `robocall adapt` with "
            "another --out"
        ) from error
    except (OSError, msgspec.MsgspecError) as error:
        raise LotUnusable(f"{path} cannot be used ({error}): run `robocall adapt` again") from error


def _take_candidate(lot: Lot, folder: Path, signing: Signing) -> None:
    """Put the candidate and its measure in the place of the base. Broken off, it is done again: the lot is there."""
    candidate = folder / LOT / CANDIDATE
    try:
        version = load(candidate, schema_id=FEATURE_SCHEMA_ID, signing=signing).version
    except ArtifactError as error:
        raise LotUnusable(f"the candidate cannot serve ({error}): run `robocall adapt` again") from error
    if version != lot.candidate:
        raise LotUnusable(f"{candidate} is {version}, {lot.candidate} was drawn for: run `robocall adapt` again")
    for old in (folder / MANIFEST, folder / SIGNATURE, *folder.glob(MEASURES)):
        old.unlink(missing_ok=True)
    for file in sorted(candidate.iterdir(), key=lambda one: one.name == MANIFEST):  # a folder without one is no model
        shutil.copyfile(file, folder / file.name)


def forget_lot(folder: Path, table: Path) -> None:
    """Remove a lot and its questions, if there are any; what says that there is one goes first."""
    for path in (folder / LOT / LOT_FILE, table):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / LOT, ignore_errors=True)
