"""Cases from the console: redress from a decision to a grant, a traceback from a call to a file for others."""

import json

import pytest

from detector.policy.reasons import IMPOSSIBLE_NUMBER
from streams.cases.redress import GRANTED
from streams.console.roles import Role
from streams.console.subjects import Kind, Subject, read_subject
from streams.kafka.topics import CALL_FEEDBACK
from streams.redis.connection import list_key
from streams.redress.granting import FeedbackLost
from streams.wire.cases import CaseKind
from tests.streams.console.desk.desk_case import DESK_CALLER, MakeDesk

pytestmark = pytest.mark.kafka


def test_redress_from_a_decision_to_a_grant(make_desk: MakeDesk) -> None:
    """The operator opens it, the desk tells, grants, and cannot reject any more; numbers are masked meanwhile."""
    desk = make_desk()
    identifier = desk.known_decision(41)

    opened = desk.send(
        Role.OPERATOR, desk.path(Kind.DECISION, identifier), "/redress", reason="a clinic", contact="jo@clinic.example"
    )
    again = desk.send(Role.OPERATOR, desk.path(Kind.DECISION, identifier), "/redress", reason="again", contact="")
    assert (again.status_code, "is about the same call, and waits" in again.text) == (409, True)
    (case,) = desk.cases(CaseKind.REDRESS)
    page = desk.path(Kind.CASE, case.case_id)
    record, queue, theirs = desk.get(Role.REDRESS, f"{page}/record", "/queues/cases", f"{page}/record")[:3]
    assert opened.url.path == page
    assert case.details.items() >= {"decided": "block by model", "calling_number": DESK_CALLER}.items()
    for text in (record, queue):
        assert "answer within 23 h 59" in text
        assert DESK_CALLER not in text
    assert "jo@clinic" not in theirs
    assert "/grant" not in desk.get(Role.OPERATOR, f"{page}/record")[0]

    desk.send(Role.REDRESS, page, "/tell", reason="we look at it")
    assert "told how it stands" in desk.get(Role.REDRESS, "/queues/cases")[0]
    number = desk.path(Kind.NUMBER, DESK_CALLER)
    desk.send(Role.INVESTIGATOR, number, "/list", change="block", basis="analytics", reason="a flood")
    granted = desk.send(Role.REDRESS, page, "/grant", reason="called back", days="7")
    refused = desk.send(Role.REDRESS, page, "/reject", reason="changed my mind")

    assert "Granted." in granted.text
    assert "It is off the block list." in granted.text
    assert "stood against it" not in granted.text
    assert refused.status_code == 409
    assert "is granted" in refused.text
    (case,) = desk.cases(CaseKind.REDRESS)
    assert case.state == GRANTED
    assert [(one.what, one.who) for one in case.history] == [
        ("opened", "operator"), ("told", "redress"), ("granted", "redress"),
    ]  # fmt: skip
    assert desk.redis.smembers(list_key("allow")) == {DESK_CALLER.encode()}
    ((_, value),) = desk.records(CALL_FEEDBACK, 1)
    said = json.loads(value or b"")
    assert (said["verdict"], said["source"], said["call_id"]) == ("legitimate", "redress", "call-41@switch")
    assert "Nobody waits" in desk.get(Role.REDRESS, "/queues/cases")[0]


def test_a_traceback_from_a_call_to_a_file_for_others(make_desk: MakeDesk) -> None:
    """Whom to ask and by when; the file has the numbers, which is recorded, and no case but the opener's is closed."""
    desk = make_desk()
    first, *_ = desk.archived_calls(3)

    opened = desk.send(Role.INVESTIGATOR, desk.path(Kind.CALL, first), "/traceback", reason="car warranty")
    (case,) = desk.cases(CaseKind.TRACEBACK)
    page = desk.path(Kind.CASE, case.case_id)
    record, queue = desk.get(Role.INVESTIGATOR, f"{page}/record", "/queues/cases")
    assert opened.url.path == page
    assert "West Voice, OCN 2000: asked, has not answered. Contact: noc@west.example<" in record
    assert "+1202555••••" in record
    assert "open at West Voice" in queue

    again = desk.send(Role.INVESTIGATOR, desk.path(Kind.CALL, first), "/traceback", reason="car warranty")
    assert again.status_code == 409
    assert case.case_id in again.text
    assert read_subject(case.case_id) == Subject(Kind.CASE, case.case_id)

    exported = desk.send(Role.INVESTIGATOR, page, "/export", reason="to West Voice", form="json")
    assert json.loads(exported.content)["traceback"]["call"]["calling_number"] == "+12025550000"
    assert exported.headers["content-disposition"] == f'attachment; filename="{case.case_id}.json"'
    asked = desk.send(Role.INVESTIGATOR, page, "/export", reason="to West Voice", form="request")
    assert json.loads(asked.content)["traceback_id"] == case.case_id
    assert asked.headers["content-disposition"] == f'attachment; filename="{case.case_id}-request.jsonl"'
    wrong = desk.send(Role.INVESTIGATOR, page, "/export", reason="x", form="exe")
    assert (wrong.status_code, "Choose a form: request, json, csv, html." in wrong.text) == (400, True)
    assert [(one.history[0].what, one.subject) for one in desk.cases(CaseKind.LOOK_UP)] == [
        ("exported", f"case:{case.case_id}")
    ] * 2

    desk.send(Role.INVESTIGATOR, page, "/close", reason="nothing more comes")
    assert "No traceback is open" in desk.get(Role.ADMIN, "/queues/cases")[0]
    none = desk.send(Role.INVESTIGATOR, desk.path(Kind.CALL, "unknown"), "/traceback", reason="x")
    assert none.status_code == 409
    assert "none of these calls is in the archive" in none.text


def test_a_case_that_is_not_there_is_said(make_desk: MakeDesk) -> None:
    """Also where somebody closes it; redress is not closed but decided."""
    desk = make_desk()
    page = desk.path(Kind.CASE, "redress-20261128-0000000000")
    desk.send(Role.OPERATOR, desk.path(Kind.NUMBER, DESK_CALLER), "/redress", reason="a clinic", contact="")
    (case,) = desk.cases(CaseKind.REDRESS)

    assert "no such case" in desk.get(Role.ADMIN, f"{page}/record")[0]
    assert desk.send(Role.ADMIN, page, "/tell", reason="x").status_code == 409
    closed = desk.send(Role.ADMIN, desk.path(Kind.CASE, case.case_id), "/close", reason="x")
    assert "is no traceback" in closed.text


def test_a_grant_of_which_nobody_could_be_told_says_what_is_done(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block is lifted in Redis before Kafka fails: the page must not say that nothing was done."""
    desk = make_desk()
    identifier = desk.known_decision(41)
    desk.send(Role.OPERATOR, desk.path(Kind.DECISION, identifier), "/redress", reason="a clinic", contact="")
    (case,) = desk.cases(CaseKind.REDRESS)
    with monkeypatch.context() as patch:
        patch.setattr("streams.redress.granting.tell_others", _lost)
        done = desk.send(Role.REDRESS, desk.path(Kind.CASE, case.case_id), "/grant", reason="called back", days="7")
    assert "The number is on the allow list." in done.text
    assert "No block stood against it." in done.text
    assert "were not told, grant it again" in done.text
    assert desk.redis.smembers(list_key("allow")) == {DESK_CALLER.encode()}
    assert desk.cases(CaseKind.REDRESS)[0].state == "pending"


def test_a_grant_says_first_and_once_that_do_not_originate_stays(make_desk: MakeDesk) -> None:
    """Else whoever granted it would believe that the next call passes."""
    desk = make_desk()
    reasons = [{"code": IMPOSSIBLE_NUMBER.code, "text": IMPOSSIBLE_NUMBER.text}]
    identifier = desk.known_decision(42, decided_by="dno", reasons=reasons)
    desk.send(Role.OPERATOR, desk.path(Kind.DECISION, identifier), "/redress", reason="a clinic", contact="")
    (case,) = desk.cases(CaseKind.REDRESS)

    done = desk.send(Role.REDRESS, desk.path(Kind.CASE, case.case_id), "/grant", reason="called back", days="7")

    first = "Such calls stay blocked.", "The call was do-not-originate: redress does not lift that"
    then = "No other block stood against it.", "The number is on the allow list."
    places = [done.text.index(words) for words in (*first, *then)]
    assert places == sorted(places)
    assert done.text.count("do-not-originate") == 1


async def _lost(*_: object) -> None:
    raise FeedbackLost("the broker did not take that the call was lawful")
