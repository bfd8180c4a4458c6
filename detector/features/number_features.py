"""Features of the numbering plan: what the calling number's codes say of it, the last rows of the feature table f4."""

from detector.features.kinds import Feature
from detector.features.operations import Instruction

OF_NUMBERS = -3
"""Operation of these features: `detector.columns.code_plan` fills their columns."""
_DOCS = {
    "call_premium": "the calling number is one that callers pay for (900, or 976 in an area code)",
    "call_personal": "the calling number is non-geographic and not toll-free (500 and the like, 700)",
    "call_unassigned": "nobody has the calling number's office code or block; -1 where no list of them is given",
}
PREMIUM, PERSONAL, UNASSIGNED = range(len(_DOCS))
NUMBER_FEATURES: tuple[Feature, ...] = tuple(
    Feature(name, "flag", 0.0, 1.0, "call", 0, f"sign that {doc}", Instruction(OF_NUMBERS, 0, figure, 0, 0, 0))
    for figure, (name, doc) in enumerate(_DOCS.items())
)
