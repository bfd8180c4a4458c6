"""Settings of verifying: bounds, a lab's networks, and names that are none."""

import pytest

from streams.errors import SettingsInvalid
from streams.trust.settings import TrustSettings
from streams.unknown_settings import unknown_keys


def test_networks_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_TRUST_ALLOWED_NETWORKS", " 10.1.0.0/16, fd00::/8,")
    assert TrustSettings.load().networks == ["10.1.0.0/16", "fd00::/8"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("ALLOWED_NETWORKS", "10.1.0.1/16", "10.1.0.1/16"), ("ALLOWED_NETWORKS", "lab", "'lab' is no network"),
     ("KEPT_S", "1", "TRUST_KEPT_S"), ("LONGEST_KEPT_S", "100", "LONGEST_KEPT_S must not be below"),
     ("CASHE_URL", "x", "CASHE_URL: no such setting")],
)  # fmt: skip
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(f"ROBOCALL_TRUST_{name}", value)
    with pytest.raises(SettingsInvalid, match=said):
        TrustSettings.load()


def test_other_commands_do_not_call_them_unknown() -> None:
    """They are checked here."""
    assert unknown_keys({"ROBOCALL_TRUST_CACHE_URL": "x", "ROBOCALL_TRUSTY": "x"}) == [
        "ROBOCALL_TRUSTY is not a setting and is ignored"
    ]
