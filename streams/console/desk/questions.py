"""The questions of the model: a table that `robocall ask --table` wrote, in which answers are filled in.

The table is the memory: an answer is written into it, so that it outlives a restart and nobody is asked twice.
"""

import csv
import io
import time
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from detector.contract.errors import RobocallError
from detector.contract.events import Verdict
from models.data.cells import as_it_was
from streams.files import changing, write_whole
from streams.kafka.publishing.sending import Record
from streams.wire.feedback import said_of
from streams.wire.records import encode

MOST_BYTES = 16 * 1024 * 1024
SETTING = "ROBOCALL_CONSOLE_QUESTIONS_FILE"
_VERDICT, _WHAT, _CALLS, _WHY, _SAID, _EXAMPLES, _IDS = (
    "verdict", "campaign", "calls", "asked_because", "said_so_far", "examples", "call_ids",
)  # fmt: skip
_NEEDED = (_VERDICT, _WHAT, _CALLS, _WHY, _SAID, _EXAMPLES, _IDS)


class QuestionsUnusable(RobocallError):  # noqa: N818 - the name states what is wrong
    """A table of questions that cannot be read, or does not have the question any more."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question, in texts.

    Attributes:
        name: stands for it in a form: a digest of what is asked.
        what: the cluster of calls.
        calls: how many there are, and of when.
        why: it is asked.
        said: what was said of its calls before.
        examples: some of its calls.
        call_ids: that an answer is about.
        verdict: the answer; empty where there is none.
    """

    name: str
    what: str
    calls: str
    why: str
    said: str
    examples: tuple[str, ...]
    call_ids: tuple[str, ...]
    verdict: str


class QuestionTable:
    """Reads and fills in the table; every method blocks for the disk. Answers are written one at a time.

    Args:
        path: of the table; somebody may replace it at any time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def questions(self) -> list[Question]:
        """All questions, in their order.

        Raises:
            QuestionsUnusable: it cannot be read, or is no such table.
        """
        return [_question(row) for row in self._rows()[1]]

    def find(self, name: str) -> Question:
        """The question of that name.

        Raises:
            QuestionsUnusable: the table does not have it any more.
        """
        found = next((one for one in self.questions() if one.name == name), None)
        if found is None:
            raise QuestionsUnusable("the table was replaced meanwhile: look at the queue again")
        return found

    def fill_in(self, name: str, verdict: Verdict) -> None:
        """Write an answer into the table; a question that it does not have any more changes nothing.

        Raises:
            QuestionsUnusable: it cannot be read, or is no such table.
            StorageError: it cannot be written.
        """
        with changing(self._path):
            columns, rows = self._rows()
            for row in rows:
                if _question(row).name == name:
                    row[_VERDICT] = verdict
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            write_whole(self._path, text.getvalue().encode(), holds="the questions", setting=SETTING)

    def _rows(self) -> tuple[list[str], list[dict[str, str]]]:
        try:
            with self._path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
            reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), restval="")
            rows = [{name: text for name, text in row.items() if isinstance(name, str)} for row in reader]
        except FileNotFoundError as error:
            raise QuestionsUnusable(f"nothing is asked: {self._path} is not there") from error
        except OSError as error:
            raise QuestionsUnusable(f"{self._path}: {error.strerror}") from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise QuestionsUnusable(f"{self._path} is no table: `robocall ask --table` writes one") from error
        columns = list(reader.fieldnames or ())
        if len(content) > MOST_BYTES or not set(_NEEDED) <= set(columns):
            raise QuestionsUnusable(f"{self._path} is no table of questions: `robocall ask --table` writes one")
        return columns, rows


def answers_of(question: Question, verdict: Verdict) -> list[Record]:
    """Records of `call-feedback` that an answer makes, one for each call that the question names."""
    now_ms = time.time_ns() // 1_000_000
    return [(None, encode(said)) for said in said_of(question.what, question.call_ids, verdict, now_ms)]


def _question(row: dict[str, str]) -> Question:
    what, ids = as_it_was(row[_WHAT]), row[_IDS]
    return Question(
        blake2b(f"{what}\0{ids}".encode(), digest_size=8).hexdigest(),
        what,
        as_it_was(row[_CALLS]),
        as_it_was(row[_WHY]),
        as_it_was(row[_SAID]),
        tuple(filter(None, as_it_was(row[_EXAMPLES]).split("; "))),
        tuple(ids.split()),
        row[_VERDICT].strip(),
    )
