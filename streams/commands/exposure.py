"""What a stranger on the network could read or change with these settings; for `robocall doctor`. It asks nobody."""

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from detector.contract.errors import RobocallError
from models.store.registry import Registry
from streams.archive.files import ArchiveStore
from streams.archive.settings import ArchiveSettings
from streams.settings import NO_SNAPSHOTS, PREFIX, Settings
from streams.state.snapshot_store import SnapshotStore


def exposures(settings: Settings) -> Iterator[str]:
    """Sentences, each with what to set. Loopback is never one of them."""
    away = [server for server in settings.kafka_servers if not is_loopback(server.rpartition(":")[0])]
    if away and not settings.kafka_security_protocol.endswith("SSL"):
        yield f"phone numbers go to {away[0]} in plain text: set {PREFIX}KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL"
    if away and not settings.kafka_security_protocol.startswith("SASL") and settings.kafka_ssl_certfile is None:
        yield f"{away[0]} is asked for no password and no certificate: set {PREFIX}KAFKA_SASL_USERNAME or _SSL_CERTFILE"
    redis = urlsplit(settings.redis_url.get_secret_value())
    if redis.hostname and not is_loopback(redis.hostname):
        if redis.scheme != "rediss":
            yield f"lists and decisions go to {redis.hostname} in plain text: use rediss:// in {PREFIX}REDIS_URL"
        if not redis.password:
            yield f"whoever reaches {redis.hostname} can change the lists: put user and password into {PREFIX}REDIS_URL"
    yield from _open_folders(settings)
    if settings.web_port and not is_loopback(settings.web_host):
        yield f"/metrics and /health are served to everybody who reaches {settings.web_host}: they have no password"


def _open_folders(settings: Settings) -> Iterator[str]:
    """Folders that others may write; a store that cannot be used is no exposure."""
    if settings.snapshot_url != NO_SNAPSHOTS:
        with suppress(RobocallError):
            if complaint := SnapshotStore(settings.snapshot_url, signing=settings.signing).complaint():
                yield complaint
    if settings.own_models is not None:
        with suppress(RobocallError):
            if complaint := Registry(settings.own_models, settings.signing).complaint():
                yield complaint
    with suppress(RobocallError):
        if complaint := ArchiveStore(ArchiveSettings.load().url).complaint():
            yield complaint


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine for certain; no name is looked up."""
    bare = host.strip("[]")
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return bare == "localhost" or bare.endswith(".localhost")


def clock_complaint(asked_s: float, theirs_s: float, answered_s: float, server: str, bound_s: float) -> str | None:
    """What to say of this machine's clock beside a server's, all in epoch seconds; None where they may agree.

    Args:
        asked_s: when the server was asked, by our clock.
        theirs_s: what it said.
        answered_s: when the answer was here, by our clock.
        server: which it is.
        bound_s: so much may be between them.
    """
    nearest_s = sorted((asked_s, theirs_s, answered_s))[1]
    ahead_s = nearest_s - theirs_s
    if abs(ahead_s) <= bound_s:
        return None
    side = "ahead of" if ahead_s > 0 else "behind"
    return f"this clock is {abs(ahead_s):.1f} s {side} that of {server}: keep both on NTP, calls wait {bound_s * 2:g} s"
