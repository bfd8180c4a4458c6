"""The table of questions: read as `robocall ask` wrote it, filled in, and never asked twice."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from detector.contract.events import Verdict
from streams.commands.questions.asked import Asked
from streams.commands.questions.table import COLUMNS, write_table
from streams.console.desk.questions import QuestionsUnusable, QuestionTables, answers_of
from streams.files import changing
from streams.wire.feedback import FeedbackRefused, read_feedback

ASKED = [
    Asked("number block +1202555 in trunk group =tg", "12 calls", "its score", (), "", ("one", "two"), ("a", "b")),
    Asked("calling number x by trunk y", "3 calls", "its score", ("a reason",), "x: 1 robocall", ("three",), ("c",)),
]


@pytest.fixture
def table(tmp_path: Path) -> QuestionTables:
    """A table as the command writes it."""
    with (tmp_path / "questions.csv").open("wb") as out:
        write_table(ASKED, out)
    return QuestionTables(tmp_path / "questions.csv")


def test_what_the_command_wrote_is_what_is_asked(table: QuestionTables) -> None:
    """Cells that look like formulas come back as they were."""
    first, second = table.questions()

    assert (first.what, first.calls, first.examples, first.call_ids) == (ASKED[0].what, "12 calls", ("one", "two"),
                                                                         ("a", "b"))  # fmt: skip
    assert (second.said, second.verdict) == ("x: 1 robocall", "")


def test_an_answer_stays_in_the_table_which_the_import_still_takes(table: QuestionTables, tmp_path: Path) -> None:
    """Its other cells are as they were."""
    first, second = table.questions()

    table.fill_in(first.name, Verdict.ROBOCALL)

    assert [one.verdict for one in table.questions()] == ["robocall", ""]
    assert table.find(second.name) == second
    rows = list(csv.DictReader(io.StringIO((tmp_path / "questions.csv").read_text())))
    assert tuple(rows[0]) == COLUMNS
    assert rows[1]["reasons"] == "a reason"


def test_an_answer_waits_for_whoever_changes_the_table(table: QuestionTables, tmp_path: Path) -> None:
    """`robocall settle` reads answers and writes what is left: none that comes between is lost."""
    first, second = table.questions()
    with ThreadPoolExecutor(1) as pool:
        with changing(tmp_path / "questions.csv"):
            answer = pool.submit(table.fill_in, second.name, Verdict.ROBOCALL)
            with pytest.raises(TimeoutError):
                answer.result(0.2)
            with (tmp_path / "questions.csv").open("wb") as out:
                write_table([ASKED[1]], out)
        answer.result(10)

    (left,) = table.questions()
    assert (left.what, left.verdict) == (second.what, "robocall")
    assert first.name != left.name


def test_an_answer_to_a_table_that_is_gone_makes_none(table: QuestionTables, tmp_path: Path) -> None:
    """Settled meanwhile: nobody is to answer dead questions."""
    first, _ = table.questions()
    (tmp_path / "questions.csv").unlink()

    with pytest.raises(QuestionsUnusable, match="nothing is asked"):
        table.fill_in(first.name, Verdict.ROBOCALL)
    assert not (tmp_path / "questions.csv").exists()


def test_an_answer_is_feedback_about_each_call(table: QuestionTables) -> None:
    """As the command makes it."""
    said = [read_feedback(value) for _, value in answers_of(table.questions()[0], Verdict.LEGITIMATE)]

    assert not any(isinstance(one, FeedbackRefused) for one in said)
    assert [(one.call_id, one.verdict, one.campaign) for one in said if not isinstance(one, FeedbackRefused)] == [
        ("a", Verdict.LEGITIMATE, None),
        ("b", Verdict.LEGITIMATE, None),
    ]


def test_a_folder_may_have_several_tables(tmp_path: Path) -> None:
    """Of the watch and of budgets, say: an answer goes where it was asked for. An empty folder asks nothing."""
    tables = QuestionTables(tmp_path)
    assert not tables.questions()
    for name, asked in (("lot.csv", ASKED[:1]), ("budgets.csv", ASKED[1:])):
        with (tmp_path / name).open("wb") as out:
            write_table(asked, out)
    (tmp_path / "customers.csv").write_text("number,who\n+12025550123,a\n")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "none")
    saved = (tmp_path / "lot.csv").read_text().split("\n", 1)
    quoted = ",".join(f'"{name}"' for name in saved[0].split(","))  # as a spreadsheet saves it
    (tmp_path / "lot.csv").write_text(f"{quoted}\n{saved[1]}")
    before = (tmp_path / "budgets.csv").read_bytes()

    second, first = tables.questions()
    tables.fill_in(tables.find(first.name).name, Verdict.ROBOCALL)

    assert [one.verdict for one in tables.questions()] == ["", "robocall"]
    assert (second.what, first.what) == (ASKED[1].what, ASKED[0].what)
    assert (tmp_path / "budgets.csv").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe", None])
def test_what_is_no_table_of_questions_is_said(content: bytes | None, tmp_path: Path) -> None:
    """Or is not there."""
    path = tmp_path / "other.csv"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(QuestionsUnusable, match=r"other\.csv"):
        QuestionTables(path).questions()


def test_a_table_that_was_replaced_meanwhile_has_not_the_question(table: QuestionTables) -> None:
    """What is answered is what was read."""
    with pytest.raises(QuestionsUnusable, match="replaced meanwhile"):
        table.find("another")
