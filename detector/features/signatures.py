"""What is told of the signatures of a call, its trunk group, its origin and its signer, by our own verdicts alone.

The verdict and its cause travel in the event (`own_verstat`, `own_cause`, `own_signer_spc`), so a replay tells the
same. Causes come in groups: what a signature lacks says more than which of thirty rules found it.
`detector.windows.signatures` computes the figures.
"""

from detector.trust.verdict import Cause

UNSIGNED, PASSED, BROKEN, CERTIFICATE, MISMATCH, REPLAYED, UNCHECKED = range(7)
"""Groups of causes: no verdict of ours; the token held; it is malformed or its signature does not hold; its
certificate does not; it was made for another call, or at another time; it was seen before; nobody could tell."""
GROUPS = {
    Cause.PASSED: PASSED,
    Cause.NO_IDENTITY: UNSIGNED,
    Cause.CERTIFICATE_UNAVAILABLE: UNCHECKED,
    Cause.NOT_CHECKED: UNCHECKED,
    Cause.REVOCATION_UNKNOWN: UNCHECKED,
    Cause.CERTIFICATE_MALFORMED: CERTIFICATE,
    Cause.CERTIFICATE_UNTRUSTED: CERTIFICATE,
    Cause.CERTIFICATE_EXPIRED: CERTIFICATE,
    Cause.CERTIFICATE_NOT_YET_VALID: CERTIFICATE,
    Cause.CERTIFICATE_REVOKED: CERTIFICATE,
    Cause.CERTIFICATE_KEY: CERTIFICATE,
    Cause.CERTIFICATE_USAGE: CERTIFICATE,
    Cause.CERTIFICATE_POLICY: CERTIFICATE,
    Cause.CERTIFICATE_SCOPE: CERTIFICATE,
    Cause.NUMBER_NOT_COVERED: CERTIFICATE,
    Cause.ORIG_MISMATCH: MISMATCH,
    Cause.DEST_MISMATCH: MISMATCH,
    Cause.DIVERSION_BROKEN: MISMATCH,
    Cause.STALE: MISMATCH,
    Cause.FUTURE: MISMATCH,
    Cause.REPLAYED: REPLAYED,
}
"""Group of each cause; those that are not here are `BROKEN`, and so is a cause of a later build."""
FAILED = frozenset((BROKEN, CERTIFICATE, MISMATCH, REPLAYED))

FEWEST_CALLS = 10
"""Fewest calls that a share is computed from; older ones count less."""
LEAST_SHARE = 1e-6
"""Less than this is what has faded: nothing to compare."""
FADES_FAST_H, FADES_SLOWLY_H = 1, 24
"""With each hour that begins what was counted *lately* counts half, with each day (UTC) what is *usual*."""
GROUP_BITS = 7
IS_UNLIKE_SWITCH, IS_UNLIKE_UPSTREAM, KNOWS_UPSTREAM, IS_VOUCHED = 1 << 3, 1 << 4, 1 << 5, 1 << 6
"""Bits of `CallBatch.signature` above the group: we and the switch came to contrary verdicts; the signer's provider
code is not that of the provider behind the trunk group; both codes are known; a signature of attestation A vouches for
the calling number: by our own verdict where we came to one, else by that of the switch."""

CALL_FIGURES = (
    "call_own_passed", "call_own_broken", "call_own_certificate", "call_own_mismatch", "call_own_replayed",
    "call_own_unchecked", "call_own_unlike_switch", "call_signer_unlike_upstream",
)  # fmt: skip
TRUNK_FIGURES = (
    "trunk_unsigned_lately", "trunk_unsigned_vs_usual", "trunk_own_failed_lately", "trunk_own_failed_vs_usual",
    "trunk_foreign_signer_lately", "trunk_foreign_signer_vs_usual",
)  # fmt: skip
ORIGIN_FIGURES = ("origin_own_failed_lately", "origin_own_failed_vs_usual", "origin_foreign_signer_lately")
SIGNER_FIGURES = ("signer_age", "signer_foreign_usually", "signer_surge")
FIGURES = (*CALL_FIGURES, *TRUNK_FIGURES, *ORIGIN_FIGURES, *SIGNER_FIGURES)
N_FIGURES = len(FIGURES)
FIRST_OF_TRUNK = len(CALL_FIGURES)
FIRST_OF_ORIGIN = FIRST_OF_TRUNK + len(TRUNK_FIGURES)
FIRST_OF_SIGNER = FIRST_OF_ORIGIN + len(ORIGIN_FIGURES)
