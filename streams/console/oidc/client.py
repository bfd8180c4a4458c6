"""What is set of the provider, checked at the start: who we are to it, and which of its groups has which role."""

import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from streams.console.roles import Role
from streams.console.settings import CONSOLE_PREFIX, ConsoleSettings
from streams.errors import SettingsInvalid

BACK = "/sign-in/oidc/back"
"""Where the provider sends people back to: the only address that is registered with it."""
MOST_SECRET_BYTES = 4_096
_PREFIX = f"{CONSOLE_PREFIX}OIDC_"
_NEEDED = ("oidc_issuer", "oidc_client_id", "oidc_console_url", "oidc_roles")


@dataclass(frozen=True, slots=True)
class Client:
    """The console as its provider knows it.

    Attributes:
        issuer: as the provider writes it itself.
        client_id: what the provider calls us.
        secret: of ours.
        redirect_url: where people come back to.
        scopes: that are asked for, with spaces between them.
        user_claim: which claim is the user's name here.
        roles_claim: which claim has the groups.
        roles: group and role; the first group that somebody has counts.
        tls: whom to believe that they are the provider.
    """

    issuer: str
    client_id: str
    secret: str = field(repr=False)
    redirect_url: str
    scopes: str
    user_claim: str
    roles_claim: str
    roles: tuple[tuple[str, Role], ...]
    tls: ssl.SSLContext = field(repr=False)

    @property
    def provider(self) -> str:
        """The provider for people: its host."""
        return urlsplit(self.issuer).hostname or self.issuer


def read_client(chosen: ConsoleSettings) -> Client | None:
    """Check what is set; None where nothing is. It reads the file of the secret.

    Raises:
        SettingsInvalid: something is missing, or cannot work.
    """
    given = [name for name in chosen.model_fields_set if name.startswith("oidc_") and getattr(chosen, name) is not None]
    if not given:
        return None
    missing = [f"{CONSOLE_PREFIX}{name.upper()}" for name in _NEEDED if getattr(chosen, name) is None]
    if missing:
        raise SettingsInvalid(f"{', '.join(missing)}: needed to sign in by OpenID Connect (docs/console.md)")
    issuer, console_url = chosen.oidc_issuer or "", chosen.oidc_console_url or ""
    for name, url in (("ISSUER", issuer), ("CONSOLE_URL", console_url)):
        if not is_protected(url) or urlsplit(url).query:
            raise SettingsInvalid(f"{_PREFIX}{name} is not https://HOST; plain http is for this machine alone")
    if urlsplit(console_url).path not in {"", "/"}:
        raise SettingsInvalid(f"{_PREFIX}CONSOLE_URL has a path: the console's pages begin at /")
    if "openid" not in chosen.oidc_scopes.split():
        raise SettingsInvalid(f"{_PREFIX}SCOPES lacks openid, without which the provider names nobody")
    return Client(
        issuer=issuer,
        client_id=chosen.oidc_client_id or "",
        secret=_secret(chosen),
        redirect_url=console_url.rstrip("/") + BACK,
        scopes=" ".join(chosen.oidc_scopes.split()),
        user_claim=chosen.oidc_user_claim,
        roles_claim=chosen.oidc_roles_claim,
        roles=_roles(chosen.oidc_roles or ""),
        tls=_tls(chosen.oidc_cafile),
    )


def is_protected(url: str) -> bool:
    """Whether nobody listens on the way: https, or plain http that stays on this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _secret(chosen: ConsoleSettings) -> str:
    text, path = chosen.oidc_client_secret, chosen.oidc_client_secret_file
    if (text is None) == (path is None):
        raise SettingsInvalid(f"set one of {_PREFIX}CLIENT_SECRET and {_PREFIX}CLIENT_SECRET_FILE")
    found = text.get_secret_value() if text is not None else _first_line(path) if path is not None else ""
    if not found:
        raise SettingsInvalid(f"{_PREFIX}CLIENT_SECRET_FILE has nothing in its first line")
    return found


def _first_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MOST_SECRET_BYTES).decode().partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{_PREFIX}CLIENT_SECRET_FILE cannot be read ({type(error).__name__})") from error


def _roles(text: str) -> tuple[tuple[str, Role], ...]:
    found = []
    for pair in filter(None, (part.strip() for part in text.split(";"))):
        group, _, role = (part.strip() for part in pair.rpartition("="))
        if not group or role not in set(Role):
            known = ", ".join(Role)
            raise SettingsInvalid(f"{_PREFIX}ROLES: {pair!r} is not GROUP=ROLE, with a role of {known}")
        found.append((group, Role(role)))
    if not found:
        raise SettingsInvalid(f"{_PREFIX}ROLES names no group, so nobody could sign in")
    return tuple(found)


def _tls(cafile: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=cafile)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsInvalid(f"{_PREFIX}CAFILE: no certificates in PEM ({type(error).__name__})") from error
