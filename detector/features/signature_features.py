"""Features of signatures: what our own verdicts tell of a call and its keys, the last rows of the feature table f4."""

from detector.features import signatures
from detector.features.kinds import Feature
from detector.features.operations import Instruction
from detector.features.signatures import FEWEST_CALLS
from detector.features.window_constants import AGE_LIMIT_S

OF_SIGNATURES = -2
"""Operation of these features: the memory of signatures fills their columns."""

_CALL = {
    "call_own_passed": "its signature held by our own verdict",
    "call_own_broken": "its signature does not hold, or its token is malformed",
    "call_own_certificate": "the certificate of its signature does not hold",
    "call_own_mismatch": "its token was made for other numbers or another time",
    "call_own_replayed": "its token was seen with another call",
    "call_own_unchecked": "its signature could not be checked in time",
    "call_own_unlike_switch": "our verdict and that of the switch are contrary",
    "call_signer_unlike_upstream": "its signer is not the provider behind the trunk group; -1 where one is not known",
}
_GROUPS = {"trunk": "on the trunk group", "origin": "of the origin", "signer": "of the signer"}
_SHARES = {
    "unsigned": "calls without a verdict of ours",
    "own_failed": "calls whose signature failed by our own verdict",
    "foreign_signer": "calls whose signer is not the provider behind the trunk group",
}


def _feature(name: str) -> Feature:
    instruction = Instruction(OF_SIGNATURES, 0, signatures.FIGURES.index(name), 0, 0, FEWEST_CALLS)
    source, _, what = name.partition("_")
    if source == "call":
        return Feature(name, "flag", 0.0, 1.0, source, 0, f"sign that {_CALL[name]}", instruction._replace(minimum=0))
    of = _GROUPS[source]
    if what == "age":
        doc = f"time since the first call {of} that is remembered"
        return Feature(name, "s", 0.0, AGE_LIMIT_S, source, 0, doc, instruction._replace(minimum=0))
    if what == "surge":
        doc = f"calls an hour {of} lately against usually; it falls in the course of a day (UTC)"
        return Feature(name, "ratio", 0.0, 1.0, source, FEWEST_CALLS, doc, instruction)
    if what == "foreign_usually":
        doc = f"share of {_SHARES['foreign_signer']} among those {of} usually"
        return Feature(name, "share", 0.0, 1.0, source, FEWEST_CALLS, doc, instruction)
    share, is_lately, _ = what.partition("_lately")
    if is_lately:
        doc = f"share of {_SHARES[share]} among those {of} lately"
        return Feature(name, "share", 0.0, 1.0, source, FEWEST_CALLS, doc, instruction)
    doc = f"share of {_SHARES[share.removesuffix('_vs_usual')]} {of} lately against usually (0.5 = alike)"
    return Feature(name, "ratio", 0.0, 1.0, source, FEWEST_CALLS, doc, instruction)


SIGNATURE_FEATURES: tuple[Feature, ...] = tuple(_feature(name) for name in signatures.FIGURES)
