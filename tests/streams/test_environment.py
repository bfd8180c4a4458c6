"""Reading settings of a part: what has its prefix is known or refused, in one plain sentence."""

import pytest

from streams.archive.settings import ArchiveSettings
from streams.bridge.settings import BridgeSettings
from streams.campaigns.settings import CampaignSettings
from streams.cases.settings import CaseSettings
from streams.console.settings import ConsoleSettings
from streams.environment import PartSettings
from streams.errors import SettingsInvalid
from streams.traceback.settings import TracebackSettings
from streams.tracing.settings import TraceSettings
from streams.trust.settings import TrustSettings
from streams.unknown_settings import PARTS
from streams.upstreams.settings import UpstreamsSettings
from streams.verifying.settings import VerifySettings

KINDS: list[type[PartSettings]] = [
    ArchiveSettings, BridgeSettings, CampaignSettings, CaseSettings, ConsoleSettings, TracebackSettings, TraceSettings,
    TrustSettings, UpstreamsSettings, VerifySettings,
]  # fmt: skip


def test_these_are_all_parts() -> None:
    """Those that `doctor` leaves to their own readers."""
    assert sorted(kind.model_config["env_prefix"] for kind in KINDS) == sorted(PARTS)


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_name_is_refused_in_plain_words(kind: type[PartSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    """The name, and all that are known: one of them was meant."""
    prefix = kind.model_config["env_prefix"]
    known = sorted(f"{prefix}{name.upper()}" for name in kind.model_fields)
    monkeypatch.setenv(f"{prefix}XX", "1")

    with pytest.raises(SettingsInvalid) as raised:
        kind.load()

    assert str(raised.value) == f"{prefix}XX: no such setting; known are {', '.join(known)}"


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_read_once(kind: type[PartSettings]) -> None:
    """And cannot be changed afterwards."""
    settings = kind.load()
    with pytest.raises(ValueError, match="frozen"):
        setattr(settings, next(iter(kind.model_fields)), None)


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", "")
    assert ArchiveSettings.load().url == "archive"


def test_a_keyword_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", "here")
    assert (ArchiveSettings.load().url, ArchiveSettings.load(url="there").url) == ("here", "there")
