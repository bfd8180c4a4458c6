"""Days are counted into cards with the names of the register that a setting names; progress is told by the day."""

from datetime import timedelta
from pathlib import Path

import pytest

from streams.archive.files import ArchiveStore
from streams.scorecards.cards import By
from streams.scorecards.counting import counted
from streams.upstreams.entries import UpstreamsInvalid, save_upstreams
from tests.streams.scorecards.card_case import DAY, Call, archived
from tests.streams.upstreams.upstream_case import upstream

CALLS = [Call(1), Call(2), Call(3, days_ago=1), Call(4, trunk="tg-2", days_ago=1)]


def test_two_days_with_the_register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, register, told = (
        ArchiveStore(str(tmp_path / "archive")),
        tmp_path / "upstreams.yaml",
        list[tuple[float | None, float | None]](),
    )
    archived(store, CALLS)
    save_upstreams(register, [upstream("tg-1", legal_name="Known")])
    monkeypatch.setenv("ROBOCALL_UPSTREAMS_FILE", str(register))

    def say(detail: str = "", done: float | None = None, of: float | None = None) -> None:
        del detail
        told.append((done, of))

    cards = counted(store, [DAY - timedelta(1), DAY], is_digested=False, say=say)

    by_trunk = {(one.day, one.key): (one.counts.calls, one.name) for one in cards if one.by is By.TRUNK}
    assert by_trunk == {
        (DAY - timedelta(1), "tg-1"): (1, "Known"),
        (DAY - timedelta(1), "tg-2"): (1, None),
        (DAY, "tg-1"): (2, "Known"),
    }
    assert set(told) == {(0, 2), (1, 2)}


def test_a_register_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_UPSTREAMS_FILE", str(tmp_path / "none.yaml"))
    with pytest.raises(UpstreamsInvalid, match=r"none\.yaml"):
        counted(ArchiveStore(str(tmp_path)), [DAY], is_digested=False)
