"""The manifest of an artifact: which files belong to it, with their digests, and what the model in them is.

Knows the names of the files and how large they may be, and nothing of what is in them (`models.serve.artifact`).
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from models.errors import ArtifactCorrupt, ArtifactIncompatible
from models.serve.signing import SIGNATURE_BYTES, UNSIGNED, Signing

FORMAT = 1
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
"""HMAC-SHA256 of the manifest in hex (`models.serve.signing`); the manifest has the digests of all other files."""
SIGNED_AS = "model"
TREES = "trees.npz"
GOLDEN = "golden.npz"
ESTIMATOR = "estimator.skops"
REFERENCE = "reference.npz"
REPORT = "report.json"
CARD = "model_card.md"
NEEDED = (TREES, GOLDEN, ESTIMATOR, REPORT)
MAX_FILE_BYTES = 16 * 1024 * 1024
MOST_GROUP_WEIGHT = 10.0
VERSION = re.compile(r"gbt-[0-9a-f]{12}")


def read_manifest(folder: Path, signing: Signing = UNSIGNED) -> dict[str, Any]:
    """Read the manifest of a folder, checked for what loading relies on. Blocks for the disk.

    Args:
        folder: of the artifact.
        signing: with a key, the manifest must have been signed.

    Raises:
        ArtifactCorrupt: there is none, it lacks something, or its signature is missing or wrong.
        ArtifactIncompatible: it has a format that this build does not read.
    """
    if not (folder / MANIFEST).exists():
        raise ArtifactCorrupt(f"{folder} is no model: `robocall train --out FOLDER` makes one")
    content = _bounded(folder / MANIFEST)
    problem = signing.problem(SIGNED_AS, content, _signature_in(folder))
    if problem is not None:
        raise ArtifactCorrupt(f"{folder} is refused: {problem}; `robocall models sign` signs what you trust")
    return parse_manifest(content, str(folder / MANIFEST))


def signature_of(manifest: bytes, signing: Signing) -> bytes | None:
    """Content of `SIGNATURE` for a manifest; None without a key."""
    signature = signing.sign(SIGNED_AS, manifest)
    return None if signature is None else signature.hex().encode()


def _signature_in(folder: Path) -> bytes | None:
    """None where there is none; what is no signature is a wrong one."""
    if not (folder / SIGNATURE).exists():
        return None
    try:
        return bytes.fromhex(_bounded(folder / SIGNATURE)[: 2 * SIGNATURE_BYTES].decode("ascii"))
    except ValueError:
        return b""


def parse_manifest(content: bytes, place: str) -> dict[str, Any]:
    """Read a manifest from bytes that were fetched from `place`, which errors name; checked as `read_manifest` does.

    Raises:
        ArtifactCorrupt: it is no manifest, or it lacks something.
        ArtifactIncompatible: it has a format that this build does not read.
    """
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ArtifactCorrupt(f"{place} is no JSON: {error}") from error
    if not isinstance(manifest, dict):
        raise ArtifactCorrupt(f"{place} is no JSON object")
    if manifest.get("format") != FORMAT:
        raise ArtifactIncompatible(f"{place} has artifact format {manifest.get('format')}, this build reads {FORMAT}")
    expected = {"version": str, "schema_id": str, "feature_names": list, "thresholds": dict, "files": dict}
    wrong = [name for name, kind in expected.items() if not isinstance(manifest.get(name), kind)]
    if wrong:
        raise ArtifactCorrupt(f"{place} lacks {', '.join(wrong)}")
    weight = manifest.get("group_weight", 0.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= MOST_GROUP_WEIGHT:
        raise ArtifactCorrupt(f"{place} has a group weight that is no number from 0 to {MOST_GROUP_WEIGHT:g}")
    absent = [name for name in NEEDED if name not in manifest["files"]]
    if absent or any(Path(name).name != name or name in {"", ".."} for name in manifest["files"]):
        raise ArtifactCorrupt(f"{place} lists the wrong files")
    return manifest


def _bounded(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ArtifactCorrupt(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise ArtifactCorrupt(f"{path} is larger than {MAX_FILE_BYTES} bytes")
    return content


def file_entry(content: bytes) -> dict[str, Any]:
    """What a manifest says of a file: its size in bytes and its digest."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def verified(folder: Path, name: str, manifest: dict[str, Any]) -> bytes:
    """Read a file that the manifest lists. Blocks for the disk.

    Raises:
        ArtifactCorrupt: it is missing, too large, or not the file that was listed.
    """
    content = _bounded(folder / name)
    if file_entry(content) != manifest["files"][name]:
        raise ArtifactCorrupt(f"{folder / name} is not the file that the manifest lists: copy the artifact again")
    return content
