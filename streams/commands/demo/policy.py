"""The demo's policy: labels start at the score that stands on the model's card, all else is as by default.

There the model hit 1 in 1,000 lawful calls of its calibration span, the budget that a fresh policy has for labels. The
default threshold is higher, since nobody knows the traffic of a fresh installation.
"""

from dataclasses import asdict, replace
from pathlib import Path

import yaml

from detector.policy.settings import Policy
from models.serve.manifest import read_manifest

POLICY_VARIABLE = "ROBOCALL_POLICY_FILE"


def write_demo_policy(path: Path, model: Path) -> None:
    """Write the policy to a file; blocks for the disk.

    A number that was labelled is not held below the threshold, as where a measure decides.

    Args:
        path: Of the file.
        model: Folder of the artifact that decides.

    Raises:
        ArtifactError: It is none.
    """
    (category,) = Policy().categories
    default = category.thresholds
    label_at = min(float(read_manifest(model)["thresholds"]["label_at"]), default.block_clear)
    thresholds = replace(default, label_at=label_at, label_clear=label_at)
    texts = {name: getattr(category, name) for name in ("name", "label_text", "label_long_text")}
    path.write_text(yaml.safe_dump({"categories": [{**texts, "thresholds": asdict(thresholds)}]}), encoding="utf-8")
