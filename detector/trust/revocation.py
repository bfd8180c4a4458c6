"""Which certificates were withdrawn: the STI-PA's indirect list, whose entries name issuers, or an issuer's own."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from detector.trust.anchors import Path
from detector.trust.certificates import Certificate, NameKey, name_key
from detector.trust.verdict import Cause, Refused

_READ = frozenset({ExtensionOID.ISSUING_DISTRIBUTION_POINT})
_READ_OF_ENTRIES = frozenset({CRLEntryExtensionOID.CERTIFICATE_ISSUER, CRLEntryExtensionOID.CRL_REASON})
_MALFORMED = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


@dataclass(frozen=True, slots=True)
class Revocations:
    """Certificates that were withdrawn.

    Attributes:
        entries: Issuer and serial number of each.
        next_update_ms: Epoch milliseconds; after that the list no longer says who is *not* on it. None for ever.
    """

    entries: frozenset[tuple[NameKey, int]]
    next_update_ms: int | None

    def require_good(self, path: Path, at_ms: int) -> None:
        """Refuse a path of which a certificate was withdrawn; the anchor is not asked.

        Args:
            path: The signer's certificate, those above it, the anchor.
            at_ms: Instant, epoch milliseconds. An entry counts whatever its date.

        Raises:
            Refused: one was withdrawn, or the list is too old to say that none was.
        """
        if any((one.issuer, one.serial) in self.entries for one in path[:-1]):
            raise Refused(Cause.CERTIFICATE_REVOKED, "a certificate of the chain was withdrawn")
        if self.next_update_ms is not None and at_ms > self.next_update_ms:
            raise Refused(Cause.REVOCATION_UNKNOWN, "the list of withdrawn certificates is out of date")


def read_revocations(data: bytes, signers: Iterable[Certificate] | None) -> Revocations:
    """Read a list of withdrawn certificates, in PEM or DER.

    Args:
        data: The list. Linear in its entries.
        signers: Certificates of whom we take such lists from; None where the list itself comes from a trusted place.

    Raises:
        Refused: it is none, or holds what we do not understand and must. The cause is `CERTIFICATE_UNAVAILABLE` where
            its signer is none of them, and `SIGNATURE_INVALID` where the signature does not hold.
    """
    try:
        load = x509.load_pem_x509_crl if b"-----BEGIN" in data else x509.load_der_x509_crl
        return _read(load(data), signers)
    except _MALFORMED as error:
        raise Refused(Cause.CERTIFICATE_MALFORMED, "the list of withdrawn certificates cannot be read") from error


def _read(crl: x509.CertificateRevocationList, signers: Iterable[Certificate] | None) -> Revocations:
    issuer = name_key(crl.issuer)
    if signers is not None:
        keys = [one.key for one in signers if one.subject == issuer and one.key is not None]
        if not keys:
            detail = "the certificate of who signed the list of withdrawn certificates is not at hand"
            raise Refused(Cause.CERTIFICATE_UNAVAILABLE, detail)
        if not any(crl.is_signature_valid(key) for key in keys):
            raise Refused(Cause.SIGNATURE_INVALID, "the signature of the list of withdrawn certificates does not hold")
    if any(one.critical and one.oid not in _READ for one in crl.extensions):
        raise Refused(Cause.CERTIFICATE_MALFORMED, "the list has a critical extension that is unknown")
    entries = frozenset(_entries(crl, issuer, is_indirect=_is_indirect(crl)))
    end = crl.next_update_utc
    return Revocations(entries, None if end is None else round(end.timestamp() * 1e3))


def _is_indirect(crl: x509.CertificateRevocationList) -> bool:
    try:
        return crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value.indirect_crl
    except x509.ExtensionNotFound:
        return False


def _entries(
    crl: x509.CertificateRevocationList, issuer: NameKey, *, is_indirect: bool
) -> Iterator[tuple[NameKey, int]]:
    """An entry without an issuer has that of the entry before it, the first one that of the list (RFC 5280, 5.3.3)."""
    for one in crl:
        for extension in one.extensions:
            if extension.critical and extension.oid not in _READ_OF_ENTRIES:
                raise Refused(Cause.CERTIFICATE_MALFORMED, "an entry has a critical extension that is unknown")
            if isinstance(extension.value, x509.CertificateIssuer):
                if not is_indirect:
                    raise Refused(Cause.CERTIFICATE_MALFORMED, "entries name issuers, and the list is not indirect")
                (name,) = extension.value.get_values_for_type(x509.DirectoryName)
                issuer = name_key(name)
        yield issuer, one.serial_number
