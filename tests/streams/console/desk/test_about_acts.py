"""What is done about a number: in the lists, on the topic, and in a case that says who, when and why."""

import html
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from detector.policy.lists import Basis
from streams.console.desk.about_acts import BASES
from streams.console.roles import Role
from streams.console.subjects import Kind
from streams.kafka.topics import ENTITY_DECISIONS
from streams.redis.connection import entity_key, list_key
from streams.redis.list_notes import notes_key
from streams.wire.cases import CaseKind
from tests.streams.console.console_case import Browser
from tests.streams.console.desk.desk_case import DESK_CALLER, Desk, MakeDesk

pytestmark = pytest.mark.kafka
DAY_MS = 86_400_000


def entries(desk: Desk, name: str) -> set[Any]:
    found: Any = desk.redis.smembers(list_key(name))
    return set(found)


def note(desk: Desk, name: str, entry: str) -> dict[str, object]:
    raw = desk.redis.hget(notes_key(name), entry)
    return json.loads(raw) if isinstance(raw, bytes) else {}


def test_a_number_is_allowed_for_some_days_and_taken_off_again(make_desk: MakeDesk) -> None:
    """Without a reason in the list: with one the entry would pass do-not-originate and orders."""
    desk = make_desk()
    page, fields = desk.path(Kind.NUMBER, DESK_CALLER), {"reason": "ticket 17 of " + DESK_CALLER}

    answer = desk.send(Role.OPERATOR, page, "/list", change="allow", days="7", **fields)

    assert "On the list allow." in answer.text
    assert "Workers follow" in answer.text
    assert entries(desk, "allow") == {DESK_CALLER.encode()}
    kept = note(desk, "allow", DESK_CALLER)
    assert (kept["by"], "reason" in kept) == ("operator, console", False)
    assert kept["until_ms"] - kept["at_ms"] == pytest.approx(7 * DAY_MS, abs=60_000)  # type: ignore[operator]
    desk.send(Role.OPERATOR, page, "/list", change="unallow", **fields)
    assert entries(desk, "allow") == set()
    assert [(one.history[0].what, one.history[0].who, one.history[0].why, one.state) for one in desk.cases()] == [
        ("list_added", "operator", fields["reason"], "closed"),
        ("list_removed", "operator", fields["reason"], "closed"),
    ]
    assert desk.cases()[0].details["entries"] == DESK_CALLER


def test_since_when_and_until_when_a_number_is_allowed_is_said_as_instants(make_desk: MakeDesk) -> None:
    """They have as many digits as telephone numbers, and were masked like those."""
    desk = make_desk()
    page = desk.path(Kind.NUMBER, DESK_CALLER)
    desk.send(Role.OPERATOR, page, "/list", change="allow", days="7", reason="a clinic")

    (shown,) = desk.get(Role.OPERATOR, f"{page}/redis")

    kept = note(desk, "allow", DESK_CALLER)
    since, until = (
        datetime.fromtimestamp(int(str(kept[name])) / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        for name in ("at_ms", "until_ms")
    )
    assert f"since {since}, until {until}" in shown
    assert "by operator, console" in shown


def test_a_block_says_what_it_rests_on_and_a_release_lifts_all_but_orders(make_desk: MakeDesk) -> None:
    """Workers by Redis, switches by a null, and each act a case."""
    desk = make_desk()
    trunk, number = desk.path(Kind.TRUNK, "bad-7"), desk.path(Kind.NUMBER, DESK_CALLER)
    assert BASES == (Basis.ANALYTICS, Basis.COURT_ORDER, Basis.FCC_ORDER)

    desk.send(Role.INVESTIGATOR, trunk, "/list", change="block", basis="fcc_order", reason="DA 26-1")
    desk.send(Role.INVESTIGATOR, number, "/list", change="block", basis="analytics", reason="a flood")
    assert entries(desk, "block") == {b"trunk:bad-7", DESK_CALLER.encode()}
    kept = note(desk, "block", "trunk:bad-7")
    assert (kept["basis"], kept["by"], kept["reason"]) == ("fcc_order", "investigator, console", "DA 26-1")
    assert note(desk, "block", DESK_CALLER) == {}

    lifted = desk.send(Role.REDRESS, number, "/release", reason="called back")
    stays = desk.send(Role.REDRESS, trunk, "/release", reason="called back")

    withheld = desk.send(Role.REDRESS, desk.path(Kind.NUMBER, "anonymous"), "/release", reason="x")

    assert withheld.status_code == 409
    assert "is neither +E.164 number nor trunk:ID" in html.unescape(withheld.text)
    assert "ended a block entry" in lifted.text
    assert "stays on the block list by fcc_order" in stays.text
    assert entries(desk, "block") == {b"trunk:bad-7"}
    standing = desk.redis.get(entity_key(f"number:{DESK_CALLER}"))
    assert isinstance(standing, bytes)
    assert json.loads(standing)["source"] == "redress, console"
    assert desk.records(ENTITY_DECISIONS, 2) == [(f"number:{DESK_CALLER}".encode(), None), (b"trunk:bad-7", None)]
    assert [one.history[0].what for one in desk.cases(CaseKind.CHANGE)] == ["list_added"] * 2 + ["released"] * 2


def test_what_is_no_change_is_refused(make_desk: MakeDesk) -> None:
    """Whatever a program sends."""
    desk = make_desk()
    wrong: list[dict[str, str]] = [
        {"change": "allow", "days": "0"},
        {"change": "allow", "days": "nan"},
        {"change": "allow", "days": "99999"},
        {"change": "block", "basis": "subscriber"},
        {"change": "block"},
        {"change": "dno"},
        {},
    ]

    async def visit(browser: Browser) -> list[int]:
        page = desk.path(Kind.NUMBER, DESK_CALLER)
        found = []
        for fields in wrong:
            await browser.get(page)
            found.append((await browser.send(page + "/list", reason="x", **fields)).status_code)
        return found

    assert desk.played.run(Role.ADMIN, visit) == [400] * len(wrong)
    assert desk.redis.keys("robocall:list:*") == []


def test_whole_numbers_are_recorded_before_they_are_shown(make_desk: MakeDesk) -> None:
    """As a look-up, by the digest of the number where there is a key for it, else without it."""
    desk = make_desk()

    answer = desk.send(Role.REDRESS, desk.path(Kind.NUMBER, DESK_CALLER), "/unmask", reason="ticket 17")

    assert f"<h1>Number {DESK_CALLER}</h1>" in answer.text
    (case,) = desk.cases()
    assert (case.kind, case.subject, case.state) == (CaseKind.LOOK_UP, "number", "closed")
    assert (case.history[0].what, case.history[0].who, case.history[0].why) == ("unmasked", "redress", "ticket 17")


def test_an_error_quotes_no_number_to_who_may_not_see_it(make_desk: MakeDesk) -> None:
    """A number of another form than E.164 is no entry of a list, which the complaint says with the entry."""
    desk = make_desk()
    answer = desk.send(Role.OPERATOR, desk.path(Kind.NUMBER, "2025550199"), "/release", reason="x")
    assert answer.status_code == 409
    assert "is neither +E.164 number" in answer.text
    assert "0199" not in answer.text
