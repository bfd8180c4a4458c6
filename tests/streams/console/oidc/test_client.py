"""Settings of the provider: what cannot work is said in one line at the start, and no secret is shown."""

from pathlib import Path
from typing import Any

import pytest

from streams.console.oidc.client import Client, is_protected, read_client
from streams.console.roles import Role
from streams.console.settings import ConsoleSettings
from streams.errors import SettingsInvalid
from tests.streams.console.oidc.oidc_case import SECRET, Provider

CHOSEN = Provider().chosen | {"oidc_issuer": "https://login.example.net/realms/carrier"}


def read(**more: Any) -> Client | None:
    return read_client(ConsoleSettings.load(**CHOSEN | more))


def test_without_settings_there_is_no_provider() -> None:
    assert read_client(ConsoleSettings.load()) is None


def test_what_is_set_is_read_and_the_secret_shows_nowhere(tmp_path: Path) -> None:
    """From the environment, or the first line of a file."""
    (tmp_path / "secret").write_text("of a file\nand a comment\n")

    one = read(oidc_console_url="https://console.example.net/")
    other = read(oidc_client_secret=None, oidc_client_secret_file=tmp_path / "secret")

    assert one is not None
    assert other is not None
    assert one.redirect_url == "https://console.example.net/sign-in/oidc/back"
    assert one.roles == (("admins", Role.ADMIN), ("ops", Role.OPERATOR), ("desk", Role.REDRESS))
    assert one.provider == "login.example.net"
    assert (one.secret, other.secret) == (SECRET, "of a file")
    assert SECRET not in repr(one) + repr(ConsoleSettings.load(**CHOSEN))


def test_groups_may_have_all_that_directories_put_into_them() -> None:
    """The last `=` parts; Keycloak's paths begin with a slash."""
    found = read(oidc_roles=" CN=Ops, OU=x = operator ;/carrier/desk=redress;")

    assert found is not None
    assert found.roles == (("CN=Ops, OU=x", Role.OPERATOR), ("/carrier/desk", Role.REDRESS))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"oidc_issuer": None}, "OIDC_ISSUER: needed"),
        ({"oidc_client_id": None, "oidc_roles": None}, "OIDC_CLIENT_ID, ROBOCALL_CONSOLE_OIDC_ROLES: needed"),
        ({"oidc_console_url": None}, "OIDC_CONSOLE_URL: needed"),
        ({"oidc_issuer": "http://login.example.net"}, "OIDC_ISSUER is not https"),
        ({"oidc_issuer": "https://login.example.net?x=1"}, "OIDC_ISSUER is not https"),
        ({"oidc_issuer": "login.example.net"}, "OIDC_ISSUER is not https"),
        ({"oidc_console_url": "http://console.example.net"}, "OIDC_CONSOLE_URL is not https"),
        ({"oidc_console_url": "https://example.net/console"}, "has a path"),
        ({"oidc_scopes": "profile groups"}, "lacks openid"),
        ({"oidc_client_secret": None}, "set one of"),
        ({"oidc_roles": "admins"}, "'admins' is not GROUP=ROLE"),
        ({"oidc_roles": "admins=boss"}, "operator, redress, investigator, model_owner, admin"),
        ({"oidc_roles": "=admin"}, "not GROUP=ROLE"),
        ({"oidc_roles": " ; "}, "names no group"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(change: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        read(**change)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert SECRET not in str(refused.value)


def test_files_that_do_not_do_are_said(tmp_path: Path) -> None:
    """An empty secret, two secrets, and an authority that is none."""
    (tmp_path / "secret").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(SettingsInvalid, match="nothing in its first line"):
        read(oidc_client_secret=None, oidc_client_secret_file=tmp_path / "secret")
    with pytest.raises(SettingsInvalid, match="UnicodeDecodeError"):
        read(oidc_client_secret=None, oidc_client_secret_file=tmp_path / "bytes")
    with pytest.raises(SettingsInvalid, match="set one of"):
        read(oidc_client_secret_file=tmp_path / "secret")
    with pytest.raises(SettingsInvalid, match="OIDC_CAFILE"):
        read(oidc_cafile=tmp_path / "secret")


@pytest.mark.parametrize(
    "url", ["https://a", "https://a:8443/x", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost"]
)
def test_https_and_loopback_are_protected(url: str) -> None:
    assert is_protected(url)


@pytest.mark.parametrize(
    "url",
    [
        *("", "a", "https://", "https:///x", "ftp://a", "//a", "javascript:alert(1)", "https://user@a", "https://a/#x"),
        *("http://a", "http://192.0.2.1", "http://localhost.example.net", "http://127.0.0.1.example.net"),
        *("https://a:b", "https://[::1", "http://127.0.0.1@example.net"),
    ],
)
def test_all_else_is_not(url: str) -> None:
    """Nor what only looks like this machine."""
    assert not is_protected(url)
