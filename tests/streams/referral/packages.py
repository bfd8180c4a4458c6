"""Small packages for tests."""

from pathlib import Path
from typing import Any

from streams.referral.collecting import DECISIONS
from streams.referral.package import Manifest, Versions, file_of, manifest_bytes, write

FILES = {"calls.jsonl": b'{"call_id":"a"}\n', "attached/path.json": b"{}"}


def manifest(files: dict[str, bytes]) -> bytes:
    versions = Versions(detector="1", models={"m": 1}, policies={"p": 1}, feature_schemas={"f2": 1})
    named = tuple(file_of(name, content) for name, content in files.items())
    about: dict[str, Any] = {"campaign": "c", "why": "w", "by": "b", "numbers": "plain"}
    times: dict[str, Any] = {"made_ms": 2, "first_ms": 0, "last_ms": 1}
    return manifest_bytes(Manifest(**about, **times, calls=1, versions=versions, files=named))


def save_package(path: Path) -> None:
    """One decision, not signed."""
    files = {DECISIONS: b'{"call_id": "a", "action": "allow"}\n'}
    with path.open("wb") as file:
        write(file, manifest(files), files, None)
