"""The demo's policy: labels start at the score that stands on the model's card, all else is as by default.

There the model hit 1 in 1,000 lawful calls of its calibration span, the budget that a fresh policy has for labels. The
default threshold is higher, since nobody knows the traffic of a fresh installation.
"""

from dataclasses import asdict, replace
from pathlib import Path

import yaml

from detector.policy.settings import Policy
from models.serve.manifest import read_manifest
from streams.screening.policy_file import read_policy

POLICY_VARIABLE = "ROBOCALL_POLICY_FILE"


def write_policy(path: Path, chosen: Path | None, model: Path) -> None:
    """Write the policy to a file, a copy of the one that is set or else the demo's; blocks for the disk.

    By the demo's a number that was labelled is not held below the threshold, as where a measure decides.

    Args:
        path: Of the file.
        chosen: The policy that is set.
        model: Folder of the artifact that decides.

    Raises:
        ArtifactError: It is none.
        PolicyInvalid: `chosen` cannot be read.
    """
    if chosen is not None:
        path.write_bytes(read_policy(chosen))
        return
    (category,) = Policy().categories
    default = category.thresholds
    label_at = min(float(read_manifest(model)["thresholds"]["label_at"]), default.block_clear)
    thresholds = replace(default, label_at=label_at, label_clear=label_at)
    texts = {name: getattr(category, name) for name in ("name", "label_text", "label_long_text")}
    path.write_text(yaml.safe_dump({"categories": [{**texts, "thresholds": asdict(thresholds)}]}), encoding="utf-8")
