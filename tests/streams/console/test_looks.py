"""Redis and the archive are asked in threads, with bounds; what is slow or broken is said and holds nobody up."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams.archive.files import ArchiveStore
from streams.archive.numbers import NumberKey
from streams.archive.settings import ArchiveSettings
from streams.console import bench
from streams.console import looks as module
from streams.console.bench import Found
from streams.console.looks import Looks
from streams.console.subjects import Kind, Subject
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.settings import load_settings
from tests.streams.archive.archive_case import encoded, put, setup
from tests.streams.console.console_case import CALLER, decided
from tests.valkey_process import ValkeyProcess

NUMBER = Subject(Kind.NUMBER, CALLER)


def looks_of(archive: ArchiveSettings | None = None, redis_url: str = "redis://127.0.0.1:1/0") -> Looks:
    return Looks(load_settings(redis_url=redis_url), archive, 7)


@pytest.fixture
def archived(tmp_path: Path) -> Callable[..., ArchiveSettings]:
    """An archive of three calls, one of them eight days old."""

    def make(**chosen: Any) -> ArchiveSettings:
        settings = ArchiveSettings.load(url=str(tmp_path / "archive"), **chosen)
        store = ArchiveStore(settings.url)
        now_ms = time.time_ns() // 1_000_000
        key = None if settings.key is None else NumberKey(settings.key)
        for place, (number, days) in enumerate([(1, 0), (2, 0), (3, 9)]):
            value = decided(number, "block", setup_time_ms=now_ms + number)
            put(store, CALL_DECISIONS, [value], first=place, at_ms=now_ms - days * 86_400_000, key=key)
        return settings

    return make


@pytest.mark.parametrize(
    "subject",
    [NUMBER, Subject(Kind.TRUNK, "tg-chi"), Subject(Kind.CALL, "call-2@switch"), Subject(Kind.DECISION, f"{2:032x}")],
)
def test_the_archive_gives_decisions_of_the_last_days_the_latest_first(
    subject: Subject, archived: Callable[..., ArchiveSettings]
) -> None:
    """One that is older than the days that are searched is not there."""
    found = asyncio.run(looks_of(archived()).archive(subject))

    assert found.why_not == ""
    expected = ["call-2@switch"] if subject.kind in {Kind.CALL, Kind.DECISION} else ["call-2@switch", "call-1@switch"]
    assert [row["call_id"] for row in found.content] == expected


def test_a_call_is_known_by_its_events_alone(tmp_path: Path) -> None:
    """Where nothing was decided on it. Without an archive none is."""
    settings, now_ms = ArchiveSettings.load(url=str(tmp_path / "archive")), time.time_ns() // 1_000_000
    put(ArchiveStore(settings.url), CALL_EVENTS, [encoded(setup(1, setup_time_ms=now_ms))], at_ms=now_ms)
    known, other = (Subject(Kind.CALL, text) for text in (setup(1)["call_id"], "unknown"))

    for archive, call, expected in ((settings, known, True), (settings, other, False), (None, known, False)):
        assert asyncio.run(looks_of(archive).has_call(call)) is expected


def test_the_archive_gives_the_decisions_that_name_a_campaign(tmp_path: Path) -> None:
    """By their reasons; what somebody types is no SQL there either."""
    settings = ArchiveSettings.load(url=str(tmp_path / "archive"))
    reason = {"code": "campaign", "text": "campaign c5d30a1f7b2", "value": None, "threshold": None}
    values = [decided(1, "block"), decided(2, "block", reasons=[reason])]
    put(ArchiveStore(settings.url), CALL_DECISIONS, values, at_ms=time.time_ns() // 1_000_000)

    found, none = (
        asyncio.run(looks_of(settings).archive(Subject(Kind.CAMPAIGN, text))) for text in ("c5d30a1f7b2", "x' OR 'a")
    )

    assert [row["call_id"] for row in found.content] == ["call-2@switch"]
    assert none == Found([])


def test_an_archive_of_digests_is_asked_for_the_digest(archived: Callable[..., ArchiveSettings]) -> None:
    """Whoever types the number finds its calls, and reads no number there."""
    found = asyncio.run(looks_of(archived(number_key="sixteen characters")).archive(NUMBER))

    assert [row["call_id"] for row in found.content] == ["call-2@switch", "call-1@switch"]
    assert CALLER not in str(found.content)


@pytest.mark.parametrize("key", [None, NumberKey("sixteen characters")])
def test_the_archive_gives_decisions_on_a_number_in_whatever_form_a_switch_wrote_it(
    tmp_path: Path, key: NumberKey | None
) -> None:
    """Also where it keeps digests: each form has one of its own."""
    secret = None if key is None else "sixteen characters"
    settings = ArchiveSettings.load(url=str(tmp_path / "archive"), number_key=secret)
    values = [decided(number, calling_number=form) for number, form in enumerate((CALLER[2:], CALLER[1:], "+19"))]
    put(ArchiveStore(settings.url), CALL_DECISIONS, values, at_ms=time.time_ns() // 1_000_000, key=key)

    found = asyncio.run(looks_of(settings).archive(NUMBER))

    assert sorted(row["call_id"] for row in found.content) == ["call-0@switch", "call-1@switch"]


def test_what_somebody_types_is_no_sql(archived: Callable[..., ArchiveSettings]) -> None:
    """It is a value."""
    found = asyncio.run(looks_of(archived()).archive(Subject(Kind.CALL, "x' OR '1'='1")))

    assert found == Found([])


def test_a_look_that_takes_too_long_is_said_and_the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is one that comes when too many wait."""
    monkeypatch.setattr(module, "ARCHIVE_S", 0.05)
    monkeypatch.setattr(bench, "MOST_WAITING", 1)
    may_go = threading.Event()
    monkeypatch.setattr(module, "_rows", lambda *_: may_go.wait())
    looks = looks_of(ArchiveSettings.load(url="/nowhere"))

    async def run() -> list[str]:
        slow = asyncio.create_task(looks.archive(NUMBER))
        await asyncio.sleep(0)
        busy = await looks.archive(NUMBER)
        return [busy.why_not, (await slow).why_not]

    busy, slow = asyncio.run(run())
    may_go.set()

    assert "busy" in busy
    assert "did not answer within 0.05 s" in slow


def test_whatever_breaks_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what it says, which may quote a number."""

    def broken(*_: object) -> None:
        raise RuntimeError(CALLER)

    monkeypatch.setattr(module, "_rows", broken)

    found = asyncio.run(looks_of(ArchiveSettings.load(url="/nowhere")).archive(NUMBER))

    assert "RuntimeError" in found.why_not
    assert CALLER not in found.why_not


def test_redis_says_what_it_knows_and_nothing_of_a_call(valkey: ValkeyProcess) -> None:
    """An empty one knows no lists; one that is killed is said."""
    looks = looks_of(redis_url=valkey.url)

    async def run() -> list[Found]:
        subjects = (NUMBER, Subject(Kind.CALL, "c"), Subject(Kind.DECISION, "tg-7"), Subject(Kind.TRUNK, "+1"))
        known = [await looks.redis(subject) for subject in subjects]
        await asyncio.to_thread(valkey.kill)
        return [*known, await looks.redis(NUMBER)]

    number, call, decision, trunk, dead = asyncio.run(run())

    assert (number.content["kind"], number.content["subject"], number.content["lists"]) == ("number", CALLER, [])
    assert trunk.content["kind"] == "trunk"
    assert "no call by its id" in call.why_not
    assert "No decision has this id" in decision.why_not
    assert "Redis does not answer" in dead.why_not
