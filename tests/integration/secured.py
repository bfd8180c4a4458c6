"""A real broker and a real Redis that want TLS, and a password or a certificate, with an authority of their own."""

import datetime as dt
import ipaddress
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from streams.local.services import free_ports, port_accepts
from tests.broker_process import broker_process
from tests.processes import needs
from tests.waiting import wait_until

USER, PASSWORD = "robocall", "a password of the tests"
PROPERTIES = """
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PASSWORD:SASL_SSL,CERTIFICATE:SSL
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.password.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.password.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
    user_{user}="{password}";
listener.name.password.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.password.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.certificate.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/authority.crt
"""


@dataclass(frozen=True, slots=True)
class Secured:
    """Where it is, and what opens it.

    Attributes:
        password: address that wants name and password, over TLS.
        certificate: address that wants a client's certificate.
        folder: has `authority.crt`, `client.crt`, `client.key`, and `other.crt`, of an authority nobody knows.
    """

    password: str
    certificate: str
    folder: Path


@contextmanager
def secured_broker(folder: Path) -> Iterator[Secured]:
    """Start it; its user is known to each mechanism."""
    make_certificates(folder)
    by_password, by_certificate = free_ports(2)
    more = PROPERTIES.format(folder=folder, user=USER, password=PASSWORD)
    secured = f"PASSWORD://127.0.0.1:{by_password},CERTIFICATE://127.0.0.1:{by_certificate}"
    plain = "PLAINTEXT://127.0.0.1:{port}"
    more += f"advertised.listeners={plain},{secured}\n"
    more += f"listeners={plain},CONTROLLER://127.0.0.1:{{controller_port}},{secured}\n"
    with broker_process(folder / "broker", properties=more) as broker:
        _add_user(broker.bootstrap)
        yield Secured(f"127.0.0.1:{by_password}", f"127.0.0.1:{by_certificate}", folder)


@contextmanager
def secured_redis(folder: Path) -> Iterator[str]:
    """Start it, with the certificates in a folder (`make_certificates`); gives the URL with the password in it.

    The Valkey of local runs is built without TLS.
    """
    server = needs("redis-server", "redis-server")
    (port,) = free_ports(1)
    options = {
        "port": "0", "tls-port": str(port), "bind": "127.0.0.1", "dir": str(folder), "save": "", "appendonly": "no",
        "tls-cert-file": str(folder / "broker.crt"), "tls-key-file": str(folder / "broker.key"),
        "tls-ca-cert-file": str(folder / "authority.crt"), "tls-auth-clients": "no", "requirepass": PASSWORD,
        "logfile": "redis.log",
    }  # fmt: skip
    process = subprocess.Popen([server, *(text for name, one in options.items() for text in (f"--{name}", one))])
    try:
        wait_until(lambda: port_accepts(port) or process.poll() is not None, "the server accepts")
        assert process.poll() is None, (folder / "redis.log").read_text()
        yield f"rediss://:{quote(PASSWORD)}@127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


def _add_user(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
        wanted = UserScramCredentialUpsertion(USER, ScramCredentialInfo(mechanism, 4_096), PASSWORD.encode())
        for done in admin.alter_user_scram_credentials([wanted]).values():
            done.result()


def make_certificates(folder: Path) -> None:
    """Write an authority, certificates that it signed for broker and client, and another authority's."""
    key, authority = _signed("our authority", None, None)
    _write(folder / "authority.crt", authority)
    for name in ("broker", "client"):
        own_key, certificate = _signed(name, authority, key)
        _write(folder / f"{name}.crt", certificate)
        private = own_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.key").write_bytes(private)
        (folder / f"{name}.pem").write_bytes(private + (folder / f"{name}.crt").read_bytes())
    _write(folder / "other.crt", _signed("another authority", None, None)[1])


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _signed(
    name: str, issuer: x509.Certificate | None, issuer_key: ec.EllipticCurvePrivateKey | None
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    return key, builder.sign(issuer_key or key, hashes.SHA256())
