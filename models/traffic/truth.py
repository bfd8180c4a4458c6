"""What a call was: the truth that generated traffic tells and that label files carry."""

from dataclasses import dataclass

ROBOCALL = "robocall"
LEGITIMATE = "legitimate"
UNKNOWN_KIND = "unknown"


@dataclass(frozen=True, slots=True)
class Truth:
    """What a call was, who says so, and how far that is to be trusted.

    Attributes:
        is_robocall: else it is a lawful call.
        campaign: name of the campaign that it belongs to; empty for a lawful call.
        kind: of `models.traffic.kinds`; label files may have others.
        source: who says so (`models.data.verdicts`); empty where that is not known, and of generated traffic.
        weight: how far it is to be trusted, above 0 and at most 1.
    """

    is_robocall: bool
    campaign: str
    kind: str
    source: str = ""
    weight: float = 1.0
