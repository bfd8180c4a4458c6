"""A real HTTPS server on a loopback address of its own, with an authority that only the tests trust."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from streams.trust.fetching import Fetcher, Limits
from streams.trust.resolving import Resolver

HOST = "certificates.example.org"
PORT = 8443
URL = f"https://{HOST}:{PORT}/shaken.pem"
LOOPBACK = ("127.0.0.0/8",)
DAY = timedelta(days=1)
Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]
"""Given the path that was asked for, and where to write a whole answer."""


@dataclass
class Server:
    """One that runs.

    Attributes:
        address: of loopback, and of no other server.
        asked: the requests that came, whole heads.
        names: that were looked up.
    """

    address: str
    asked: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def lookup(self, host: str, port: int) -> list[str]:
        """Any name is here."""
        assert port
        self.names.append(host)
        return [self.address]


@asynccontextmanager
async def serving(answer: Answer, *names: str, days: tuple[int, int] = (-2, 2)) -> AsyncIterator[Server]:
    """Serve as long as the block runs, under a certificate for its address and these names, valid for these days."""
    numbers = random.SystemRandom()
    server = Server(".".join(map(str, (127, *(numbers.randrange(1, 255) for _ in range(3))))))

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            server.asked.append(head)
            await answer(head.split()[1], writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # who asked has gone
        finally:
            writer.close()

    listening = await asyncio.start_server(
        answered, server.address, PORT, ssl=_server_tls(server.address, names or (HOST,), days)
    )
    try:
        yield server
    finally:
        listening.close()


def sends(content: bytes, *headers: str, status: str = "200 OK") -> Answer:
    """One answer to everything."""

    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        assert path.startswith("/")
        writer.write(response(content, *headers, status=status))

    return answer


def response(content: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """An answer's bytes."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def fetcher(server: Server, *, whole_s: float = 5.0, connect_s: float = 2.0, running: int = 4) -> Fetcher:
    """One that finds every name at the server, and may ask there."""
    return Fetcher(Limits(connect_s, whole_s, running), Resolver(LOOPBACK, server.lookup), trusting_tls())


def authority_pem() -> bytes:
    """The certificate of the servers' authority."""
    return _authority()[1].public_bytes(Encoding.PEM)


def trusting_tls() -> ssl.SSLContext:
    """Trusts that authority."""
    return ssl.create_default_context(cadata=authority_pem().decode())


@cache
def _authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Servers of tests")])
    built = _builder(name, name, key.public_key(), (-30, 30))
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return key, built.add_extension(usage, critical=True).sign(key, SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: tuple[int, int]
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + days[0] * DAY)
        .not_valid_after(now + days[1] * DAY)
    )


def _server_tls(address: str, names: tuple[str, ...], days: tuple[int, int]) -> ssl.SSLContext:
    issuer_key, issuer = _authority()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    alternatives = x509.SubjectAlternativeName([*map(x509.DNSName, names), x509.IPAddress(ip_address(address))])
    built = _builder(subject, issuer.subject, key.public_key(), days).add_extension(alternatives, critical=False)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    built = built.add_extension(identifier, critical=False)
    certificate = built.sign(issuer_key, SHA256())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        pem = Path(folder) / "server.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        tls.load_cert_chain(pem)
    return tls
