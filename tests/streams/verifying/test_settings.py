"""Settings of `robocall verify`: bounds, and a topic that is no topic of the contract."""

import pytest

from streams.errors import SettingsInvalid
from streams.kafka.topics import TOPICS
from streams.verifying.settings import VerifySettings


@pytest.mark.parametrize(
    "topic", [*(topic.name for topic in TOPICS), "fleet-secret", "__consumer_offsets", "..", "a b"]
)
def test_it_never_reads_what_it_writes(topic: str) -> None:
    """Nor anything else of the contract."""
    with pytest.raises(SettingsInvalid, match=r"ROBOCALL_VERIFY_TOPIC: .* one of their own"):
        VerifySettings.load(topic=topic)


def test_a_variable_that_nobody_reads_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_VERIFY_TOPICS", "x")
    with pytest.raises(SettingsInvalid, match=r"ROBOCALL_VERIFY_TOPICS: no such setting"):
        VerifySettings.load()
