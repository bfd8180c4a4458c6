"""What a call was: the truth that generated traffic tells and that label files carry."""

from dataclasses import dataclass

ROBOCALL = "robocall"
LEGITIMATE = "legitimate"


@dataclass(frozen=True, slots=True)
class Truth:
    """What a call was.

    Attributes:
        is_robocall: else it is a lawful call.
        campaign: name of the campaign that it belongs to; empty for a lawful call.
        kind: of `models.traffic.kinds`; label files may have others.
    """

    is_robocall: bool
    campaign: str
    kind: str
