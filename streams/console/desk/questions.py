"""The questions of the model: tables that `robocall ask` and others wrote, in which answers are filled in.

The tables are the memory: an answer is written into one, so that it outlives a restart and nobody is asked twice.
"""

import csv
import io
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from detector.contract.errors import RobocallError
from detector.contract.events import Verdict
from models.data.cells import as_it_was
from streams.files import changing, write_whole
from streams.kafka.publishing.sending import Record
from streams.running.clock import wall_clock_ms
from streams.wire.feedback import said_of
from streams.wire.records import encode

MOST_BYTES = 16 * 1024 * 1024
MOST_HEADER = 4_096
SETTING = "ROBOCALL_CONSOLE_QUESTIONS_FILE"
_VERDICT, _WHAT, _CALLS, _WHY, _SAID, _EXAMPLES, _IDS = (
    "verdict", "campaign", "calls", "asked_because", "said_so_far", "examples", "call_ids",
)  # fmt: skip
_NEEDED = (_VERDICT, _WHAT, _CALLS, _WHY, _SAID, _EXAMPLES, _IDS)


class QuestionsUnusable(RobocallError):
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


class QuestionTables:
    """Reads and fills in the tables; every method blocks for the disk. Answers are written one at a time.

    Args:
        place: a table, or a folder of tables (`*.csv`); somebody may replace them at any time.
    """

    def __init__(self, place: Path) -> None:
        self._place = place

    def questions(self) -> list[Question]:
        """All questions, in their order, table by table.

        Raises:
            QuestionsUnusable: one cannot be read, or is no such table.
        """
        return [_question(row) for path in self._paths() for row in _rows(path)[1]]

    def find(self, name: str) -> Question:
        """The question of that name.

        Raises:
            QuestionsUnusable: no table has it any more.
        """
        found = next((one for one in self.questions() if one.name == name), None)
        if found is None:
            raise QuestionsUnusable("the table was replaced meanwhile: look at the queue again")
        return found

    def fill_in(self, name: str, verdict: Verdict) -> None:
        """Write an answer where it was asked for; a question that no table has any more changes nothing.

        Raises:
            QuestionsUnusable: one cannot be read, or is no such table.
            StorageError: it cannot be written.
        """
        for path in self._paths():
            _fill_in(path, name, verdict)

    def _paths(self) -> list[Path]:
        if not self._place.is_dir():
            return [self._place]
        return sorted(path for path in self._place.glob("*.csv") if not path.name.startswith(".") and _is_table(path))


def _is_table(path: Path) -> bool:
    """In a folder there may be other tables, and one may go meanwhile; what cannot be read is said by who reads it."""
    try:
        with path.open("rb") as file:
            header = file.readline(MOST_HEADER).decode("utf-8-sig", "replace")
        return set(_NEEDED) <= set(next(csv.reader([header]), ()))
    except FileNotFoundError:
        return False
    except (OSError, csv.Error):
        return True


def _fill_in(path: Path, name: str, verdict: Verdict) -> None:
    with changing(path):
        columns, rows = _rows(path)
        wanted = [row for row in rows if _question(row).name == name]
        if not wanted:
            return
        for row in wanted:
            row[_VERDICT] = verdict
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(path, text.getvalue().encode(), holds="the questions", setting=SETTING)


def _rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), restval="")
        rows = [{name: text for name, text in row.items() if isinstance(name, str)} for row in reader]
    except FileNotFoundError as error:
        raise QuestionsUnusable(f"nothing is asked: {path} is not there") from error
    except OSError as error:
        raise QuestionsUnusable(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise QuestionsUnusable(f"{path} is no table: `robocall ask --table` writes one") from error
    columns = list(reader.fieldnames or ())
    if len(content) > MOST_BYTES or not set(_NEEDED) <= set(columns):
        raise QuestionsUnusable(f"{path} is no table of questions: `robocall ask --table` writes one")
    return columns, rows


def answers_of(question: Question, verdict: Verdict) -> list[Record]:
    """Records of `call-feedback` that an answer makes, one for each call that the question names."""
    now_ms = wall_clock_ms()
    return [(None, encode(said)) for said in said_of(question.what, question.call_ids, verdict, now_ms)]


def _question(row: dict[str, str]) -> Question:
    what, ids = as_it_was(row[_WHAT]), as_it_was(row[_IDS])
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
