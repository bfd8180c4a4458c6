"""Lists of withdrawn certificates: indirect ones whose entries name issuers, direct ones, and who is believed."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from detector.trust.anchors import Path
from detector.trust.certificates import of_x509
from detector.trust.revocation import Revocations, read_revocations
from detector.trust.verdict import Cause, Refused
from tests.detector.trust.authority import (
    AT_MS,
    AT_S,
    DAY,
    Owner,
    anchors,
    delegate,
    indirect_list,
    issue,
    provider,
    provider_authority,
    root,
    x509_name,
)

ADMINISTRATOR = issue("Policy administrator", None, is_authority=True)
NOW = datetime.fromtimestamp(AT_S, UTC)


def path_of(owner: Owner) -> Path:
    return anchors().path(owner.chain())


def is_good(revocations: Revocations, owner: Owner) -> bool:
    try:
        revocations.require_good(path_of(owner), AT_MS)
    except Refused as refusal:
        return refusal.cause is not Cause.CERTIFICATE_REVOKED
    return True


def direct(
    signer: Owner,
    *serials: int,
    extension: x509.ExtensionType | None = None,
    name: str | None = None,
    beside: x509.ExtensionType | None = None,
) -> bytes:
    """An issuer's own list; an entry may name an issuer, which it must not."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(x509_name(signer.name))
    builder = builder.last_update(NOW - DAY).next_update(NOW + DAY)
    if extension is not None:
        builder = builder.add_extension(extension, critical=True)
    for serial in serials:
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW)
        if name is not None:
            one = one.add_extension(x509.CertificateIssuer([x509.DirectoryName(x509_name(name))]), critical=True)
        if beside is not None:
            one = one.add_extension(beside, critical=True)
        builder = builder.add_revoked_certificate(one.build())
    return builder.sign(signer.key, SHA256()).public_bytes(Encoding.DER)


def test_entries_count_under_the_issuer_that_they_name() -> None:
    """A serial number is an issuer's own. Any certificate below the anchor may be withdrawn."""
    authority = provider_authority().chain().leaf
    administrators = [of_x509(ADMINISTRATOR.certificate)]

    of_provider = read_revocations(indirect_list(ADMINISTRATOR, (root(), 4_711)), administrators)
    of_nobody = read_revocations(indirect_list(ADMINISTRATOR, (ADMINISTRATOR, 4_711), (root(), 4_712)), administrators)
    of_authority = read_revocations(indirect_list(ADMINISTRATOR, (root(), authority.serial)), administrators)

    assert [is_good(of_provider, one) for one in (provider(), delegate())] == [False, True]
    assert [is_good(of_nobody, one) for one in (provider(), delegate())] == [True, True]
    assert [is_good(of_authority, one) for one in (provider(), delegate())] == [True, False]


def test_an_entry_without_an_issuer_has_that_of_the_one_before() -> None:
    """RFC 5280 section 5.3.3; the first ones are the list's own."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509_name(ADMINISTRATOR.name))
        .last_update(NOW - DAY)
        .next_update(NOW + DAY)
        .add_extension(x509.IssuingDistributionPoint(None, None, False, False, None, True, False), critical=True)
    )
    for serial, name in [(1, None), (2, "Authority"), (3, None), (4, "Other"), (5, None)]:
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW)
        one = one.add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
        if name is not None:
            one = one.add_extension(x509.CertificateIssuer([x509.DirectoryName(x509_name(name))]), critical=True)
        builder = builder.add_revoked_certificate(one.build())
    data = builder.sign(ADMINISTRATOR.key, SHA256()).public_bytes(Encoding.PEM)

    found = read_revocations(data, [of_x509(ADMINISTRATOR.certificate)])

    names = {serial: dict(issuer)["2.5.4.3"] for issuer, serial in found.entries}
    assert names == {1: "policy administrator", 2: "authority", 3: "authority", 4: "other", 5: "other"}


def test_an_authority_may_list_its_own() -> None:
    """In DER as well."""
    found = read_revocations(direct(root(), 4_711), [of_x509(root().certificate)])

    assert not is_good(found, provider())


def test_a_list_that_is_out_of_date_still_says_who_was_withdrawn() -> None:
    """And no longer who was not."""
    until = datetime.fromtimestamp(AT_S - 1, UTC)
    found = read_revocations(indirect_list(root(), (root(), 4_711), until=until), [of_x509(root().certificate)])

    for owner, cause in [(provider(), Cause.CERTIFICATE_REVOKED), (delegate(), Cause.REVOCATION_UNKNOWN)]:
        with pytest.raises(Refused) as refusal:
            found.require_good(path_of(owner), AT_MS)
        assert refusal.value.cause is cause


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"junk", Cause.CERTIFICATE_MALFORMED),
        (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", Cause.CERTIFICATE_MALFORMED),
        (indirect_list(root()), Cause.CERTIFICATE_UNAVAILABLE),
        (indirect_list(Owner(ADMINISTRATOR.name, root().key, root().certificate)), Cause.SIGNATURE_INVALID),
        (direct(ADMINISTRATOR, 1, name="Authority"), Cause.CERTIFICATE_MALFORMED),
        (direct(ADMINISTRATOR, 1, beside=x509.InvalidityDate(NOW)), Cause.CERTIFICATE_MALFORMED),
        (direct(ADMINISTRATOR, 1, extension=x509.DeltaCRLIndicator(1)), Cause.CERTIFICATE_MALFORMED),
    ],
)
def test_other_lists_are_refused(data: bytes, cause: Cause) -> None:
    """Nobody's, forged, and those that demand what is unknown."""
    with pytest.raises(Refused) as refusal:
        read_revocations(data, [of_x509(ADMINISTRATOR.certificate)])
    assert refusal.value.cause is cause


def test_a_list_from_a_trusted_place_needs_no_signer() -> None:
    """Whoever gives the file answers for it."""
    assert not is_good(read_revocations(indirect_list(ADMINISTRATOR, (root(), 4_711)), None), provider())
