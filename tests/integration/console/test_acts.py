"""What people do on the pages, in a real browser: each act with what it leaves in Valkey, Kafka, files and cases.

`test_desk.py` has the one walk through all of it, `test_steering.py` model and policy. It is skipped as
`test_browser.py` is.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from streams.campaigns.topic import campaigns_now
from streams.cases.changes import CLOSED
from streams.cases.redress import REJECTED
from streams.console.desk.questions import QuestionTables
from streams.console.roles import Role
from streams.console.subjects import CASE_ID, Kind, Subject
from streams.kafka.topics import CALL_FEEDBACK, ENTITY_DECISIONS
from streams.redis.connection import entity_key, list_key
from streams.redis.list_notes import notes_key
from streams.traceback.report import FORMS
from streams.wire.cases import Case, CaseKind
from tests.integration.console import test_browser
from tests.integration.console.desk_stack import WHY, do, indexed_decision, published_campaign, settled, stack_of, told
from tests.integration.console.test_browser import opened, sign_in
from tests.streams.console.desk.desk_case import DESK_CALLER, Desk, MakeDesk

pytestmark = test_browser.pytestmark
MASKED = "+1202555••••"
TRUNK = "bad-7"
DAY_MS = 86_400_000


def listed(desk: Desk, name: str) -> Any:
    """Entries of a list."""
    return desk.redis.smembers(list_key(name))


def note(desk: Desk, name: str, entry: str) -> dict[str, Any]:
    """What a list says of an entry."""
    raw = desk.redis.hget(notes_key(name), entry)
    return json.loads(raw) if isinstance(raw, bytes) else {}


def history(case: Case) -> list[tuple[str, str, str | None]]:
    """What was done, by whom and why."""
    return [(one.what, one.who, one.why) for one in case.history]


def feedback(desk: Desk, count: int) -> list[tuple[str, str]]:
    """Call and verdict of the first records of the topic."""
    found = [json.loads(value or b"") for _, value in desk.records(CALL_FEEDBACK, count)]
    return [(one["call_id"], one["verdict"]) for one in found]


async def block_release_and_allow_a_number(desk: Desk, page: Any) -> None:
    await do(page, "Block", "a flood")
    await told(page, "On the list block.")
    assert listed(desk, "block") == {DESK_CALLER.encode()}
    await do(page, "Release", "called back")
    await told(page, "ended a block entry")
    assert listed(desk, "block") == set()
    await do(page, "Allow for a while", "a clinic", {"Days": "7"})
    await told(page, "On the list allow.")
    kept = note(desk, "allow", DESK_CALLER)
    assert 0 <= kept["until_ms"] - kept["at_ms"] - 7 * DAY_MS < DAY_MS
    await do(page, "Take off a list", "it moved", {"List": "unallow"})
    await told(page, "Taken off the list allow.")
    assert listed(desk, "allow") == set()


async def block_and_release_a_trunk_group(desk: Desk, page: Any) -> None:
    await do(page, "Block", "DA 26-1", {"What it rests on": "fcc_order"})
    await told(page, "On the list block.")
    assert note(desk, "block", f"trunk:{TRUNK}")["basis"] == "fcc_order"
    await do(page, "Release", "they asked")
    await told(page, "It stays on the block list by fcc_order")
    assert listed(desk, "block") == {f"trunk:{TRUNK}".encode()}
    await do(page, "Take off a list", "DA 26-2", {"List": "unblock"})
    await told(page, "Taken off the list block.")
    assert listed(desk, "block") == set()


def test_a_number_and_a_trunk_group_are_blocked_released_allowed_and_taken_off(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    """By an operator, who stays masked. A release lifts all but an order, and switches are told by a null."""
    desk = make_desk()
    stack = stack_of(desk, tmp_path)

    async def run() -> list[str]:
        async with stack.running() as base, opened() as (page, complaints):
            await sign_in(page, base, Role.OPERATOR)
            await page.goto(base + stack.links.path(Subject(Kind.NUMBER, DESK_CALLER)))
            await block_release_and_allow_a_number(desk, page)
            assert DESK_CALLER not in await page.content()
            await page.goto(base + stack.links.path(Subject(Kind.TRUNK, TRUNK)))
            await block_and_release_a_trunk_group(desk, page)
            return complaints

    assert asyncio.run(run()) == []
    assert desk.records(ENTITY_DECISIONS, 2) == [(f"number:{DESK_CALLER}".encode(), None), (b"trunk:bad-7", None)]
    assert json.loads(desk.redis.get(entity_key(f"number:{DESK_CALLER}")) or "")["source"] == "operator, console"
    assert [history(case) for case in desk.cases(CaseKind.CHANGE)] == [
        [("list_added", "operator", "a flood")],
        [("released", "operator", "called back")],
        [("list_added", "operator", "a clinic")],
        [("list_removed", "operator", "it moved")],
        [("list_added", "operator", "DA 26-1")],
        [("released", "operator", "they asked")],
        [("list_removed", "operator", "DA 26-2")],
    ]


async def decide(desk: Desk, page: Any, base: str, case: str) -> None:
    """Sign in who may decide, see the number, tell, reject, and grant after all."""
    await sign_in(page, base, Role.REDRESS)
    await page.goto(case)
    await page.get_by_role("link", name=MASKED).wait_for()
    await page.get_by_text("Numbers are masked").click()
    await page.get_by_label("Why you need them whole").fill("ticket 17")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name=DESK_CALLER).wait_for()
    await do(page, "Tell how it stands", "we look at it")
    await told(page, "Recorded: told.")
    await page.get_by_text("told by redress").wait_for()
    await do(page, "Reject", "it is a flood")
    await told(page, "Recorded: rejected.")
    await page.get_by_text("rejected by redress").wait_for()
    assert await page.locator(".acts summary").all_inner_texts() == ["Grant"]
    assert listed(desk, "allow") == set()
    await do(page, "Grant", "they are right", {"Days on the allow list": "0"})
    await told(page, "Granted.")
    await page.get_by_text("granted by redress").wait_for()
    assert await page.locator(".acts summary").count() == 0


def test_redress_is_opened_from_a_number_told_of_rejected_and_granted_after_all(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    """The latest decision of the number is found; once it is granted nothing is left to press."""
    desk = make_desk()
    stack, identifier = stack_of(desk, tmp_path), indexed_decision(desk, 41)

    async def opens(page: Any, base: str) -> str:
        await sign_in(page, base, Role.OPERATOR)
        await page.goto(base + stack.links.path(Subject(Kind.NUMBER, DESK_CALLER)))
        await do(page, "Open redress", "a clinic", {"Whom to answer": "jo@clinic.example"})
        await page.get_by_text("answer within").first.wait_for()
        await settled(page)
        assert await page.locator("main summary").count() == 0, "an operator decides nothing, and sees no number"
        case: str = page.url
        await page.get_by_role("button", name="Sign out").click()
        return case

    async def run() -> list[str]:
        async with stack.running() as base, opened() as (page, complaints):
            await decide(desk, page, base, await opens(page, base))
            return complaints

    assert asyncio.run(run()) == []
    (case,) = desk.cases(CaseKind.REDRESS)
    assert (case.details["decision_id"], case.details["calling_number"]) == (identifier, DESK_CALLER)
    assert "jo@clinic.example" in case.details.values()
    assert history(case) == [
        ("opened", "operator", "a clinic"),
        ("told", "redress", "we look at it"),
        (REJECTED, "redress", "it is a flood"),
        ("granted", "redress", "they are right"),
    ]
    (look,) = desk.cases(CaseKind.LOOK_UP)
    assert (look.subject, history(look)) == (f"case:{case.case_id}", [("unmasked", "redress", "ticket 17")])
    assert listed(desk, "allow") == set(), "for no days"
    assert feedback(desk, 1) == [("call-41@switch", "legitimate")]


def test_tracebacks_of_a_campaign_are_exported_in_each_form_and_one_is_closed(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    """Each file has the whole number, and a record of its own."""
    desk = make_desk()
    stack, made = stack_of(desk, tmp_path), published_campaign(desk)

    async def export(page: Any, form: str) -> str:
        async with page.expect_download() as coming:
            await do(page, "Export", f"as {form}", {"Form": form})
        file = await coming.value
        assert CASE_ID.sub("ID", file.suggested_filename) == f"ID{FORMS[form].ending}"
        await page.locator("details[open] summary").click()
        return await asyncio.to_thread(Path(await file.path()).read_text)

    async def run() -> list[str]:
        async with stack.running() as base, opened() as (page, complaints):
            await sign_in(page, base, Role.INVESTIGATOR)
            await page.goto(base + stack.links.path(Subject(Kind.CAMPAIGN, made.id)))
            await do(page, "Open tracebacks", "car warranty")
            await page.get_by_text("West Voice").first.wait_for()
            assert await page.get_by_role("link", name=made.id).count() == 1, "it leads back to the campaign"
            assert await page.get_by_role("status").get_by_role("link", name="traceback-").count() == 5
            assert DESK_CALLER not in await page.content()
            for form in FORMS:
                assert "2025550" in await export(page, form)
            await do(page, "Close", "nothing more comes")
            await told(page, "Recorded: closed.")
            assert await page.get_by_role("status").get_by_text("Exported as traceback-").count() == len(FORMS)
            await page.get_by_text("closed by investigator").wait_for()
            await page.get_by_text("exported by investigator: as csv").wait_for()
            await settled(page)
            assert await page.locator(".acts summary").all_inner_texts() == ["Export"]
            return complaints

    assert asyncio.run(run()) == []
    cases = desk.cases(CaseKind.TRACEBACK)
    assert len(cases) == 5
    assert [case.state for case in cases].count(CLOSED) == 1
    (closed,) = [case for case in cases if case.state == CLOSED]
    assert history(closed)[1:] == [("closed", "investigator", "nothing more comes")]
    looks = desk.cases(CaseKind.LOOK_UP)
    assert [(one.history[0].what, one.subject, one.details["form"]) for one in looks] == [
        ("exported", f"case:{closed.case_id}", form) for form in FORMS
    ]


def test_a_campaign_is_confirmed_then_cleared_and_both_questions_are_answered(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    """By a model owner. What was said last stands; an answered question is not asked again."""
    desk = make_desk()
    stack, made = stack_of(desk, tmp_path), published_campaign(desk)
    count = len(made.examples)

    async def judges(page: Any, base: str) -> None:
        await page.goto(base + stack.links.path(Subject(Kind.CAMPAIGN, made.id)))
        await do(page, "Confirm or clear", "heard it")
        await told(page, f"Said of its latest {count} calls: robocall.")
        await do(page, "Confirm or clear", "a school", {"Its latest 50 calls are": "clear"})
        await told(page, f"Said of its latest {count} calls: legitimate.")

    async def answers(page: Any) -> None:
        for verdict, said in (
            ("confirm", "Answered: robocall, said of 2"),
            ("clear", "Answered: legitimate, said of 1"),
        ):
            await page.get_by_role("link", name="Queues").click()
            question = page.locator(".question").first
            await question.get_by_role("combobox").select_option(verdict)
            await question.get_by_label(WHY).fill("a recording")
            await page.keyboard.press("Enter")
            await told(page, said)
        await page.get_by_text("All are answered.").wait_for()

    async def run() -> list[str]:
        async with stack.running() as base, opened() as (page, complaints):
            await sign_in(page, base, Role.MODEL_OWNER)
            await judges(page, base)
            await answers(page)
            return complaints

    assert asyncio.run(run()) == []
    ids = [one.call_id for one in made.examples]
    assert feedback(desk, 2 * count + 3) == [
        *((call, "robocall") for call in ids), *((call, "legitimate") for call in ids),
        ("a", "robocall"), ("b", "robocall"), ("c", "legitimate"),
    ]  # fmt: skip
    stays = campaigns_now(desk.settings).verdicts[made.id]
    assert (stays.verdict, stays.who, stays.why) == ("legitimate", "model_owner", "a school")
    table = QuestionTables(tmp_path / "questions.csv")
    assert [one.verdict for one in table.questions()] == ["robocall", "legitimate"]
    assert [history(case) for case in desk.cases(CaseKind.CHANGE)] == [
        [("campaign_confirmed", "model_owner", "heard it")],
        [("campaign_cleared", "model_owner", "a school")],
        [("question_answered", "model_owner", "a recording")],
        [("question_answered", "model_owner", "a recording")],
    ]


def test_whole_numbers_are_recorded_where_they_are_shown_and_a_sign_out_ends_them_everywhere(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    """On the pages of one subject alone. Another window asks to sign in by itself, and the cookie is worth nothing."""
    desk = make_desk()
    stack, made = stack_of(desk, tmp_path), published_campaign(desk)
    caller = made.examples[-1].calling_number

    async def unmasks(page: Any, base: str) -> None:
        await sign_in(page, base, Role.INVESTIGATOR)
        for kind, text, whole in ((Kind.CAMPAIGN, made.id, caller), (Kind.NUMBER, DESK_CALLER, DESK_CALLER)):
            await page.goto(base + stack.links.path(Subject(kind, text)))
            assert whole not in await page.content()
            await page.get_by_text("Numbers are masked").click()
            await page.get_by_label("Why you need them whole").fill(f"ticket {kind}")
            await page.keyboard.press("Enter")
            await page.get_by_text("Numbers are shown whole for ten minutes").wait_for()
            assert whole in await page.content()
        await page.goto(base + stack.links.path(Subject(Kind.NUMBER, caller)))
        assert caller not in await page.content()

    async def signs_out(page: Any, base: str) -> None:
        cookies = await page.context.cookies()
        other = await page.context.new_page()
        await other.goto(f"{base}/now")
        await other.get_by_text("Kafka is read.").wait_for()
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_role("heading", name="Robocall console").wait_for()
        await other.get_by_role("heading", name="Robocall console").wait_for()
        await page.context.add_cookies(cookies)
        await page.goto(f"{base}/now")
        await page.get_by_role("heading", name="Robocall console").wait_for()

    async def run() -> list[str]:
        async with stack.running() as base, opened() as (page, complaints):
            await unmasks(page, base)
            await signs_out(page, base)
            return complaints

    assert asyncio.run(run()) == []
    assert [(one.subject, history(one)) for one in desk.cases(CaseKind.LOOK_UP)] == [
        (f"campaign:{made.id}", [("unmasked", "investigator", "ticket campaign")]),
        ("number", [("unmasked", "investigator", "ticket number")]),
    ]
