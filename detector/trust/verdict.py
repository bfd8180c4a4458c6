"""What verifying a call came to: a verdict, its finer cause, what a verifier would answer. No check is made here."""

from enum import StrEnum
from typing import NamedTuple

from detector.contract.errors import RobocallError
from detector.contract.events import Attestation


class Verstat(StrEnum):
    """Values of `verstat` (3GPP TS 24.229)."""

    PASSED = "TN-Validation-Passed"
    FAILED = "TN-Validation-Failed"
    NONE = "No-TN-Validation"


class Cause(StrEnum):
    """Why the verdict is what it is."""

    PASSED = "passed"
    NO_IDENTITY = "no_identity"
    IDENTITY_MALFORMED = "identity_malformed"
    IDENTITY_TOO_LARGE = "identity_too_large"
    TOO_MANY_IDENTITIES = "too_many_identities"
    ALGORITHM_UNSUPPORTED = "algorithm_unsupported"
    PPT_UNSUPPORTED = "ppt_unsupported"
    PPT_MISMATCH = "ppt_mismatch"
    COMPACT_UNSUPPORTED = "compact_unsupported"
    INFO_INVALID = "info_invalid"
    INFO_MISMATCH = "info_mismatch"
    CERTIFICATE_UNAVAILABLE = "certificate_unavailable"
    NOT_CHECKED = "not_checked"
    CERTIFICATE_MALFORMED = "certificate_malformed"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid"
    CERTIFICATE_REVOKED = "certificate_revoked"
    REVOCATION_UNKNOWN = "revocation_unknown"
    CERTIFICATE_KEY = "certificate_key"
    CERTIFICATE_USAGE = "certificate_usage"
    CERTIFICATE_POLICY = "certificate_policy"
    CERTIFICATE_SCOPE = "certificate_scope"
    NUMBER_NOT_COVERED = "number_not_covered"
    CLAIMS_MALFORMED = "claims_malformed"
    CLAIMS_NOT_PERMITTED = "claims_not_permitted"
    SIGNATURE_INVALID = "signature_invalid"
    ORIG_MISMATCH = "orig_mismatch"
    DEST_MISMATCH = "dest_mismatch"
    DIVERSION_BROKEN = "diversion_broken"
    STALE = "stale"
    FUTURE = "future"
    REPLAYED = "replayed"


CODES: dict[Cause, int | None] = {
    Cause.PASSED: None,
    Cause.NO_IDENTITY: 428,
    Cause.NOT_CHECKED: None,
    Cause.REVOCATION_UNKNOWN: None,
    Cause.STALE: 403,
    Cause.FUTURE: 403,
    Cause.INFO_INVALID: 436,
    Cause.INFO_MISMATCH: 436,
    Cause.CERTIFICATE_UNAVAILABLE: 436,
    Cause.CERTIFICATE_MALFORMED: 437,
    Cause.CERTIFICATE_UNTRUSTED: 437,
    Cause.CERTIFICATE_EXPIRED: 437,
    Cause.CERTIFICATE_NOT_YET_VALID: 437,
    Cause.CERTIFICATE_REVOKED: 437,
    Cause.CERTIFICATE_KEY: 437,
    Cause.CERTIFICATE_USAGE: 437,
    Cause.CERTIFICATE_POLICY: 437,
    Cause.CERTIFICATE_SCOPE: 437,
    Cause.NUMBER_NOT_COVERED: 437,
}
"""SIP status that a verifier would answer (RFC 8224 section 6.2.2); 438 for a cause that is not here, None for none."""
OTHERS_CODE = 438

NOTHING_TOLD = frozenset(
    {
        Cause.NO_IDENTITY,
        Cause.PPT_UNSUPPORTED,
        Cause.CERTIFICATE_UNAVAILABLE,
        Cause.NOT_CHECKED,
        Cause.REVOCATION_UNKNOWN,
    }
)
"""Causes of `No-TN-Validation`: nobody signed in a way that we know, or we cannot tell. All others are failures."""


class Refused(RobocallError):
    """A header, token, certificate or list does not hold.

    Attributes:
        cause: Which rule it breaks.
        detail: One sentence for people; it quotes no phone number.
    """

    def __init__(self, cause: Cause, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


class CallerName(NamedTuple):
    """Who is calling and why, as signed (RFC 9795).

    Attributes:
        name: `nam` of the claim `rcd`.
        reason: Call reason, the claim `crn`; None where there is none.
        signer_spc: Service provider code of who signed it; None for a delegate.
    """

    name: str
    reason: str | None = None
    signer_spc: str | None = None


class Verdict(NamedTuple):
    """What verifying came to. What a token claims stands here only where the token held.

    Attributes:
        cause: Why; it decides `verstat` and `code`.
        detail: One sentence for people, without phone numbers.
        attestation: Of a `shaken` token.
        origid: Of a `shaken` token.
        signer_spc: Service provider code of the certificate; None for a delegate.
        names: Who is calling and why.
        priorities: Values of Resource-Priority that were signed, as `ets.0` (RFC 8443).
        sip_priority: Value of Priority that was signed, as `psap-callback` (RFC 9027).
        priority_spc: Service provider code of who signed both.
        is_diverted: The call was forwarded, and each hop was signed (RFC 8946).
        diverted_from: Of such a call: the number that forwarded it last, canonical.
        forwarder_spc: Service provider code of who signed that; None for a delegate.
        token: SHA-256 of what the number's token signs; empty unless it passed. For finding replays.
    """

    cause: Cause
    detail: str = ""
    attestation: Attestation | None = None
    origid: str | None = None
    signer_spc: str | None = None
    names: tuple[CallerName, ...] = ()
    priorities: tuple[str, ...] = ()
    sip_priority: str | None = None
    priority_spc: str | None = None
    is_diverted: bool = False
    diverted_from: str | None = None
    forwarder_spc: str | None = None
    token: bytes = b""

    @property
    def verstat(self) -> Verstat:
        """Verification status."""
        if self.cause is Cause.PASSED:
            return Verstat.PASSED
        return Verstat.NONE if self.cause in NOTHING_TOLD else Verstat.FAILED

    @property
    def code(self) -> int | None:
        """SIP status that a verifier would answer; None where it would answer none."""
        return CODES.get(self.cause, OTHERS_CODE)


def refused(refusal: Refused) -> Verdict:
    """Make the verdict of a refusal."""
    return Verdict(cause=refusal.cause, detail=refusal.detail)
