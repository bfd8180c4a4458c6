"""Who made a package: an Ed25519 signature (RFC 8032) over its manifest, by a key of the carrier's own."""

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from streams.referral.package import PackageRefused

MOST_KEY_BYTES = 16_384
OWNER_ONLY = 0o600


def make_key(path: Path) -> Ed25519PrivateKey:
    """Make a key and write it to a new file that its owner alone may read.

    Raises:
        FileExistsError: the file is there; it is not written over.
        OSError: it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as file:
        file.write(pem)
    return key


def private_key(path: Path) -> Ed25519PrivateKey:
    """Read a key.

    Raises:
        PackageRefused: it is none, or of another kind, or others may read it.
        OSError: it cannot be read.
    """
    if path.stat().st_mode & 0o077:
        raise PackageRefused(f"others may read {path}: chmod 600 it, or make a new key")
    try:
        key = load_pem_private_key(_bounded(path), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PackageRefused(f"{path} is no private key in PEM without a passphrase") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise PackageRefused(f"{path} is no Ed25519 key: make one with `robocall referral key`")
    return key


def public_key(pem: bytes, name: str) -> Ed25519PublicKey:
    """Read a public key.

    Raises:
        PackageRefused: it is none, or of another kind.
    """
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PackageRefused(f"{name} is no public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise PackageRefused(f"{name} is no Ed25519 key")
    return key


def public_pem(key: Ed25519PublicKey) -> bytes:
    """The key as a file."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the key, 64 hex digits: what two people compare by telephone."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


def is_signed_by(key: Ed25519PublicKey, signature: bytes, manifest: bytes) -> bool:
    """Tell whether a signature is that of the manifest by the key."""
    try:
        key.verify(signature, manifest)
    except InvalidSignature:
        return False
    return True


def _bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_KEY_BYTES)
