"""`robocall trust`: the lists that trust rests on, and the certificates that are kept.

One JSON object a line on standard output; what is wrong, in sentences, on standard error.
"""

import asyncio
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import click

from detector.trust.certificates import Certificate, scope_of
from detector.trust.verdict import Refused
from detector.trust.verify import Trust
from streams.errors import SettingsInvalid
from streams.files import open_input
from streams.log import configure_log
from streams.running.clock import wall_clock_ms
from streams.running.progress import Say, step
from streams.settings import load_settings
from streams.trust.anchors import TrustLists
from streams.trust.settings import TRUST_PREFIX, TrustSettings
from streams.trust.stored_chains import Entry
from streams.trust.verifier import Verifying, make_verifying

GOOD, DAMAGED, UNJUDGED = "good", "damaged", "no_anchors"
KEPT, NOT_KEPT, OUT_OF_TIME = "kept", "not_kept", "out_of_time"
_COMMON_NAME = "2.5.4.3"


@click.group()
def trust() -> None:
    """Look at authorities and certificates that signatures are verified by. Settings: ROBOCALL_TRUST_...

    \b
      robocall trust anchors check
      robocall trust cache warm urls.txt
      robocall trust cache show
    """
    settings = load_settings()
    configure_log(settings.log_level, settings.log_format)


@trust.group()
def anchors() -> None:
    """Authorities and withdrawn certificates: ROBOCALL_TRUST_ANCHORS_URL and ROBOCALL_TRUST_CRL_URL."""


@anchors.command("show")
def show_anchors() -> None:
    """Print the last good lists that are kept, with their age; nothing is fetched. Status 1 where one is not there."""
    lists = _made().lists
    with step("Reading the kept lists", quick=True):
        complaints = asyncio.run(lists.restore())
    _end(lists, complaints)


@anchors.command("check")
def check_anchors() -> None:
    """Look whether there are newer lists, verify and keep them. Status 1 where one is refused or not there."""

    async def look() -> list[str]:
        return await lists.restore() + await lists.renew()

    lists = _made().lists
    with step("Reading the lists"):
        complaints = asyncio.run(look())
    _end(lists, complaints)


@trust.group()
def cache() -> None:
    """Certificates at ROBOCALL_TRUST_CACHE_URL. A running process knows more in memory, until its time ends."""


@cache.command("show")
def show_cache() -> None:
    """Print each chain that is kept: address, signer, until when it is used. Nothing is fetched."""
    made, now_ms, number = _made(), wall_clock_ms(), -1
    with step("Reading certificates", quick=True) as say:
        for number, (name, entry) in enumerate(made.stored.everything()):
            click.echo(json.dumps({"file": name, "state": DAMAGED} if entry is None else _described(entry, now_ms)))
            say(f"{number + 1:,}")
    if number < 0:
        click.echo("no certificate is kept there: ROBOCALL_TRUST_CACHE_URL says where", err=True)


@cache.command("check")
def check_cache() -> None:
    """Judge each chain that is kept by the lists that are kept, at this instant. Damaged files are deleted: status 1.

    `state` is `good`, a cause of docs/signatures.md, `damaged`, or `no_anchors` where no list is kept.
    """
    made, damaged = _made(), 0
    with step("Checking certificates", quick=True) as say:
        for complaint in asyncio.run(made.lists.restore()):
            click.echo(complaint, err=True)
        for number, (name, entry) in enumerate(made.stored.everything()):
            if entry is None:
                damaged += 1
                made.stored.delete(name)
            click.echo(json.dumps(_judged(name, entry, made.lists)))
            say(f"{number + 1:,}")
    if damaged:
        click.echo(f"{damaged:,} damaged files are deleted: their certificates are fetched again when needed", err=True)
        raise click.exceptions.Exit(1)


@cache.command()
@click.argument("urls", nargs=-1, metavar="[URL]...")
@click.option("--all", "is_all", is_flag=True, help="All of them.")
def forget(urls: tuple[str, ...], *, is_all: bool) -> None:
    """Delete what is kept of these addresses. Status 1 where nothing was kept of one."""
    if bool(urls) == is_all:
        raise click.UsageError("name addresses, or give --all")
    stored = _made().stored
    with step("Deleting certificates", quick=True):
        if is_all:
            click.echo(f"{stored.forget_all():,} forgotten", err=True)
            return
        unknown = [url for url in urls if not stored.forget(url)]
    if unknown:
        click.echo(f"nothing was kept of {', '.join(unknown)}", err=True)
        raise click.exceptions.Exit(1)


@cache.command()
@click.argument("file")
def warm(file: str) -> None:
    """Fetch the certificates of FILE, an address a line (`-`: standard input), so that no call waits for them.

    Those that are kept and still in use are not fetched. Status 1 where one could not be had, or not kept.
    """
    with ExitStack() as stack:
        text = open_input(file, stack).read().decode("latin-1")  # any byte is some character
    urls = list(dict.fromkeys(text.split()))
    settings = TrustSettings.load()
    made = make_verifying(settings)
    with step("Fetching certificates") as say:
        failed = asyncio.run(_warmed(made, urls, settings.max_fetches, say))
    if failed:
        click.echo(f"{failed:,} of {len(urls):,} are not kept", err=True)
        raise click.exceptions.Exit(1)


async def _warmed(made: Verifying, urls: Sequence[str], at_a_time: int, say: Say) -> int:
    """Fetch all; tell how many are not kept."""
    failed = done = 0
    waiting = iter(urls)

    async def work() -> None:
        nonlocal failed, done
        for url in waiting:
            told = await _fetched(made, url)
            click.echo(json.dumps({"url": url} | told))
            failed += told["state"] != KEPT
            done += 1
            say(f"{done:,} of {len(urls):,}", done, len(urls))

    try:
        await asyncio.gather(*(work() for _ in range(at_a_time)))
    finally:
        await made.close()
    return failed


async def _fetched(made: Verifying, url: str) -> dict[str, str]:
    """What came of an address. A chain counts once the place of certificates has it: this process ends with its own."""
    found = await made.certificates.get(url, float("inf"))
    if isinstance(found, Refused):
        return {"state": found.cause, "detail": found.detail}
    if await made.certificates.is_shared(url):
        return {"state": KEPT}
    return {"state": NOT_KEPT, "detail": f"it was fetched, and {TRUST_PREFIX}CACHE_URL did not take it"}


def _made() -> Verifying:
    return make_verifying(TrustSettings.load())


def _end(lists: TrustLists, complaints: Iterable[str]) -> None:
    """Print what is in force; status 1 where something is wrong or missing."""
    figures = lists.figures()
    if not figures:
        raise SettingsInvalid(f"no list is named: set {TRUST_PREFIX}ANCHORS_URL")
    for name, one in figures.items():
        told: dict[str, Any] = {"list": name, "entries": one.entries}
        if one.seen_s is not None:
            told |= {"seen": _when(one.seen_s), "age_s": round(time.time() - one.seen_s), "ends": _when(one.ends_s)}
            told["is_past_its_end"] = one.ends_s is not None and one.ends_s < time.time()
        if name == "anchors" and lists.anchors is not None:
            told["sequence"] = lists.anchors.sequence
            told["authorities"] = sorted(_name(one) for one in lists.anchors.anchors.certificates)
        click.echo(json.dumps(told))
    lines = [*complaints, *(f"{name}: no list is there" for name, one in figures.items() if one.seen_s is None)]
    for line in lines:
        click.echo(line, err=True)
    if lines:
        raise click.exceptions.Exit(1)


def _described(entry: Entry, now_ms: int) -> dict[str, Any]:
    leaf = entry.chain.leaf
    return {
        "url": entry.url,
        "state": KEPT if now_ms < entry.until_ms else OUT_OF_TIME,
        "signer": _name(leaf),
        "signer_spc": list(leaf.authority.spcs) if leaf.authority is not None else [],
        "valid_until": _when(leaf.not_after_ms / 1e3),
        "fetched": _when(entry.fetched_ms / 1e3),
        "used_until": _when(entry.until_ms / 1e3),
        "size_bytes": len(entry.content),
    }


def _judged(name: str, entry: Entry | None, lists: TrustLists) -> dict[str, Any]:
    if entry is None:
        return {"file": name, "state": DAMAGED}
    told: dict[str, Any] = {"url": entry.url, "signer": _name(entry.chain.leaf)}
    if lists.anchors is None:
        return told | {"state": UNJUDGED}
    try:
        scope_of(Trust({}, lists.anchors.anchors, lists.revocations).path(entry.chain, wall_clock_ms()))
    except Refused as refusal:
        return told | {"state": refusal.cause, "detail": refusal.detail}
    return told | {"state": GOOD}


def _name(certificate: Certificate) -> str:
    names: Iterator[str] = (value for oid, value in certificate.subject if oid == _COMMON_NAME)
    return next(names, certificate.x509.subject.rfc4514_string())


def _when(at_s: float | None) -> str | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")
