"""`robocall verify-identity`: Identity headers of one call against certificates and anchors from files. No network."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from cryptography import x509

from detector.contract.errors import RobocallError
from detector.contract.events import EARLIEST_TIME_MS, LATEST_TIME_MS
from detector.trust.anchors import Anchors
from detector.trust.certificates import Certificate, Chain, parse_certificates, parse_chain
from detector.trust.parties import NORTH_AMERICA, Parties, canonical_party
from detector.trust.revocation import Revocations, read_revocations
from detector.trust.verdict import Cause, Refused, Verdict, Verstat
from detector.trust.verify import Trust, verify

INDEX = "index.json"
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FOLDED = re.compile(r"\r?\n[ \t]+")
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\s*", re.DOTALL)
_LIST = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----\s*", re.DOTALL)


class FileUnusable(RobocallError):
    """A file does not hold what its option takes."""


@click.command("verify-identity")
@click.option("--identity", "identities", required=True, multiple=True, metavar="HEADER|@FILE",
    help="Value of an Identity header, or a file with one a line. May be repeated.")  # fmt: skip
@click.option("--calling", required=True, help="Calling number: P-Asserted-Identity, else From.")
@click.option("--called", required=True, help="Called number: To.")
@click.option("--target", help="Number in the Request-URI of a forwarded call.  [default: the called number]")
@click.option("--at", required=True, type=click.IntRange(EARLIEST_TIME_MS, LATEST_TIME_MS), metavar="EPOCH_MS",
    help="When the call came, epoch milliseconds.")  # fmt: skip
@click.option("--trust-anchors", required=True, type=FILE, help="Certificates of the authorities, PEM.")
@click.option("--certificates", type=FOLDER,
    help=f"Folder with {INDEX}, a map from certificate URL to a PEM file beside it. Nothing is fetched.")  # fmt: skip
@click.option("--crl", type=FILE, help="Withdrawn certificates, PEM; the certificate of who signed it may stand in it.")
@click.option("--country", envvar="ROBOCALL_TRUST_COUNTRY", show_envvar=True, default=NORTH_AMERICA, show_default=True,
    help="Country code of numbers that say none.")  # fmt: skip
def verify_identity(
    identities: tuple[str, ...],
    calling: str,
    called: str,
    target: str | None,
    at: int,
    trust_anchors: Path,
    certificates: Path | None,
    crl: Path | None,
    country: str,
) -> None:
    """Verify the Identity headers of one call, and print the verdict as one JSON object.

    Exit status 0 when the number is verified, 1 otherwise. `cause` says why, `code` which SIP status a verifier would
    answer. docs/signatures.md explains each cause.

    \b
      robocall verify-identity --identity @identity.txt --calling +12025550101 --called +12025550199 \\
        --at 1800000000000 --trust-anchors anchors.pem --certificates certificates
    """
    anchors = Anchors(_certificates(trust_anchors))
    trust = Trust(
        {} if certificates is None else _chains(certificates),
        anchors,
        None if crl is None else _revocations(crl, anchors.certificates),
    )
    party = canonical_party(called, country)
    call = Parties(
        calling=frozenset({canonical_party(calling, country)}),
        called=party,
        target=party if target is None else canonical_party(target, country),
    )
    headers = [header for one in identities for header in _headers(one)]
    verdict = verify(headers, call, at, trust)
    click.echo(json.dumps(_shown(verdict)))
    if verdict.cause is Cause.CERTIFICATE_UNAVAILABLE:
        click.echo(f"its URL is not in {INDEX}: nothing is fetched, give --certificates", err=True)
    if verdict.verstat is not Verstat.PASSED:
        raise click.exceptions.Exit(1)


def _headers(option: str) -> Iterator[str]:
    if not option.startswith("@"):
        yield option
        return
    text = Path(option[1:]).read_bytes().decode("latin-1")  # any byte is some character; no header has more than ASCII
    yield from (line for line in _FOLDED.sub(" ", text).splitlines() if line.strip())


def _certificates(path: Path) -> list[Certificate]:
    try:
        return parse_certificates(path.read_bytes())
    except Refused as refusal:
        raise FileUnusable(f"{path}: {refusal.detail}") from refusal


def _chains(folder: Path) -> dict[str, Chain | Refused]:
    index = folder / INDEX
    try:
        found = json.loads(index.read_bytes())
    except FileNotFoundError as error:
        raise FileUnusable(f"{folder} has no {INDEX}: a JSON object from certificate URL to PEM file") from error
    except ValueError as error:
        raise FileUnusable(f"{index} is no JSON: a JSON object from certificate URL to PEM file") from error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        raise FileUnusable(f"{index} is no JSON object from certificate URL to PEM file")
    return {url: _chain(folder / name) for url, name in found.items()}


def _chain(path: Path) -> Chain | Refused:
    """A chain, or why there is none: a file that is damaged is the verdict of who signs by it, and of nobody else."""
    try:
        return parse_chain(path.read_bytes())
    except Refused as refusal:
        return refusal
    except OSError:
        return Refused(Cause.CERTIFICATE_UNAVAILABLE, "the certificate's file cannot be read")


def _revocations(path: Path, anchors: tuple[Certificate, ...]) -> Revocations:
    """Lists of a file as one. Its signer is looked for in the file and among the anchors."""
    data = path.read_bytes()
    try:
        beside = [one for block in _CERTIFICATE.findall(data) for one in parse_certificates(block)]
        lists = [_list(path, block, (*anchors, *beside)) for block in _LIST.findall(data)]
    except Refused as refusal:
        raise FileUnusable(f"{path}: {refusal.detail}") from refusal
    if not lists:
        raise FileUnusable(f"{path} has no list of withdrawn certificates in PEM")
    ends = [one.next_update_ms for one in lists if one.next_update_ms is not None]
    return Revocations(frozenset[Any]().union(*(one.entries for one in lists)), min(ends, default=None))


def _list(path: Path, block: bytes, signers: tuple[Certificate, ...]) -> Revocations:
    try:
        return read_revocations(block, signers)
    except Refused as refusal:
        if refusal.cause is not Cause.CERTIFICATE_UNAVAILABLE:
            raise
    issuer = x509.load_pem_x509_crl(block).issuer.rfc4514_string()
    click.echo(f"{path} is believed unchecked: put the certificate of {issuer!r}, who signed it, into it", err=True)
    return read_revocations(block, None)


def _shown(verdict: Verdict) -> dict[str, Any]:
    return {
        "verstat": verdict.verstat,
        "attestation": verdict.attestation,
        "cause": verdict.cause,
        "code": verdict.code,
        "detail": verdict.detail or None,
        "origid": verdict.origid,
        "signer_spc": verdict.signer_spc,
        "names": [{"name": one.name, "reason": one.reason, "signer_spc": one.signer_spc} for one in verdict.names],
        "priorities": list(verdict.priorities),
        "sip_priority": verdict.sip_priority,
        "priority_spc": verdict.priority_spc,
        "is_diverted": verdict.is_diverted,
        "diverted_from": verdict.diverted_from,
        "forwarder_spc": verdict.forwarder_spc,
    }
