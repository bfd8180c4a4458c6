"""Keys of packages: made for their owner alone, and refused where they are something else."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from streams.referral.package import PackageRefused
from streams.referral.signing import fingerprint, is_signed_by, make_key, private_key, public_key, public_pem


def test_a_key_is_read_as_it_was_made(tmp_path: Path) -> None:
    made = make_key(tmp_path / "key.pem")

    found = private_key(tmp_path / "key.pem")

    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert fingerprint(found.public_key()) == fingerprint(made.public_key())
    assert is_signed_by(public_key(public_pem(made.public_key()), "it"), found.sign(b"text"), b"text")
    assert not is_signed_by(made.public_key(), found.sign(b"text"), b"other")


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    make_key(tmp_path / "key.pem")

    with pytest.raises(FileExistsError):
        make_key(tmp_path / "key.pem")


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files = {"junk.pem": (b"junk", "no private key"), "ec.pem": (pem, "no Ed25519 key")}
    for name, (content, words) in files.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
        with pytest.raises(PackageRefused, match=words):
            private_key(tmp_path / name)
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for content, words in ((b"junk", "no public key"), (public, "no Ed25519 key")):
        with pytest.raises(PackageRefused, match=words):
            public_key(content, "it")


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o640)

    with pytest.raises(PackageRefused, match="others may read"):
        private_key(tmp_path / "key.pem")
