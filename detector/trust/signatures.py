"""ES256, the one algorithm of PASSporTs (RFC 8225 section 8): a signature of 64 bytes on the curve P-256."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from detector.trust.encoding import decode_base64url
from detector.trust.verdict import Cause, Refused

ALGORITHM = "ES256"
_HALF = 32
_ECDSA = ec.ECDSA(Prehashed(SHA256()))


def require_signature(key: ec.EllipticCurvePublicKey | None, signature: str, digest: bytes) -> None:
    """Refuse what the owner of the key did not sign. It is nearly all of what a verification costs.

    Args:
        key: Key on P-256, parsed; None is refused.
        signature: In base64url.
        digest: SHA-256 of the bytes that should be signed.

    Raises:
        Refused: the signature does not hold, or is none.
    """
    if key is None:
        raise Refused(Cause.CERTIFICATE_KEY, "the key is not on the curve P-256")
    raw = decode_base64url(signature)
    if len(raw) != 2 * _HALF:
        raise Refused(Cause.SIGNATURE_INVALID, "a signature does not have 64 bytes")
    try:
        key.verify(encode_dss_signature(int.from_bytes(raw[:_HALF]), int.from_bytes(raw[_HALF:])), digest, _ECDSA)
    except InvalidSignature as error:
        raise Refused(Cause.SIGNATURE_INVALID, "the signature does not hold") from error
