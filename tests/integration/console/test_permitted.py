"""Each role sends each form that it may, as it stands on its page in a real browser, and it is carried out.

That the others are refused is tried by `test_rights.py`, and what an act leaves in detail by `test_acts.py` and
`test_steering.py`. It is skipped as `test_browser.py` is.
"""

import asyncio
from typing import Any

from detector.features.table import FEATURE_SCHEMA_ID
from models.store.registry import Registry
from streams.commands.questions.asked import Asked
from streams.commands.questions.table import write_table
from streams.console.desk.questions import QuestionTables
from streams.console.roles import Role
from streams.console.subjects import Kind, Subject
from streams.redis.connection import SHADOW_MODEL, list_key
from streams.wire.cases import CaseKind
from tests.integration.console import test_browser
from tests.integration.console.desk_stack import published_campaign
from tests.integration.console.everything import Everything
from tests.integration.console.rights_table import FORMS
from tests.integration.console.test_browser import opened, sign_in
from tests.streams.console.desk.desk_case import DESK_CALLER

pytestmark = test_browser.pytestmark
OF_OTHER_CAMPAIGN = 3
"""Partition of the archive: calls that are traced are not traced again."""
LAST = ("/cases/{link}/grant", "/cases/{link}/close", "/sign-out")
"""Behind them nothing more can be done there."""
RECORDED = {
    "/about/{link}/unmask": "unmasked",
    "/about/{link}/release": "released",
    "/about/{link}/list": "list_added",
    "/about/{link}/redress": "opened",
    "/about/{link}/traceback": "opened",
    "/campaigns/{link}/verdict": "campaign_confirmed",
    "/campaigns/{link}/traceback": "opened",
    "/cases/{link}/tell": "told",
    "/cases/{link}/grant": "granted",
    "/cases/{link}/reject": "rejected",
    "/cases/{link}/close": "closed",
    "/cases/{link}/export": "exported",
    "/queues/questions": "question_answered",
    "/model/change": "model_shadow",
    "/policy/save": "policy_saved",
}
"""What cases say was done."""
UNRECORDED = {
    "/sign-out": "Robocall console",
    "/search": "Number +1202555••••",
    "/policy/try": "What is tried",
    "/policy/enforce": "What is tried",
}
"""What the page that follows says, where no case has it."""
WORK = ("/model/change", "/policy/try", "/policy/enforce", "/policy/save")
"""They begin a command of some seconds."""
SEND = """async ([address, fields]) => {
    const form = [...document.forms].find((one) => one.getAttribute("action") === address);
    const body = new URLSearchParams(new FormData(form));
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    const answer = await fetch(address, {method: "POST", body});
    return [answer.status, await answer.text()];
}"""
"""As a person sends it: with what is hidden in it and chosen."""


def number_of(role: Role) -> str:
    """What is done about numbers is done by each role about its own."""
    return f"+1202555020{list(Role).index(role)}"


def why(role: Role, path: str) -> str:
    """What a role gives as its reason."""
    return f"{role} at {path}"


def prepare(everything: Everything) -> dict[Role, dict[str, Subject]]:
    """What each role works on, where it is not what all work on: what is decided or traced is not open any more."""
    desk = everything.desk
    calls, decision = desk.archived_calls(4), desk.known_decision(42)
    desk.send(Role.OPERATOR, desk.path(Kind.DECISION, decision), "/redress", reason="a school", contact="")
    desk.send(Role.INVESTIGATOR, desk.path(Kind.CALL, calls[1]), "/traceback", reason="car warranty")
    questions = [Asked(f"caller {n}", "1 call", "its score", (), "", ("one",), (f"call-{n}",)) for n in range(4)]
    with (everything.folder / "questions.csv").open("wb") as out:
        write_table(questions, out)
    own = {role: {"number": Subject(Kind.NUMBER, number_of(role))} for role in Role}
    own[Role.INVESTIGATOR]["call"] = Subject(Kind.CALL, calls[2])
    own[Role.ADMIN] |= {
        "call": Subject(Kind.CALL, calls[3]),
        "campaign": Subject(Kind.CAMPAIGN, published_campaign(desk, 30, OF_OTHER_CAMPAIGN).id),
        "redress": Subject(Kind.CASE, desk.cases(CaseKind.REDRESS)[-1].case_id),
        "traceback": Subject(Kind.CASE, desk.cases(CaseKind.TRACEBACK)[-1].case_id),
    }
    return own


async def sends_all(page: Any, base: str, role: Role, everything: Everything) -> None:
    """Each form of the role, from its page."""
    for path in (*(one for one in FORMS if one not in LAST), *LAST):
        form = FORMS[path]
        if role not in form.roles:
            continue
        address, subject = everything.address(path, form.place), everything.subjects.get(form.place)
        await page.goto(base + (f"/{form.place}" if subject is None else everything.stack.links.path(subject)))
        await page.locator(f"form[action='{address}']").first.wait_for(state="attached")
        status, answer = await page.evaluate(SEND, [address, form.fields | {"reason": why(role, path)}])
        assert (status, UNRECORDED.get(path, "") in answer) == (200, True), (role, path, answer)
        if path in WORK:
            await page.goto(f"{base}/{form.place}")
            await page.locator("#work").get_by_text(f"{role}, ").get_by_text("done.").wait_for()


def test_each_role_does_all_that_it_may(everything: Everything) -> None:
    """By its own name and with its reason, which cases keep; lists, table, policy and model are as they were left."""
    own, policy = prepare(everything), everything.folder / "policy.yaml"
    before, common = policy.read_text(), dict(everything.subjects)

    async def run() -> list[str]:
        async with everything.stack.running() as base, opened() as (page, complaints):
            for role in Role:
                policy.write_text(before)  # each saves the same change
                everything.subjects = common | own[role]
                await sign_in(page, base, role)
                await sends_all(page, base, role, everything)
            return complaints

    assert asyncio.run(run()) == []
    entries = {(one.who, one.why, one.what) for case in everything.desk.cases() for one in case.history}
    permitted = {(role, path) for path, form in FORMS.items() for role in form.roles}
    assert set(RECORDED) | set(UNRECORDED) == set(FORMS)
    assert {(role, why(role, path), RECORDED[path]) for role, path in permitted if path in RECORDED} <= entries
    redis = everything.desk.redis
    listing = {number_of(role).encode() for role in FORMS["/about/{link}/list"].roles}
    assert redis.smembers(list_key("block")) == listing
    assert redis.smembers(list_key("allow")) == {DESK_CALLER.encode()}
    (model,) = Registry(everything.folder / "registry").artifacts(schema_id=FEATURE_SCHEMA_ID)
    assert redis.get(SHADOW_MODEL) == str(model.version).encode()
    assert {one.verdict for one in QuestionTables(everything.folder / "questions.csv").questions()} == {"robocall"}
    assert policy.read_text() == "mode: shadow\n"
