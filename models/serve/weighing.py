"""An artifact with a group weight: the same trees, and on top of their margin what the calls around a call scored."""

import json
from pathlib import Path

from models.serve.artifact import Model, load
from models.serve.manifest import CARD, MANIFEST, SIGNATURE, file_entry, read_manifest, verified
from models.serve.signing import UNSIGNED, Signing

GROUP_WEIGHT = 0.5
"""That a model without one is tried with."""


def with_group_weight(
    base: Path, folder: Path, group_weight: float, *, schema_id: str, signing: Signing = UNSIGNED
) -> Model:
    """Write a copy of an artifact that has another group weight; blocks for the disk.

    It is another version: thresholds that were measured for the base mean nothing for it, so no measure is copied. It
    is not signed. Report and card are those of the trees.

    Args:
        base: Folder of the artifact.
        folder: Of the copy; made when it is missing, and another one than `base`.
        group_weight: From 0, which adds nothing, to `models.serve.manifest.MOST_GROUP_WEIGHT`.
        schema_id: Of the feature table.
        signing: With a key, only a signed base is taken.

    Raises:
        ArtifactError: The base cannot be used, or the weight is out of its bounds.
        OSError: The folder cannot be written.
    """
    model = load(base, schema_id=schema_id, signing=signing)
    manifest = read_manifest(base)
    contents = {name: verified(base, name, manifest) for name in manifest["files"]}
    version = model.version_with(group_weight)
    if CARD in contents:
        contents[CARD] = contents[CARD].replace(model.version.encode(), version.encode())
    made = {
        **manifest,
        "version": version,
        "group_weight": group_weight,
        "provenance": {**manifest.get("provenance", {}), "trees_of": model.version},
        "files": {name: file_entry(content) for name, content in contents.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SIGNATURE).unlink(missing_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / MANIFEST).write_text(json.dumps(made, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return load(folder, schema_id=schema_id)
