"""A call that OpenSSL signed from end to end: keys, certificates, token and list by its own command, verified here.

The tests' own authority builds with the library that verifies. This one shares no code with it.
"""

import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from detector.trust.anchors import Anchors
from detector.trust.certificates import parse_certificates, parse_chain
from detector.trust.revocation import read_revocations
from detector.trust.verdict import Cause, Refused
from detector.trust.verify import Trust, verify
from tests.detector.trust.authority import CALL, X5U, base64url, claims, header
from tests.processes import needs

CONFIGURATION = """
[req]
distinguished_name = dn
prompt = no
[dn]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
[provider]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
certificatePolicies = 2.16.840.1.114569.1.1.3
1.3.6.1.5.5.7.1.26 = ASN1:SEQUENCE:tn_auth_list
[tn_auth_list]
field1 = EXP:0, IA5:123A
[ca]
default_ca = administrator
[administrator]
database = index.txt
crlnumber = crlnumber
default_md = sha256
default_crl_days = 30
crl_extensions = crl
[crl]
issuingDistributionPoint = critical, @point
[point]
indirectCRL = TRUE
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An authority, a policy administrator and a provider, as PEM files."""
    needs("openssl", "openssl")
    (tmp_path / "openssl.cnf").write_text(CONFIGURATION)
    for name in ("authority", "administrator", "provider"):
        run(tmp_path, f"ecparam -name prime256v1 -genkey -noout -out {name}.key")
    for name in ("authority", "administrator"):
        run(tmp_path, f"req -new -x509 -key {name}.key -out {name}.pem -days 30 -subj /C=US/CN={name}"
            " -extensions authority -config openssl.cnf")  # fmt: skip
    run(tmp_path, "req -new -key provider.key -out provider.csr -subj /C=US/CN=SHAKEN_123A -config openssl.cnf")
    run(tmp_path, "x509 -req -in provider.csr -CA authority.pem -CAkey authority.key -set_serial 4711 -sha256"
        " -out provider.pem -days 20 -extfile openssl.cnf -extensions provider")  # fmt: skip
    return tmp_path


AUTHORITY = "basicConstraints = critical, CA:true\nkeyUsage = critical, keyCertSign, cRLSign\n"
SIGNER = "basicConstraints = critical, CA:false\nkeyUsage = critical, digitalSignature\n"
POLICY = "certificatePolicies = 2.16.840.1.114569.1.1.3\n"
CODE = "1.3.6.1.5.5.7.1.26 = ASN1:SEQUENCE:code\n[code]\nfield1 = EXP:0, IA5:123A\n"


@dataclass(frozen=True)
class Extensions:
    """Of three certificates, one below the other, as OpenSSL's configuration writes them."""

    anchor: str = AUTHORITY
    middle: str = AUTHORITY
    signer: str = SIGNER + POLICY + CODE


def cause_of(folder: Path, extensions: Extensions) -> Cause:
    """What becomes of a lawful token below these certificates."""
    above = None
    for name in ("anchor", "middle", "signer"):
        text = getattr(extensions, name)
        (folder / f"{name}.cnf").write_text(f"[req]\ndistinguished_name = dn\n[dn]\n[own]\n{text}")
        run(folder, f"ecparam -name prime256v1 -genkey -noout -out {name}.key")
        run(folder, f"req -new -key {name}.key -out {name}.csr -subj /C=US/CN={name} -config {name}.cnf")
        by = f"-signkey {name}.key" if above is None else f"-CA {above}.pem -CAkey {above}.key"
        run(folder, f"x509 -req -in {name}.csr {by} -set_serial 7 -sha256 -out {name}.pem -days 20"
            f" -extfile {name}.cnf -extensions own")  # fmt: skip
        above = name
    now_ms = round(datetime.now(UTC).timestamp() * 1e3)
    try:
        anchors = Anchors(parse_certificates((folder / "anchor.pem").read_bytes()))
        chain = parse_chain((folder / "signer.pem").read_bytes() + (folder / "middle.pem").read_bytes())
    except Refused as refusal:
        return refusal.cause
    identity = header(token(folder, now_ms // 1_000, "signer"))
    return verify((identity,), CALL, now_ms, Trust({X5U: chain}, anchors)).cause


@pytest.mark.parametrize(
    ("extensions", "cause"),
    [
        (Extensions(), Cause.PASSED),
        (Extensions(anchor="basicConstraints = CA:true, pathlen:1\n"), Cause.PASSED),
        (Extensions(middle="basicConstraints = CA:true, pathlen:0\n" + CODE), Cause.PASSED),
        (Extensions(middle=AUTHORITY.replace("CA:true", "CA:false")), Cause.CERTIFICATE_UNTRUSTED),
        (Extensions(middle="keyUsage = critical, keyCertSign, cRLSign\n"), Cause.CERTIFICATE_UNTRUSTED),
        (Extensions(middle=AUTHORITY.replace("keyCertSign", "digitalSignature")), Cause.CERTIFICATE_UNTRUSTED),
        (Extensions(middle=SIGNER + POLICY + CODE), Cause.CERTIFICATE_UNTRUSTED),
        (Extensions(anchor=AUTHORITY.replace("CA:true", "CA:true, pathlen:0")), Cause.CERTIFICATE_UNTRUSTED),
        (Extensions(anchor=AUTHORITY.replace("CA:true", "CA:false")), Cause.CERTIFICATE_UNTRUSTED),
        (Extensions(anchor=AUTHORITY.replace("keyCertSign, ", "")), Cause.CERTIFICATE_UNTRUSTED),
        (Extensions(middle=AUTHORITY + CODE.replace("123A", "999Z")), Cause.CERTIFICATE_SCOPE),
        (Extensions(middle=AUTHORITY + "nameConstraints = critical, permitted;DNS:example.org\n"),
         Cause.CERTIFICATE_MALFORMED),
        (Extensions(signer=SIGNER + POLICY), Cause.CERTIFICATE_SCOPE),
        (Extensions(signer=SIGNER + CODE), Cause.CERTIFICATE_POLICY),
        (Extensions(signer=SIGNER.replace("CA:false", "CA:true") + POLICY + CODE), Cause.CERTIFICATE_USAGE),
        (Extensions(signer=SIGNER.replace("digital", "keyCertSign, digital").replace("CA:false", "CA:true") + POLICY
         + CODE), Cause.CERTIFICATE_USAGE),
        (Extensions(signer=SIGNER.replace("digitalSignature", "keyEncipherment") + POLICY + CODE),
         Cause.CERTIFICATE_USAGE),
        (Extensions(signer=SIGNER + POLICY + "extendedKeyUsage = critical, serverAuth\n" + CODE),
         Cause.CERTIFICATE_MALFORMED),
    ],
)  # fmt: skip
def test_who_may_issue_and_who_may_sign(tmp_path: Path, extensions: Extensions, cause: Cause) -> None:
    """Certificates of OpenSSL: an authority says so, and may sign certificates; a signer is none."""
    needs("openssl", "openssl")
    assert cause_of(tmp_path, extensions) is cause


def run(folder: Path, arguments: str, data: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *arguments.split()], cwd=folder, input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def token(folder: Path, iat_s: int, signer: str = "provider") -> str:
    protected = json.dumps({"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": X5U}, separators=(",", ":"))
    body = json.dumps(claims(iat=iat_s), separators=(",", ":"))
    signed = f"{base64url(protected.encode())}.{base64url(body.encode())}"
    r, s = decode_dss_signature(run(folder, f"dgst -sha256 -sign {signer}.key", signed.encode()))
    return f"{signed}.{base64url(r.to_bytes(32) + s.to_bytes(32))}"


def test_what_openssl_signed_passes(folder: Path) -> None:
    """The policy administrator's list is read, too."""
    now_ms = round(datetime.now(UTC).timestamp() * 1e3)
    identities = (header(token(folder, now_ms // 1_000)),)
    anchors = Anchors(parse_certificates((folder / "authority.pem").read_bytes()))
    trust = Trust({X5U: parse_chain((folder / "provider.pem").read_bytes())}, anchors)

    passed = verify(identities, CALL, now_ms, trust)

    assert (passed.cause, passed.signer_spc) == (Cause.PASSED, "123A")

    (folder / "index.txt").write_text("R\t400101000000Z\t250101000000Z\t1267\tunknown\t/C=US/CN=SHAKEN_123A\n")
    (folder / "crlnumber").write_text("01\n")
    run(folder, "ca -gencrl -config openssl.cnf -cert administrator.pem -keyfile administrator.key -out list.pem")
    administrators = parse_certificates((folder / "administrator.pem").read_bytes())
    listed = read_revocations((folder / "list.pem").read_bytes(), administrators)

    # OpenSSL's command writes no issuer beside an entry, so the entry is the administrator's own.
    (entry,) = listed.entries
    assert (dict(entry[0])["2.5.4.3"], entry[1]) == ("administrator", 4_711)
    assert verify(identities, CALL, now_ms, Trust(trust.chains, anchors, listed)).cause is Cause.PASSED
