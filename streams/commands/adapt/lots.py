"""A lot that waits for answers, in the folder of an adaptation: whom they are about, and the candidate that they judge.

Nothing is learnt anew when answers come. What was learnt, and who is asked about, stay as they are, and so do answers.
"""

import io
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from detector.contract.errors import RobocallError
from models.adapt.adapting import NAMES, Choice, Unsettled
from models.adapt.comparing import Turn, compared, mostly
from models.adapt.gate import Verdict
from models.adapt.labels import OUTWEIGH_REFERENCES
from models.adapt.packaging import MEASURES, note_verdict
from models.serve.manifest import MANIFEST, SIGNATURE
from models.traffic.truth import Truth
from streams.commands.adapt.asked import Asked
from streams.commands.adapt.table import listed_ids, write_table
from streams.files import write_whole

QUESTIONS, LOT, CANDIDATE, FILE = "questions.csv", "lot", "candidate", "lot.json"
"""In the folder of the adaptation: the table to be filled in, and the lot; in this the candidate, and who is drawn."""
MAX_BYTES = 64 * 1024 * 1024


class LotUnusable(RobocallError):  # noqa: N818 - the name states what is wrong
    """There is no lot, or none of ours."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """One who was drawn.

    Attributes:
        turn: Whose alert it is, and at which volume.
        asked: The question, in texts.
        answer: Whether it is a robocaller; None while nobody answered.
    """

    turn: Turn
    asked: Asked
    answer: bool | None = None

    def with_answer(self, said: Mapping[str, Truth]) -> "Caller":
        """The same with what whoever looked said of its calls since; a later answer counts in place of an earlier."""
        known = [said[one] for one in self.asked.call_ids if one in said]
        answer = mostly([one.is_robocall for one in known if one.source in OUTWEIGH_REFERENCES])
        return self if answer is None else msgspec.structs.replace(self, answer=answer)


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate, and whom the answers are about that tell whether it is better than its base.

    Attributes:
        base: Version of the base model.
        candidate: Version of the candidate.
        choice: How the candidate was learnt, as in `adapting.json`.
        unasked: What the gate says of the candidate by what was said unasked.
        callers: All that were drawn, in order.
        silence: What is to be said of the candidate's budgets.
    """

    base: str
    candidate: str
    choice: Choice
    unasked: Verdict
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
        callers = tuple(Caller(turn=turn, asked=text, answer=answer) for turn, text, answer in every)
        return cls(unasked=unsettled.unasked, callers=callers, **found)

    @property
    def call_ids(self) -> list[str]:
        """Calls that answers are about."""
        return [call_id for one in self.callers for call_id in one.asked.call_ids]

    @property
    def answered(self) -> int:
        """Callers about whom somebody answered."""
        return sum(one.answer is not None for one in self.callers)

    def with_answers(self, said: Mapping[str, Truth]) -> "Lot":
        """The same with what was said of its calls since."""
        return msgspec.structs.replace(self, callers=tuple(one.with_answer(said) for one in self.callers))

    def settled(self) -> tuple[Verdict, list[Asked]]:
        """What the gate says by all answers so far, and what is to be asked next; nothing where that is of no use."""
        found, asked = compared([one.turn for one in self.callers], [one.answer for one in self.callers])
        verdict = self.unasked.with_answers(NAMES[self.choice], found)
        return verdict, [self.callers[place].asked for place in asked]


def note_outcome(lot: Lot, folder: Path) -> tuple[Verdict, int]:
    """Do what the answers of a lot come to: take the candidate, keep the base, or ask further.

    Args:
        lot: With all answers so far.
        folder: Of the adaptation.

    Returns:
        What the gate says of the candidate, and how many answers are missing.

    Raises:
        StorageError: the folder cannot be written.
        OSError: likewise, or a file cannot be read.
    """
    verdict, asked = lot.settled()
    if verdict.adapts:
        take_candidate(lot, folder, verdict)
    else:
        note_verdict(folder, Choice.BASE, lot.choice, verdict)
        write_lot(lot, folder)
    return verdict, len(asked)


def write_lot(lot: Lot, folder: Path) -> None:
    """Keep a lot, and ask what is to be asked; of a settled one that is nothing, and what it had goes.

    Args:
        lot: As it is now.
        folder: Of the adaptation; the candidate is there.

    Raises:
        StorageError: it cannot be written.
    """
    _, asked = lot.settled()
    if not asked:
        forget_lot(folder)
        return
    table = io.BytesIO()
    write_table(asked, table)
    for path, content in ((folder / LOT / FILE, msgspec.json.encode(lot)), (folder / QUESTIONS, table.getvalue())):
        write_whole(path, content, holds="the lot", setting="DIR")


def read_lot(folder: Path) -> Lot:
    """The lot of an adaptation.

    Raises:
        LotUnusable: there is none, or it is damaged.
    """
    path = folder / LOT / FILE
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MAX_BYTES), type=Lot)
    except FileNotFoundError as error:
        raise LotUnusable(
            f"{folder} has no open lot: `robocall adapt --out {folder}` draws one where answers would tell more"
        ) from error
    except (OSError, msgspec.MsgspecError) as error:
        raise LotUnusable(f"{path} cannot be used ({error}): run `robocall adapt` again") from error


def take_candidate(lot: Lot, folder: Path, verdict: Verdict) -> None:
    """Put the candidate and its measure in the place of the base, and say why; then the lot goes.

    Where that is broken off it can be done again: until the end the lot is there.

    Args:
        lot: In the folder.
        folder: Of the adaptation.
        verdict: That its answers came to.

    Raises:
        OSError: a file cannot be read or written.
    """
    for old in (folder / MANIFEST, folder / SIGNATURE, *folder.glob(MEASURES)):
        old.unlink(missing_ok=True)
    files = (folder / LOT / CANDIDATE).iterdir()
    for file in sorted(files, key=lambda one: one.name == MANIFEST):  # last: a folder without one is no artifact
        shutil.copyfile(file, folder / file.name)
    note_verdict(folder, lot.choice, lot.choice, verdict)
    forget_lot(folder)


def forget_lot(folder: Path) -> None:
    """Remove a lot and its questions, if there are any."""
    (folder / QUESTIONS).unlink(missing_ok=True)
    shutil.rmtree(folder / LOT, ignore_errors=True)
