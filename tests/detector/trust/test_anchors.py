"""Paths to anchors, and the policy administrator's list of them: signature, sequence, end, no way back."""

from base64 import b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from detector.trust import anchors as anchors_module
from detector.trust.anchors import AnchorList, Anchors, read_anchor_list, require_valid
from detector.trust.certificates import Certificate, of_x509
from detector.trust.verdict import Cause, Refused
from tests.detector.trust.authority import (
    AT_MS,
    AT_S,
    Owner,
    anchors,
    delegate,
    issue,
    provider,
    root,
    spc,
    tn_auth_list,
)

ADMINISTRATOR = issue("Policy administrator", None)
SIGNER = "2.5.4.6=us,2.5.4.10=tests,2.5.4.3=policy administrator"


def listed(signer: Owner = ADMINISTRATOR, alg: str = "ES256", **changes: Any) -> str:
    pem = root().certificate.public_bytes(Encoding.PEM).decode()
    whole = {"exp": AT_S + 3_600, "sequence": 7, "trustList": [pem], "version": 1} | changes
    return signer.sign(
        {name: value for name, value in whole.items() if value is not None}, alg=alg, ppt=None, typ="JWT"
    )


def read(token: str, *, latest: int = 0, at_ms: int = AT_MS, signers: list[Certificate] | None = None) -> AnchorList:
    administrators = [of_x509(ADMINISTRATOR.certificate)] if signers is None else signers
    return read_anchor_list(token, administrators, at_ms, {SIGNER: latest, "somebody else": 99})


def test_a_list_makes_anchors() -> None:
    """Certificates in PEM, or in DER and base64."""
    der = b64encode(root().certificate.public_bytes(Encoding.DER)).decode()
    other = issue("Other authority", None, is_authority=True).certificate.public_bytes(Encoding.PEM).decode()

    found = read(listed(trustList=[der, other]))

    assert (found.sequence, found.expires_ms, len(found.anchors)) == (7, (AT_S + 3_600) * 1_000, 2)
    assert found.signer == SIGNER
    assert Anchors(found.anchors).path(provider().chain())[-1].subject == of_x509(root().certificate).subject


@pytest.mark.parametrize(("latest", "is_taken"), [(0, True), (7, True), (8, False)])
def test_a_list_never_goes_back(latest: int, is_taken: bool) -> None:
    """The same one may be read again; an older one would bring back authorities that were thrown out."""
    if is_taken:
        assert read(listed(), latest=latest).sequence == 7
        return
    with pytest.raises(Refused) as refusal:
        read(listed(), latest=latest)
    assert refusal.value.cause is Cause.REPLAYED


@pytest.mark.parametrize(
    ("token", "at_ms", "cause"),
    [
        (listed(), (AT_S + 3_600) * 1_000, Cause.STALE),
        (listed(issue("Nobody", None)), AT_MS, Cause.SIGNATURE_INVALID),
        (listed(alg="none"), AT_MS, Cause.ALGORITHM_UNSUPPORTED),
        (listed(alg="HS256"), AT_MS, Cause.ALGORITHM_UNSUPPORTED),
        (listed()[:-2], AT_MS, Cause.SIGNATURE_INVALID),
        (listed(sequence=None), AT_MS, Cause.CLAIMS_MALFORMED),
        (listed(sequence="7"), AT_MS, Cause.CLAIMS_MALFORMED),
        (listed(exp=None), AT_MS, Cause.CLAIMS_MALFORMED),
        (listed(exp=True), AT_MS, Cause.CLAIMS_MALFORMED),
        (listed(trustList=[]), AT_MS, Cause.CLAIMS_MALFORMED),
        (listed(trustList=["!"]), AT_MS, Cause.CLAIMS_MALFORMED),
        (listed(trustList=[1]), AT_MS, Cause.CLAIMS_MALFORMED),
        (listed(trustList=["AAAA"]), AT_MS, Cause.CERTIFICATE_MALFORMED),
        (listed(trustList=["AAAA"] * 1_001), AT_MS, Cause.CLAIMS_MALFORMED),
        ("junk", AT_MS, Cause.IDENTITY_MALFORMED),
        ("a" * (4 * 1024 * 1024 + 1), AT_MS, Cause.IDENTITY_TOO_LARGE),
    ],
)  # fmt: skip
def test_other_lists_are_refused(token: str, at_ms: int, cause: Cause) -> None:
    """Each breaks one rule."""
    with pytest.raises(Refused) as refusal:
        read(token, at_ms=at_ms)
    assert refusal.value.cause is cause


def test_a_list_is_believed_by_a_certificate_that_is_valid() -> None:
    """Of several, one that signed is enough."""
    old = issue("Policy administrator", None, days=(-30, -1))

    assert read(listed(), signers=[of_x509(old.certificate), of_x509(ADMINISTRATOR.certificate)]).sequence == 7
    for signers, cause in [
        ([], Cause.CERTIFICATE_UNAVAILABLE),
        ([of_x509(old.certificate)], Cause.CERTIFICATE_EXPIRED),
    ]:
        with pytest.raises(Refused) as refusal:
            read(listed(), signers=signers)
        assert refusal.value.cause is cause


def test_the_signatures_of_a_chain_are_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call by the same signer asks nothing again, whether the chain was good or not."""
    checked = []
    original = Certificate.is_issued_by

    def counted(issued: Certificate, issuer: Certificate) -> bool:
        checked.append(issued)
        return original(issued, issuer)

    monkeypatch.setattr(Certificate, "is_issued_by", counted)
    trusted, bad = anchors(), issue("Nobody", None, tn_auth_list(spc("1"))).chain()

    for _ in range(3):
        assert len(trusted.path(delegate().chain())) == 3
        with pytest.raises(Refused):
            trusted.path(bad)

    # The delegate's issuer in the chain, and the anchor above it; of the other nobody bears the issuer's name.
    assert len(checked) == 2


def test_paths_are_kept_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chains come from strangers."""
    monkeypatch.setattr(anchors_module, "PATHS_KEPT", 2)
    trusted = anchors()

    for name in "abcde":
        with pytest.raises(Refused):
            trusted.path(issue(name, None).chain())
        assert len(trusted._paths) <= 2


def test_one_of_several_authorities_of_a_name() -> None:
    """Keys are renewed; the name stays."""
    renewed = issue("Authority", None, is_authority=True, days=(-1, 300))
    foreign = Owner("Authority", issue("x", None).key, issue("x", None, issuer_name="Authority").certificate)

    trusted = Anchors([of_x509(foreign.certificate), of_x509(renewed.certificate), of_x509(root().certificate)])

    assert len(trusted.path(provider().chain())) == 2


@pytest.mark.parametrize(("days", "cause"), [(-31, Cause.CERTIFICATE_NOT_YET_VALID), (336, Cause.CERTIFICATE_EXPIRED)])
def test_a_path_is_valid_for_a_time(days: int, cause: Cause) -> None:
    """From its first instant to its last, both included."""
    path = anchors().path(provider().chain())
    day_ms = 86_400_000

    require_valid(path, AT_MS - 30 * day_ms)
    require_valid(path, AT_MS + 335 * day_ms)
    with pytest.raises(Refused) as refusal:
        require_valid(path, AT_MS + days * day_ms)
    assert refusal.value.cause is cause
