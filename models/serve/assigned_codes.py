"""Which file of assigned codes a model learnt with, held against the one that a worker reads.

`call_unassigned` tells numbers of codes that nobody has (`detector.columns.code_plan`). With another file than the
model learnt with, or without any, it means something else to it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

PROVENANCE = "assigned_codes"
"""In the provenance of a manifest: ids of the codes that the calls were told by, empty texts for none."""
FEATURE = "call_unassigned"
SETTING = "ROBOCALL_ASSIGNED_CODES_FILE"


def of_calls(feature_names: Sequence[str], codes: Sequence[str]) -> dict[str, list[str]]:
    """What provenance says of them; nothing where no feature is made of them, or nobody knows.

    Args:
        feature_names: Of the model.
        codes: Ids (`detector.columns.code_plan.codes_id`) of what its calls were told by; empty where not known.
    """
    return {PROVENANCE: list(codes)} if FEATURE in feature_names and codes else {}


def told_otherwise(manifest: Mapping[str, Any], codes: str) -> str | None:
    """Say so where a worker tells unassigned codes by something else than a model learnt with; None else.

    None as well where that is not known, and of models that do not read the feature.

    Args:
        manifest: Of the model.
        codes: Id of what the worker tells them by; empty for nothing.
    """
    provenance = manifest.get("provenance")
    learnt = provenance.get(PROVENANCE) if isinstance(provenance, Mapping) else None
    if not isinstance(learnt, list) or not learnt or codes in learnt or FEATURE not in manifest["feature_names"]:
        return None
    version, with_codes = manifest["version"], ", ".join(str(one) for one in learnt if one)
    if not with_codes:
        return f"{version} learnt without {SETTING}, and {codes} is read: unset it, or train with it"
    here = f"{codes} is read" if codes else "none is set"
    return f"{version} learnt with assigned codes {with_codes}, and {here}: set {SETTING} to that file, or train again"
