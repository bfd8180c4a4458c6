"""Settings of the console."""

from pathlib import Path

import pytest

from streams.console.settings import ConsoleSettings
from streams.errors import SettingsInvalid


def test_it_listens_on_this_machine_alone_unless_told_otherwise() -> None:
    """Nobody else's pages by accident."""
    chosen = ConsoleSettings.load()

    assert (chosen.host, chosen.port, chosen.tls_certfile) == ("127.0.0.1", 8090, None)


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    """And a key its certificate."""
    (tmp_path / "pem").touch()
    for name in ("tls_certfile", "tls_keyfile"):
        with pytest.raises(SettingsInvalid, match="go together"):
            ConsoleSettings.load(**{name: tmp_path / "pem"})


def test_a_setting_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mostly misspelt."""
    monkeypatch.setenv("ROBOCALL_CONSOLE_PROT", "1")

    with pytest.raises(SettingsInvalid, match="ROBOCALL_CONSOLE_PROT: no such setting"):
        ConsoleSettings.load()
