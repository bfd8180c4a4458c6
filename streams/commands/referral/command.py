"""`robocall referral`: one campaign as a package for an authority, and whether such a package still holds."""

import csv
import importlib.metadata
import io
import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.console import Console

from models.data.cells import as_it_was
from streams.archive.query import connected
from streams.archive.settings import ArchiveSettings
from streams.cases.recording import record
from streams.cases.roles import Role, require
from streams.cases.settings import CaseSettings
from streams.commands.campaigns.command import known
from streams.commands.models.place import REGISTRY_OPTION, model_option
from streams.commands.referral.campaign import FILE, calls_of, days_of, file_of_record
from streams.commands.referral.deriving import HISTORY_H, Derived, derived
from streams.commands.shared.distinct_files import require_distinct
from streams.commands.shared.opened_archive import opened
from streams.referral.collecting import MOST_CALLS, collected
from streams.referral.package import (
    MOST_TEXT,
    Manifest,
    Package,
    PackageRefused,
    file_of,
    manifest_bytes,
    read,
    require_readable,
    write,
)
from streams.referral.signing import fingerprint, is_signed_by, make_key, private_key, public_key, public_pem
from streams.running.clock import wall_clock_ms
from streams.running.printable import printable
from streams.running.progress import step
from streams.wire.cases import CaseKind

SHOWN = 10
MOST_ID_BYTES = 128 * MOST_CALLS
MOST_ATTACHED_BYTES = 1 << 24
ATTACHED = "attached"
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_OUT = click.Path(path_type=Path, dir_okay=False)


class ReferralDoubtful(PackageRefused):
    """A package that does not hold: it is not signed by who should have, or decisions in it do not follow."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Name of a campaign, ids of its calls, what is attached by itself, and days of arrival where they are known."""

    name: str
    call_ids: list[str]
    files: Mapping[str, bytes] = field(default_factory=dict)
    days: tuple[str, str] | None = None


@click.group()
def referral() -> None:
    """Hand one campaign to an authority: calls, decisions, timeline and examples in a zip that can be checked.

    \b
      robocall referral key --out referral-key.pem
      robocall referral make --campaign c5d30a1f7b2 --why "asked for by the traceback group" --out r.zip
      robocall archive query "SELECT call_id FROM call_decisions WHERE ..." > calls.csv
      robocall referral make calls.csv --campaign "car warranty" --why "traceback 4711" --out r.zip
      robocall referral verify r.zip
    """


@referral.command()
@click.option("--out", type=_OUT, required=True, help="New file for the key; its owner alone may read it.")
def key(out: Path) -> None:
    """Make a key that packages are signed with, and say the fingerprint that their readers compare."""
    try:
        made = make_key(out)
    except FileExistsError as error:
        raise PackageRefused(f"{out} is there already: a key is never written over") from error
    click.echo(fingerprint(made.public_key()))


@referral.command()
@click.argument("calls", type=click.File("rb"), required=False)
@click.option("--campaign", required=True, help="Its name, as people know it; without CALLS its id.")
@click.option("--why", required=True, help="Why it is referred, and to whom.")
@click.option("--key", "key_file", type=_FILE, help="Key to sign with [default: not signed].")
@click.option("--attach", type=_FILE, multiple=True, help="A file to go with it, as an exported traceback; repeatable.")
@click.option("--out", type=_OUT, required=True, help="The package.")
def make(
    calls: BinaryIO | None, campaign: str, why: str, key_file: Path | None, attach: tuple[Path, ...], out: Path
) -> None:
    """Make a package of CALLS: a file of call ids, one a line, under a header `call_id` or none; `-` is standard input.

    Without CALLS it is made of a campaign of `robocall campaigns list`: the calls that decisions name it for, its
    latest 50, and its record. It reads the archive (ROBOCALL_ARCHIVE_URL). Numbers are as they are there: plain, or
    keyed digests.
    """
    require(Role.UNMASK)
    read_too = {f"--attach {path}": path for path in attach}
    require_distinct({"CALLS": None if calls is None else calls.name, "--key": key_file} | read_too, {"--out": out})
    for option, text in (("--campaign", campaign), ("--why", why)):
        if not 0 < len(text.strip()) <= MOST_TEXT or not text.isprintable():
            raise click.UsageError(f"{option} has 1 to {MOST_TEXT:,} characters that can be printed")
    signing_key = None if key_file is None else private_key(key_file)
    console = Console(stderr=True)
    attached = _attached(attach)
    settings, made_ms = ArchiveSettings.load(), wall_clock_ms()
    with step("Collecting", console), connected(opened(settings)) as connection:
        chosen = _chosen(connection, calls, campaign, is_digested=settings.number_key is not None)
        campaign, ids = chosen.name, chosen.call_ids
        both = [form for one in ids for form in (one, as_it_was(one))]  # a spreadsheet's apostrophe may stand before it
        found = collected(connection, both, made_ms, importlib.metadata.version("robocall-detector"), chosen.days)
    _say_missing(ids, found.call_ids, console)
    files = found.files | _with(attached, chosen.files)
    manifest = manifest_bytes(
        Manifest(
            campaign=campaign,
            why=why,
            by=CaseSettings.load().who,
            made_ms=made_ms,
            first_ms=found.first_ms,
            last_ms=found.last_ms,
            calls=found.calls,
            numbers="plain" if settings.number_key is None else "digests",
            versions=found.versions,
            files=tuple(file_of(name, content) for name, content in files.items()),
        )
    )
    signed = None
    if signing_key is not None:
        signed = signing_key.sign(manifest), public_pem(signing_key.public_key())
    require_readable(files)
    with out.open("wb") as file:
        write(file, manifest, files, signed)
    details = {"manifest_sha256": file_of(out.name, manifest).sha256, "calls": str(found.calls), "file": out.name}
    record(CaseKind.REFERRAL, "made", subject=f"campaign:{campaign}", details=details, why=why)
    how = "not signed" if signing_key is None else f"signed by {fingerprint(signing_key.public_key())}"
    console.print(f"{out}: {found.calls:,} calls, {len(files)} files, {how}", soft_wrap=True, highlight=False)


@referral.command()
@click.argument("package", type=_FILE)
@click.option("--signer", type=_FILE, help="Public key in PEM that must have signed it.")
@click.option("--no-derive", is_flag=True, help="Look at digests and signature alone; no archive is needed.")
@click.option("--history", "history_h", type=click.IntRange(0, 24 * 28), default=HISTORY_H, show_default=True,
              help="Hours of events before the first call that fill the windows.")  # fmt: skip
@click.option("--partitions", type=click.IntRange(1, 1_024), help="Of the topic [default: ROBOCALL_PARTITIONS].")
@click.option("--policy", type=_FILE, help="Policy of then [default: ROBOCALL_POLICY_FILE].")
@model_option("--model", "name", "Model of then")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@REGISTRY_OPTION
def verify(
    package: Path,
    signer: Path | None,
    no_derive: bool,
    history_h: int,
    partitions: int | None,
    policy: Path | None,
    name: str | None,
    as_json: bool,
    url: str | None,
) -> None:
    """Check digests and signature of PACKAGE, then derive every decision in it from the archive again.

    Events are replayed through the model and the policy, and each decision is compared with the one of then. Lists
    are empty in a replay, and windows begin --history hours before: a call that was decided by a list does not follow.
    The exit status is 1 when something does not hold.
    """
    console = Console(stderr=True)
    with step("Reading the package", console):
        found = read(package)
    by = _signer(found, signer)
    said: dict[str, Any] = {"package": str(package), "whole": True, "signed_by": by, "calls": found.manifest.calls}
    console.print(f"whole: {len(found.files)} files are as the manifest says", highlight=False)
    console.print(f"signed by {by}" if by else "not signed: anybody may have made it", soft_wrap=True, highlight=False)
    result = None
    if not no_derive:
        result = derived(found, history_h, partitions, policy, name, url, console)
        said |= {"decisions": result.decisions, "follow": result.decisions - len(result.differences)}
        said["rest_on_lists"] = result.on_lists
        said["versions_differ"] = list(result.versions_differ)
        said["differences"] = [str(one) for one in result.differences]
        _tell(result, console)
    if as_json:
        click.echo(json.dumps(said))
    if result is not None and result.differences:
        count = len(result.differences)
        raise ReferralDoubtful(f"{count:,} of {result.decisions:,} decisions do not follow{_of(result)}")


def _chosen(connection: Any, calls: BinaryIO | None, campaign: str, *, is_digested: bool) -> _Chosen:
    """What a package is made of: CALLS, else a campaign of the topic `campaigns`."""
    if calls is not None:
        return _Chosen(campaign, _call_ids(calls))
    found = known(campaign)
    files = {FILE: file_of_record(found, is_digested=is_digested)}
    return _Chosen(found.id, calls_of(connection, found), files, days_of(found))


def _call_ids(calls: BinaryIO) -> list[str]:
    text = calls.read(MOST_ID_BYTES + 1)
    if len(text) > MOST_ID_BYTES:
        raise PackageRefused(f"CALLS has more than {MOST_CALLS:,} ids: refer a shorter span")
    try:
        rows = list(csv.reader(io.StringIO(text.decode(), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise PackageRefused("CALLS is no CSV in UTF-8: want one call id a line") from error
    heading = rows[0] if rows else []
    place = heading.index("call_id") if "call_id" in heading else 0
    cells = [row[place] for row in rows if len(row) > place and row[place] != "call_id"]
    return [cell.strip() for cell in cells if cell.strip()]


def _say_missing(asked: Sequence[str], found: Container[str], console: Console) -> None:
    """Ids that are not in the archive; of a caller's choosing, so made printable."""
    missing = [one for one in dict.fromkeys(asked) if one not in found and as_it_was(one) not in found]
    if missing:
        shown = printable(", ".join(missing[:SHOWN]))
        console.print(
            f"{len(missing):,} of the calls are not in the archive, and not in the package: {shown}",
            soft_wrap=True, highlight=False, markup=False,
        )  # fmt: skip


def _attached(paths: tuple[Path, ...]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for path in paths:
        if path.stat().st_size > MOST_ATTACHED_BYTES:
            raise PackageRefused(f"{path} is larger than {MOST_ATTACHED_BYTES >> 20} MiB")
        files = _with(files, {path.name: path.read_bytes()})
    return files


def _with(files: dict[str, bytes], more: Mapping[str, bytes]) -> dict[str, bytes]:
    """Attach more files, by name."""
    for name, content in more.items():
        if f"{ATTACHED}/{name}" in files:
            raise PackageRefused(f"two attached files are called {name}: rename one")
        files = files | {f"{ATTACHED}/{name}": content}
    return files


def _signer(found: Package, wanted: Path | None) -> str | None:
    """Fingerprint of who signed it; None where nobody did and nobody had to."""
    if found.signature is None or found.signer is None:
        if wanted is not None:
            raise ReferralDoubtful("it is not signed, and --signer was given")
        return None
    by = public_key(found.signer, "the key in the package")
    if wanted is not None and fingerprint(public_key(wanted.read_bytes(), str(wanted))) != fingerprint(by):
        raise ReferralDoubtful(f"another key signed it: {fingerprint(by)}")
    if not is_signed_by(by, found.signature, found.manifest_bytes):
        raise ReferralDoubtful("the signature is not that of the manifest")
    return fingerprint(by)


def _of(result: Derived) -> str:
    """How many of those that do not follow are neither shown nor denied."""
    return f"; {result.on_lists:,} may rest on a list or a standing decision of then" if result.on_lists else ""


def _tell(result: Derived, console: Console) -> None:
    for text in result.versions_differ:
        console.print(printable(text), soft_wrap=True, highlight=False, markup=False)
    follow = result.decisions - len(result.differences)
    console.print(f"{follow:,} of {result.decisions:,} decisions follow{_of(result)}", highlight=False)
    for one in result.differences[:SHOWN]:
        console.print(f"  {printable(str(one))}", soft_wrap=True, highlight=False, markup=False)
    if len(result.differences) > SHOWN:
        console.print(f"  and {len(result.differences) - SHOWN:,} more (--json has all)", highlight=False)
