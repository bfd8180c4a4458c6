"""The package: a zip with a manifest that names each other file by its SHA-256, and perhaps a signature over that.

Readers trust nothing in it: neither names nor sizes, nor that there is nothing else.
"""

import hashlib
import lzma
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec

from detector.contract.errors import RobocallError
from detector.contract.events import LATEST_TIME_MS

MANIFEST, SIGNATURE, SIGNER = "manifest.json", "manifest.sig", "signer.pem"
FORMAT = 1
MOST_FILES = 1_000
MOST_FILE_BYTES = 1 << 28
MOST_BYTES = 1 << 30
MOST_MANIFEST_BYTES = 1 << 20
MOST_TEXT = 1_000
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, EOFError, ValueError, OSError,
)  # fmt: skip
_PACKED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes


class PackageRefused(RobocallError):
    """A package, or a key for one, that cannot be used."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a package.

    Attributes:
        name: In the zip.
        bytes: Its size.
        sha256: Of what it holds, 64 hex digits.
    """

    name: Annotated[str, msgspec.Meta(max_length=201)]
    bytes: Annotated[int, msgspec.Meta(ge=0, le=MOST_FILE_BYTES)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """What decided, each with how many of the calls it decided.

    Attributes:
        detector: Version of this program that made the package.
        models: By model version.
        policies: By policy version.
        feature_schemas: By id of the feature table.
    """

    detector: str
    models: dict[str, int]
    policies: dict[str, int]
    feature_schemas: dict[str, int]


Text = Annotated[str, msgspec.Meta(max_length=MOST_TEXT)]
Instant = Annotated[int, msgspec.Meta(ge=0, le=LATEST_TIME_MS)]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a package is about.

    Attributes:
        campaign: Name that its maker gives it.
        why: Why it is referred.
        by: Who made it.
        made_ms: When, epoch milliseconds.
        first_ms: Set-up of its first call, epoch milliseconds.
        last_ms: Set-up of its last one.
        calls: Number of calls.
        numbers: `plain`, or `digests` where the archive keeps numbers as keyed digests.
        versions: What decided.
        files: All others of the package.
        format: Of the package.
    """

    campaign: Text
    why: Text
    by: Text
    made_ms: Instant
    first_ms: Instant
    last_ms: Instant
    calls: Annotated[int, msgspec.Meta(ge=0)]
    numbers: Text
    versions: Versions
    files: tuple[File, ...]
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Package:
    """A package that is whole: each file is what the manifest says, and there is no other.

    Attributes:
        manifest: What it is about.
        manifest_bytes: As signed.
        files: By name; those of the manifest.
        signature: 64 bytes; None without one.
        signer: Public key in PEM that came with it; None without one.
    """

    manifest: Manifest
    manifest_bytes: bytes
    files: Mapping[str, bytes]
    signature: bytes | None
    signer: bytes | None


def file_of(name: str, content: bytes) -> File:
    """How the manifest names a file."""
    return File(name=name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def manifest_bytes(manifest: Manifest) -> bytes:
    """The manifest as it stands in the package."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def write(out: BinaryIO, manifest: bytes, files: Mapping[str, bytes], signed: tuple[bytes, bytes] | None) -> None:
    """Write a package. The same content gives the same bytes.

    Args:
        out: A seekable file.
        manifest: `manifest_bytes`.
        files: All that it names, by name.
        signed: Signature and public key in PEM, None without one.

    Raises:
        OSError: it cannot be written.
    """
    extra = {} if signed is None else {SIGNATURE: signed[0], SIGNER: signed[1]}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in ({MANIFEST: manifest} | extra | dict(files)).items():
            package.writestr(zipfile.ZipInfo(name, _LONG_AGO), content, zipfile.ZIP_DEFLATED)


def require_readable(files: Mapping[str, bytes]) -> None:
    """Refuse files of a package that `read` would refuse, before any of it is written.

    Raises:
        PackageRefused: a name, a size or a number is not as a package has it.
    """
    for name, content in files.items():
        if _NAME.fullmatch(name) is None:
            raise PackageRefused(f"{name!r} has characters that no file of a package has: rename it, A-Z a-z 0-9 . _ -")
        if len(content) > MOST_FILE_BYTES:
            raise PackageRefused(f"{name} is larger than {MOST_FILE_BYTES >> 20} MiB: refer a shorter span")
    if len(files) > MOST_FILES - 3 or sum(map(len, files.values())) > MOST_BYTES - MOST_MANIFEST_BYTES:
        raise PackageRefused(f"more than {MOST_FILES:,} files, or {MOST_BYTES >> 30} GiB: refer a shorter span")


def read(path: Path) -> Package:
    """Read a package, and check every file against the manifest. It takes memory for all of it, 1 GiB at most.

    Raises:
        PackageRefused: it is no package, is too large, or something in it is missing, more, or other than it should be.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as package:
                found = _contents(package)
        except _DAMAGED as error:
            raise PackageRefused(f"{path} is no package, or damaged: {error}") from error
    text = found.pop(MANIFEST, None)
    if text is None or len(text) > MOST_MANIFEST_BYTES:
        raise PackageRefused(f"{path} has no manifest that can be read")
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PackageRefused(f"the manifest of {path} is not one of format {FORMAT}: {error}") from error
    if manifest.format != FORMAT:
        raise PackageRefused(f"{path} has format {manifest.format}, this program reads {FORMAT}")
    signature, signer = found.pop(SIGNATURE, None), found.pop(SIGNER, None)
    _compare(manifest, found)
    return Package(manifest, text, found, signature, signer)


def _contents(package: zipfile.ZipFile) -> dict[str, bytes]:
    entries = package.infolist()
    if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise PackageRefused(f"it has more than {MOST_FILES:,} files, or more than {MOST_BYTES >> 30} GiB")
    found: dict[str, bytes] = {}
    for entry in entries:
        if _NAME.fullmatch(entry.filename) is None or entry.filename in found:
            raise PackageRefused("it has a file by a name that no package has, or one name twice")
        if entry.compress_type not in _PACKED:
            raise PackageRefused(f"{entry.filename} is packed in another way than deflate")
        if entry.file_size > MOST_FILE_BYTES:
            raise PackageRefused(f"{entry.filename} is larger than {MOST_FILE_BYTES >> 20} MiB")
        with package.open(entry) as file:
            found[entry.filename] = file.read(entry.file_size + 1)
    return found


def _compare(manifest: Manifest, found: Mapping[str, bytes]) -> None:
    named = {file.name: file for file in manifest.files}
    if missing := sorted(named.keys() - found.keys()):
        raise PackageRefused(f"missing: {', '.join(missing)}")
    if more := sorted(found.keys() - named.keys()):
        raise PackageRefused(f"not in the manifest: {', '.join(more)}")
    if other := [name for name, content in found.items() if file_of(name, content) != named[name]]:
        raise PackageRefused(f"not what the manifest says: {', '.join(other)}")
