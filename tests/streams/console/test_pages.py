"""What the pages show, to whom, and what is left in the log."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from structlog.testing import capture_logs

from streams.archive.files import ArchiveStore
from streams.console.roles import Role, What, may
from streams.console.roles import User as ConsoleUser
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.redis.connection import decision_key
from streams.settings import load_settings
from tests.streams.archive.archive_case import encoded, put, setup
from tests.streams.console.console_case import CALLED, CALLER, Browser, Played, decided
from tests.valkey_process import ValkeyProcess

MASKED = "+1202555••••"
SEEING = [Role.REDRESS, Role.INVESTIGATOR, Role.ADMIN]


@pytest.fixture
def played(tmp_path: Path) -> Played:
    """A console that has seen a blocked call."""
    made = Played(tmp_path)
    reason = {"code": "rate", "text": f"{CALLER} calls <often>", "value": 9.0, "threshold": 2.0}
    feature = {"code": "number_asr_1h", "text": "few are answered", "value": 0.25}
    made.memory.take(None, decided(7, "block", reasons=[reason, feature]))
    return made


def seen(played: Played, role: Role, query: str, reason: str = "") -> httpx.Response:
    """The page that a search leads to, unmasked where a reason is given."""

    async def visit(browser: Browser) -> httpx.Response:
        page = await browser.send("/search", q=query)
        return await browser.send(f"{page.url.path}/unmask", reason=reason) if reason else page

    return played.run(role, visit)  # type: ignore[no-any-return]


def part(played: Played, path: str) -> str:
    """A part of *Now*."""

    async def visit(browser: Browser) -> str:
        return (await browser.get(path)).text

    return played.run(Role.ADMIN, visit)  # type: ignore[no-any-return]


def test_the_latest_suspect_calls_are_masked_for_everybody_and_their_links_are_too(played: Played) -> None:
    """Texts of reasons are data as well: escaped and masked."""
    shown = part(played, "/now/suspects")

    assert MASKED in shown
    assert "5550123" not in shown
    assert CALLED not in shown
    assert "calls &lt;often&gt;" in shown


def test_the_figures_say_that_kafka_is_away_and_comes_back_by_itself(played: Played) -> None:
    """The console started without it."""
    shown = part(played, "/now/figures")

    assert "Kafka is away" in shown
    assert "by themselves when it comes back" in shown


def test_thresholds_in_force_stand_beside_the_scores(played: Played) -> None:
    """Those that are only tried say so."""
    assert "<td>-</td></tr>" in part(played, "/now/thresholds")
    reason = {"code": "model", "text": "", "value": 0.9995, "threshold": 0.997}
    fields: dict[str, Any] = {"decided_by": "model", "score": 0.9995, "reasons": [reason]}
    played.memory.take(None, decided(1, "label", **fields))
    played.memory.take(None, decided(2, mode="shadow", would_be="block", **fields))

    shown = part(played, "/now/thresholds")

    assert '<span class="tried">only tried: block</span> from 0.997' in shown
    assert '<span class="label">label</span> from 0.997' in shown


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("202-555-0123", f"Number {MASKED}"),
        (f"{7:032x}", f"Decision {7:032x}"),
        ("call-7@switch", "Call ••••@switch"),
        ("tg-chi", "Trunk group tg-chi"),
        ("trunk:unknown", "Trunk group unknown"),
        ("unknown", "Call unknown"),
    ],
)
def test_one_box_finds_numbers_calls_decisions_and_trunk_groups(query: str, title: str, played: Played) -> None:
    """The address of the page says nothing of what was looked for."""
    page = seen(played, Role.OPERATOR, query)

    assert f"<h1>{title}</h1>" in page.text
    assert query not in str(page.url)


def test_a_decision_is_shown_with_reasons_versions_and_answer(played: Played) -> None:
    """All that redress is asked about."""
    page = seen(played, Role.OPERATOR, f"{7:032x}").text

    for words in (
        "[rate], 9 at a threshold of 2",
        "[number_asr_1h], 0.25<br>",
        "603 Network Blocked",
        "m, p, f",
        "block",
        "by model, enforce",
    ):
        assert words in page


def test_a_search_for_nothing_says_what_to_type(played: Played) -> None:
    """As a page."""
    page = seen(played, Role.OPERATOR, "  ")

    assert page.status_code == 400
    assert "Type a number" in page.text


@pytest.mark.parametrize("role", Role)
def test_whole_numbers_are_for_those_whose_role_needs_them_and_who_say_why(role: Role, played: Played) -> None:
    """Others are refused, also where they make the form themselves."""
    before = seen(played, role, CALLER)
    after = seen(played, role, CALLER, reason="ticket 17")

    assert may(ConsoleUser("x", role), What.UNMASK) is (role in SEEING)
    assert "5550123" not in before.text
    assert ("Numbers are masked</summary>" in before.text) is (role in SEEING)
    assert after.status_code == (200 if role in SEEING else 403)
    assert (CALLER in after.text and CALLED in after.text) is (role in SEEING)


def test_without_a_reason_nothing_is_unmasked(played: Played) -> None:
    """A space is none."""
    answer = seen(played, Role.ADMIN, CALLER, reason=" ")

    assert answer.status_code == 400
    assert "5550123" not in answer.text


def test_other_pages_stay_masked(played: Played) -> None:
    """What was asked for is one subject."""

    async def visit(browser: Browser) -> tuple[str, str]:
        page = await browser.send("/search", q=CALLER)
        await browser.send(f"{page.url.path}/unmask", reason="ticket 17")
        trunk = await browser.send("/search", q="trunk:tg-chi")
        return trunk.text, (await browser.get("/now/suspects")).text

    for text in played.run(Role.ADMIN, visit):
        assert MASKED in text
        assert "5550123" not in text


def test_a_link_that_nobody_made_leads_nowhere(played: Played) -> None:
    """Also to its parts; a part that is none is none."""

    async def visit(browser: Browser) -> list[int]:
        made = (await browser.send("/search", q=CALLER)).url.path
        return [(await browser.get(path)).status_code for path in ("/about/x", "/about/x/redis", f"{made}/shell")]

    assert played.run(Role.ADMIN, visit) == [404, 404, 404]


def test_each_look_leaves_a_line_without_a_number(played: Played) -> None:
    """Who, in which role, at what; of an unmasking also why."""
    with capture_logs() as lines:
        seen(played, Role.REDRESS, CALLER, reason=f"ticket 17 of {CALLER}")

    by_event: dict[str, Any] = {line["event"]: line for line in lines if line["event"].startswith("console")}
    assert set(by_event) == {"console sign-in", "console look", "console search", "console unmask"}
    expected = {"reason": f"ticket 17 of {MASKED}", "user": "redress", "what": "number"}
    assert by_event["console unmask"].items() >= expected.items()
    assert by_event["console look"]["is_whole"] is True
    assert "5550123" not in str(lines)


def test_redis_and_archive_that_are_away_are_said_in_their_place(played: Played) -> None:
    """The rest of the page is there."""

    async def visit(browser: Browser) -> list[str]:
        path = (await browser.send("/search", q=CALLER)).url.path
        parts = await asyncio.gather(*(browser.client.get(f"{path}/{place}") for place in ("redis", "archive")))
        return [one.text for one in parts]

    redis, archive = played.run(Role.ADMIN, visit)

    assert "Redis does not answer" in redis
    assert "set ROBOCALL_ARCHIVE_URL" in archive


def test_a_trunk_group_that_redis_knows_nothing_of_has_its_part_too(tmp_path: Path, valkey: ValkeyProcess) -> None:
    """Numbers alone have do-not-originate entries."""

    async def visit(browser: Browser) -> httpx.Response:
        page = await browser.send("/search", q="trunk:tg-nobody")
        return await browser.client.get(f"{page.url.path}/redis")

    settings = load_settings(kafka_bootstrap_servers="127.0.0.1:1", redis_url=valkey.url)
    answer = Played(tmp_path, settings).run(Role.OPERATOR, visit)

    assert answer.status_code == 200
    assert "no worker has told Redis" in answer.text


@pytest.mark.parametrize("is_recent", [True, False])
@pytest.mark.parametrize(("score", "differing"), [(0.5, []), (0.25, ["Score"])])
def test_a_decision_is_shown_once_and_elsewhere_what_differs(
    score: float, differing: list[str], is_recent: bool, tmp_path: Path, valkey: ValkeyProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """As it came, else as Redis has it."""
    now_ms = time.time_ns() // 1_000_000
    reason = {"code": "rate", "text": "calls <often>", "value": 9.0, "threshold": 2.0}
    fields = {"reasons": [reason], "setup_time_ms": now_ms, "decided_time_ms": now_ms}
    value, other = (decided(7, "block", score=one, **fields) for one in (0.5, score))
    redis.Redis.from_url(valkey.url).set(decision_key(f"{7:032x}"), value)
    store = ArchiveStore(str(tmp_path / "archive"))
    put(store, CALL_DECISIONS, [other], at_ms=now_ms)
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", store.url)
    made = Played(tmp_path, load_settings(kafka_bootstrap_servers="127.0.0.1:1", redis_url=valkey.url))
    if is_recent:
        made.memory.take(None, value)

    async def visit(browser: Browser) -> list[str]:
        page = await browser.send("/search", q=f"{7:032x}")
        return [page.text, *[(await browser.get(f"{page.url.path}/{place}")).text for place in ("redis", "archive")]]

    page, in_redis, in_archive = made.run(Role.OPERATOR, visit)

    assert ("[rate]" in page, "[rate]" in in_redis) == (is_recent, not is_recent)
    assert ("The same as above." in in_redis) is is_recent
    assert f"The same as above{', but for:' if differing else '.'}" in in_archive
    assert re.findall("<dt>(.*?)</dt>", in_archive) == differing


@pytest.mark.parametrize("role", [Role.INVESTIGATOR, Role.OPERATOR])
def test_only_a_call_that_is_known_may_be_traced(role: Role, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search for nonsense offered it. What came earlier is known once the archive has said so."""
    store, now_ms = ArchiveStore(str(tmp_path / "archive")), time.time_ns() // 1_000_000
    put(store, CALL_EVENTS, [encoded(setup(1, setup_time_ms=now_ms))], at_ms=now_ms)
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", store.url)
    made = Played(tmp_path)
    made.memory.take(None, decided(7))

    async def visit(browser: Browser) -> list[bool]:
        found = []
        for query in ("call-7@switch", f"call:{setup(1)['call_id']}", "nonsense"):
            page = await browser.send("/search", q=query)
            archive = await browser.client.get(f"{page.url.path}/archive")
            found += ["Open traceback</button>" in one.text for one in (page, archive)]
        return found

    offered = may(ConsoleUser("x", role), What.TRACE)
    assert made.run(role, visit) == [offered, False, False, offered, False, False]


def test_a_row_has_one_line_of_reasons(tmp_path: Path) -> None:
    """A decision of the model has a dozen sentences: a table has the first, cut, and how many there are besides."""
    reasons = [
        {"code": "score", "text": "Score 0.99 is at or above 0.95, the threshold for labelling; " + "and so on, " * 20},
        *({"code": f"feature_{number}", "text": f"feature {number}"} for number in range(6)),
        {"code": "campaign", "text": "campaign c0123456789"},
    ]
    made = Played(tmp_path)
    made.memory.take(None, decided(7, "block", reasons=reasons))

    async def visit(browser: Browser) -> str:
        return (await browser.get("/now/suspects")).text

    page = made.run(Role.OPERATOR, visit)

    assert re.search(r'<td class="text">Score 0\.99 .{60,90} \.\.\. \(and 6 more\); <a href=', page)
    assert "c0123456789</a>" in page
    assert "feature 1" not in page
