"""A screener follows the lists of others: new, changed, removed and damaged ones, and a place that does not answer."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from detector.contract.decisions import Mode, Step
from detector.policy.settings import Policy
from detector.testing import CALLER, call_setup, make_screener, outcome
from models.errors import StorageError
from streams.numbers import dno_follower
from streams.numbers.dno_files import DnoFile, DnoFiles
from streams.numbers.dno_follower import DnoFollower, in_force
from tests.streams.numbers.dno_case import dno_file
from tests.waiting import until

TODAY = date(2026, 11, 27)


class Case:
    """A place, and a screener that follows it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = DnoFiles(str(folder))
        self.screener = make_screener(Policy(mode=Mode.ENFORCE))
        self.today = TODAY
        self.follower = DnoFollower(self.files, self.screener, today=lambda: self.today)

    def after(self, *files: DnoFile) -> str | None:
        """Put lists there, look, and say which entry blocks the caller."""
        for file in files:
            self.files.write(file)
        return self.blocked()

    def blocked(self) -> str | None:
        asyncio.run(self.follower.look())
        decided = outcome(self.screener, call_setup())
        return decided.reasons[0].text.partition("(")[2] if decided.decided_by is Step.DNO else None


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path / "numbers")


def test_lists_take_effect_when_they_come_change_and_go(case: Case) -> None:
    assert case.blocked() is None

    assert case.after(dno_file(CALLER[2:5])) == f"entry {CALLER[2:5]}, registry of 2026-11-20)"
    assert (
        case.after(dno_file("999", CALLER[2:8], date="2026-11-21")) == f"entry {CALLER[2:8]}, registry of 2026-11-21)"
    )
    assert case.after(dno_file(CALLER[2:], name="regulator", date="2026-01-01")) == (
        f"entry {CALLER[2:]}, regulator of 2026-01-01)"
    )
    for name in ("regulator", "registry"):
        case.files.delete(name)
    assert case.blocked() is None
    assert case.follower.loads == 4


def test_of_an_entry_on_two_lists_the_newer_one_is_named(case: Case) -> None:
    older, newer = dno_file(CALLER[2:], name="a", date="2026-01-01"), dno_file(CALLER[2:], name="b", date="2026-02-01")

    assert case.after(older, newer) == f"entry {CALLER[2:]}, b of 2026-02-01)"
    assert case.follower.view().entries == 1
    assert [one.name for one in in_force([older, newer], TODAY)] == ["b", "a"]


def test_what_is_as_it_was_is_not_read_again(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.after(dno_file("212", name="one"))
    read: list[str] = []
    reading = DnoFiles.read

    def noted(files: DnoFiles, name: str) -> DnoFile:
        read.append(name)
        return reading(files, name)

    monkeypatch.setattr(DnoFiles, "read", noted)

    case.blocked()
    case.after(dno_file("213", name="other"))

    assert read == ["other"]


def test_a_damaged_list_leaves_its_last_good_one_in_force_and_others_go_on(case: Case) -> None:
    case.after(dno_file(CALLER[2:5], name="good"), dno_file("999", name="other"))

    (case.folder / "good.dno").write_bytes(b"robocall dno 1 but no more")
    with structlog.testing.capture_logs() as logs:
        assert case.after(dno_file(CALLER[2:8], name="other")) == f"entry {CALLER[2:8]}, other of 2026-11-20)"
        case.files.delete("other")
        assert case.blocked() == f"entry {CALLER[2:5]}, good of 2026-11-20)"

    (good,) = case.follower.view().lists
    assert (good.name, good.entries, good.date) == ("good", 1, "2026-11-20")
    assert good.problem == "the do-not-originate list good is not used: it is damaged, or of another version"
    assert [line["cause"] for line in logs if line["log_level"] == "warning"] == [good.problem]
    case.after(dno_file("999", name="good"))
    assert case.follower.view().lists[0].problem is None


def test_a_list_that_was_never_good_is_said_and_blocks_nothing(case: Case) -> None:
    case.folder.mkdir()
    (case.folder / "bad.dno").write_bytes(b"nothing")

    assert case.blocked() is None
    (bad,) = case.follower.view().lists
    assert (bad.name, bad.entries, bad.date) == ("bad", 0, "")
    assert "is damaged" in (bad.problem or "")


def test_a_place_that_does_not_answer_leaves_everything_as_it_is(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said once, and is over when it answers again."""
    case.after(dno_file(CALLER[2:5]))

    def away(_: DnoFiles) -> Any:
        raise StorageError("the place is away")

    with monkeypatch.context() as patch, structlog.testing.capture_logs() as logs:
        patch.setattr(DnoFiles, "listing", away)
        assert case.blocked() == case.blocked() == f"entry {CALLER[2:5]}, registry of 2026-11-20)"
    assert case.follower.view().problem == "the place is away"
    assert len(logs) == 1

    case.blocked()
    assert case.follower.view().problem is None


def test_more_than_workers_hold_is_not_taken(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was in force stays until there is less; it is not made anew every five seconds."""
    case.after(dno_file(CALLER[2:5]))
    monkeypatch.setattr(dno_follower, "MAX_ENTRIES", 2)

    assert case.after(dno_file("997", "998", name="other")) == f"entry {CALLER[2:5]}, registry of 2026-11-20)"
    case.blocked()
    assert "more than 2 entries" in (case.follower.view().problem or "")
    assert case.follower.loads == 1

    assert case.after(dno_file("999", name="other")) is not None
    assert case.follower.view().problem is None
    assert case.follower.loads == 2


def test_the_view_says_what_is_in_force(case: Case) -> None:
    assert case.follower.view().confirmed_age_s is None

    case.after(dno_file("212", "2135550100", date="2020-01-01"))

    view = case.follower.view()
    assert view.entries == 2
    assert view.confirmed_age_s is not None
    assert view.lists[0].age_days > 2_000
    assert 6e6 < view.size_bytes < 7e6


def test_a_list_that_is_older_than_it_is_good_for_blocks_nothing_from_that_day_on(case: Case) -> None:
    """It is said once, and is in force again when a newer one comes; nothing else need change for it."""
    blocked = f"entry {CALLER[2:5]}, unassigned of 2026-11-20)"
    case.today = date(2026, 12, 20)
    assert case.after(dno_file(CALLER[2:5], name="unassigned", good_for_days=30)) == blocked

    case.today = date(2026, 12, 21)
    with structlog.testing.capture_logs() as logs:
        assert (case.blocked(), case.blocked()) == (None, None)
    assert [(line["log_level"], line.get("list")) for line in logs] == [("warning", "unassigned"), ("info", None)]
    (lapsed,) = case.follower.view().lists
    assert (lapsed.is_lapsed, lapsed.entries, lapsed.age_days) == (True, 0, 31)

    newer = dno_file(CALLER[2:5], name="unassigned", date="2026-12-01", good_for_days=30)
    assert case.after(newer) == f"entry {CALLER[2:5]}, unassigned of 2026-12-01)"
    assert not case.follower.view().lists[0].is_lapsed


def test_it_looks_again_and_again(case: Case) -> None:
    follower = DnoFollower(case.files, case.screener, interval_s=0.001)

    async def until_loaded() -> None:
        task = asyncio.create_task(follower.run())
        await asyncio.sleep(0)
        case.files.write(dno_file(CALLER[2:5]))
        await until(lambda: follower.loads)
        task.cancel()

    asyncio.run(until_loaded())
    assert case.screener.dno.size == 1
