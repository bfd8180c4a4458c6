"""What waits: questions of the model are answered once, and what is wrong or away is said in its place."""

import asyncio
import json
from pathlib import Path

import pytest

from streams.commands.questions.table import write_table
from streams.console.desk.questions import QuestionTables
from streams.console.roles import Role
from streams.kafka.topics import CALL_FEEDBACK
from streams.wire.cases import CaseKind
from tests.streams.console.console_case import Browser, Played
from tests.streams.console.desk.desk_case import MakeDesk
from tests.streams.console.desk.test_questions import ASKED
from tests.waiting import LOOK_EVERY_S


def test_each_queue_says_where_it_is_away(tmp_path: Path) -> None:
    """Without Kafka, Redis and a table: the page is there, and says what to do."""
    played = Played(tmp_path)

    async def visit(browser: Browser) -> list[str]:
        pages = [(await browser.get(path)).text for path in ("/queues", "/queues/cases", "/queues/questions")]
        alarms = (await browser.get("/queues/alarms")).text
        while "hx-trigger" in alarms:  # it asks again as long as something is still looked at
            await asyncio.sleep(LOOK_EVERY_S)
            alarms = (await browser.get("/queues/alarms")).text
        return [*pages, alarms]

    index, cases, questions, alarms = played.run(Role.OPERATOR, visit)

    assert all(f'hx-get="/queues/{part}"' in index for part in ("cases", "questions", "alarms"))
    assert "Kafka" in cases
    assert "let <code>robocall ask --table</code> write one" in questions
    assert "ROBOCALL_CONSOLE_QUESTIONS_FILE" in questions
    assert "`" not in questions + alarms
    assert "<strong>kafka</strong>" in alarms
    assert "other things are well" in alarms


@pytest.mark.kafka
def test_a_question_is_answered_once(make_desk: MakeDesk, tmp_path: Path) -> None:
    """Feedback about each call, a case, and the table keeps the answer: also for a console that starts anew."""
    path = tmp_path / "questions.csv"
    with path.open("wb") as out:
        write_table(ASKED, out)
    desk = make_desk(questions_file=path)
    question = QuestionTables(path).questions()[0]
    fields = {"question": question.name, "verdict": "confirm", "reason": "heard it"}

    before = desk.get(Role.MODEL_OWNER, "/queues/questions")[0]
    answer = desk.send(Role.MODEL_OWNER, "/queues", "/questions", **fields)
    again = desk.send(Role.OPERATOR, "/queues", "/questions", **fields)
    gone = desk.send(Role.OPERATOR, "/queues", "/questions", **fields | {"question": "x"})

    assert "in trunk group =tg" in before
    assert "Answered: robocall, said of 2 calls." in answer.text
    assert "Somebody has answered it" in again.text
    assert gone.status_code == 409
    assert "replaced meanwhile" in gone.text
    found = [json.loads(value or b"") for _, value in desk.records(CALL_FEEDBACK, 2)]
    assert [(one["call_id"], one["verdict"]) for one in found] == [("a", "robocall"), ("b", "robocall")]
    (case,) = desk.cases(CaseKind.CHANGE)
    assert (case.history[0].what, case.history[0].who) == ("question_answered", "model_owner")
    shown = make_desk(questions_file=path).get(Role.OPERATOR, "/queues/questions")[0]
    assert "in trunk group =tg" not in shown
    assert "calling number x by trunk y" in shown
