"""What an operator may set of campaigns."""

import pytest

from streams.campaigns.settings import CampaignSettings
from streams.errors import SettingsInvalid


def test_a_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_CAMPAIGNS_SCORE", "0.8")
    assert CampaignSettings.load().score == 0.8


def test_what_is_no_setting_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_CAMPAIGNS_SCORES", "0.8")
    with pytest.raises(SettingsInvalid, match="ROBOCALL_CAMPAIGNS_SCORES: no such setting"):
        CampaignSettings.load()
