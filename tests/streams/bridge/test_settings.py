"""Settings of the bridge: what nobody sets works on a laptop, and what is wrong is named."""

from pathlib import Path

import pytest

from streams.bridge.settings import BridgeSettings
from streams.errors import SettingsInvalid
from streams.unknown_settings import unknown_keys


def test_nothing_need_be_set_and_nothing_listens_to_the_world() -> None:
    settings = BridgeSettings.load()
    assert (settings.sip_host, settings.web_host) == ("127.0.0.1", "127.0.0.1")
    assert (settings.sip_port, settings.web_port, settings.sip_tls_port, settings.deadline_ms) == (5060, 0, 0, 80)


@pytest.mark.parametrize(
    ("name", "value"), [("DEADLINE_MS", "0"), ("SIP_PORT", "65536"), ("DEADLINE", "1"), ("SIP_TLS_PORT", "5061")]
)
def test_what_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"ROBOCALL_BRIDGE_{name}", value)
    with pytest.raises(SettingsInvalid, match=f"ROBOCALL_BRIDGE_{name}"):
        BridgeSettings.load()


def test_tls_wants_a_certificate_and_its_key(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.touch()
    with pytest.raises(SettingsInvalid, match="needs ROBOCALL_BRIDGE_SIP_TLS_CERTFILE"):
        BridgeSettings.load(sip_tls_port=5061, sip_tls_certfile=certificate)


def test_a_worker_does_not_take_them_for_typing_errors() -> None:
    assert unknown_keys({"ROBOCALL_BRIDGE_SIP_PORT": "x"}) == []
