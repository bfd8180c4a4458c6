"""Whom to call today: who is alarming yesterday or today, with the contact of the register, counted in the archive."""

import asyncio
import re
import time
from pathlib import Path

import pytest

from streams.archive.files import ArchiveStore
from streams.console.roles import Role
from streams.upstreams.entries import save_upstreams
from tests.streams.archive.archive_case import DAY_MS, START_MS
from tests.streams.console.console_case import Browser, Played
from tests.streams.scorecards.card_case import Call, archived
from tests.streams.upstreams.upstream_case import upstream
from tests.waiting import LOOK_EVERY_S


def today() -> int:
    """`days_ago` of calls of today, which is another day than that of the import when tests run past midnight."""
    return START_MS // DAY_MS - time.time_ns() // 1_000_000 // DAY_MS


def bad(trunk: str, days_ago: int, first: int) -> list[Call]:
    return [
        Call(n, trunk=trunk, days_ago=days_ago, action="block", calling=f"+1303555{n:04}")
        for n in range(first, first + 40)
    ]


async def counted(browser: Browser) -> str:
    """The part once two days are counted."""
    page = (await browser.get("/now/upstreams")).text
    while "hx-trigger" in page:
        await asyncio.sleep(LOOK_EVERY_S)
        page = (await browser.get("/now/upstreams")).text
    return page


def test_who_is_alarming_is_named_with_a_contact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of yesterday by its name in the register, of today a trunk group that nobody knows; not of the day before."""
    day = today()
    calls = [*bad("bad-7", day + 1, 0), *bad("strange-8", day, 100), *bad("old-9", day + 2, 200)]
    calls += [Call(n, trunk="good-1", days_ago=day + 1, calling="+13035550111") for n in range(300, 340)]
    archived(ArchiveStore(str(tmp_path / "archive")), calls)
    register = tmp_path / "upstreams.yaml"
    known = upstream("bad-7", legal_name="Bad <Telecom>", ocn="111A", contact="noc@bad.example, +1 303 555 0199")
    save_upstreams(register, [known, upstream("good-1")])
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path / "archive"))
    monkeypatch.setenv("ROBOCALL_UPSTREAMS_FILE", str(register))

    page = Played(tmp_path).run(Role.OPERATOR, counted)

    assert "Bad &lt;Telecom&gt;" in page
    assert "noc@bad.example, +1 303 555 0199" in page
    assert "91.2% to 100.0%" in page
    assert re.search(r"As of 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC: calls of yesterday and today", page)
    assert "strange-8</a>" in page
    assert "old-9" not in page
    assert "good-1" not in page


def test_nobody_is_to_be_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ArchiveStore(str(tmp_path / "archive"))
    archived(store, [Call(n, trunk="good-1", days_ago=today()) for n in range(40)])
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", store.url)
    assert "Nobody: no upstream" in Played(tmp_path).run(Role.OPERATOR, counted)


def test_a_register_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(tmp_path / "archive"))
    monkeypatch.setenv("ROBOCALL_UPSTREAMS_FILE", str(tmp_path / "none.yaml"))
    page = Played(tmp_path).run(Role.OPERATOR, counted)
    assert "none.yaml" in page
    assert "Nobody: " not in page


def test_without_an_archive_it_is_said_what_to_set(tmp_path: Path) -> None:
    assert "ROBOCALL_ARCHIVE_URL" in Played(tmp_path).run(Role.OPERATOR, counted)
