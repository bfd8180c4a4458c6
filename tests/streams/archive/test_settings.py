"""Settings of the archive: bounds, retention by topic, and errors that name the variable."""

import pytest

from streams.archive.settings import ArchiveSettings
from streams.errors import SettingsInvalid
from streams.unknown_settings import unknown_keys
from tests.streams.archive.archive_case import SECRET


def test_nothing_need_be_set() -> None:
    settings = ArchiveSettings.load()
    assert settings.key is None
    days = dict(settings.retention_days)
    assert days.pop("case-records") == 5 * 365 + 1
    assert set(days.values()) == {400}
    assert set(days) == {"call-events", "call-decisions", "scored-calls", "call-feedback"}


def test_retention_is_by_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_ARCHIVE_RETENTION", "call-events=30, scored-calls=90")
    days = ArchiveSettings.load().retention_days
    assert (days["call-events"], days["scored-calls"], days["call-decisions"]) == (30, 90, 400)


@pytest.mark.parametrize(
    ("name", "value"),
    [("RETENTION", "call-event=3"), ("RETENTION", "call-events"), ("RETENTION", "call-events=0"), ("FLUSH_S", "0"),
     ("NUMBER_KEY", "short"), ("FLUSH", "1")],
)  # fmt: skip
def test_what_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"ROBOCALL_ARCHIVE_{name}", value)
    with pytest.raises(SettingsInvalid, match=f"ROBOCALL_ARCHIVE_{name}"):
        ArchiveSettings.load()


def test_the_key_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_ARCHIVE_NUMBER_KEY", SECRET)
    settings = ArchiveSettings.load()
    assert settings.key == SECRET
    assert SECRET not in repr(settings)


def test_a_worker_does_not_take_them_for_typing_errors() -> None:
    assert unknown_keys({"ROBOCALL_ARCHIVE_URL": "x"}) == []
    assert len(unknown_keys({"ROBOCALL_ARCHIV_URL": "x"})) == 1
