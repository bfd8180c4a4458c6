"""The topic of raw set-ups is there for whoever names it."""

import pytest

from streams.errors import SettingsInvalid
from streams.kafka.topics import CALL_EVENTS, TOPIC_BY_NAME
from streams.verifying.raw_topic import raw_topic_in_use


def test_it_is_like_the_topic_that_its_records_go_on_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a record fits there, is stamped by the broker, and is gone as soon."""
    monkeypatch.setenv("ROBOCALL_VERIFY_TOPIC", "raw-calls")
    found = raw_topic_in_use()
    assert found is not None
    assert (found.name, found.config()) == ("raw-calls", TOPIC_BY_NAME[CALL_EVENTS].config())


@pytest.mark.parametrize("value", [None, ""])
def test_there_is_none_where_nobody_names_one(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """The default name of `robocall verify` alone makes no topic."""
    monkeypatch.delenv("ROBOCALL_VERIFY_TOPIC", raising=False)
    if value is not None:
        monkeypatch.setenv("ROBOCALL_VERIFY_TOPIC", value)
    assert raw_topic_in_use() is None


def test_a_wrong_setting_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic of the contract is no topic of raw set-ups."""
    monkeypatch.setenv("ROBOCALL_VERIFY_TOPIC", CALL_EVENTS)
    with pytest.raises(SettingsInvalid, match="is not for raw set-ups"):
        raw_topic_in_use()
