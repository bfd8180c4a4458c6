"""Artifacts below a folder: what there is, and whether it could serve."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.artifact import MANIFEST, load, read_manifest
from models.errors import ArtifactError


@dataclass(frozen=True, slots=True)
class Summary:
    """One artifact. `problem` is None where it can serve, else a sentence."""

    folder: str
    version: str
    created_ms: int
    schema_id: str
    metrics: dict[str, Any]
    problem: str | None


def artifacts(root: Path, *, schema_id: str) -> list[Summary]:
    """All artifacts in `root` and in its subfolders of the first level, newest first."""
    folders = [root, *sorted(path for path in root.iterdir() if path.is_dir())] if root.is_dir() else []
    found = [summary(folder, schema_id=schema_id) for folder in folders if (folder / MANIFEST).is_file()]
    return sorted(found, key=lambda entry: -entry.created_ms)


def summary(folder: Path, *, schema_id: str) -> Summary:
    """Describe an artifact; one that cannot be loaded is described by its problem."""
    try:
        manifest = read_manifest(folder)
    except ArtifactError as error:
        return Summary(str(folder), "", 0, "", {}, str(error))
    problem = None
    try:
        load(folder, schema_id=schema_id)
    except ArtifactError as error:
        problem = str(error)
    return Summary(
        str(folder),
        manifest["version"],
        int(manifest.get("created_ms", 0)),
        manifest["schema_id"],
        dict(manifest.get("metrics", {})),
        problem,
    )
