"""A small file that is whole or refused: its first line has a digest of all the rest, and with a key a signature.

It knows nothing of what is in the file, nor where it is kept. The signature is over the digest and the file's own name,
so that one file cannot stand for another.
"""

import hashlib
import re
from dataclasses import dataclass

from detector.contract.errors import RobocallError
from models.serve.signing import UNSIGNED, Signing

LINE_BYTES = 1_024
"""The first line is shorter: so much more than its content a sealed file may have."""

_SIGNATURE = re.compile(rb"(?: ([0-9a-f]{64}))?")


class SealBroken(RobocallError):
    """A file is damaged, of another kind or version, or not signed as it has to be."""


@dataclass(frozen=True, slots=True)
class Seal:
    """How the files of one kind are sealed.

    Attributes:
        magic: What the first line begins with: kind and version, ending in a space.
        signed_as: The kind of thing, for the signature.
        signing: With a key files are signed, and only signed ones are opened.
    """

    magic: bytes
    signed_as: str
    signing: Signing = UNSIGNED

    def close(self, name: str, content: bytes) -> bytes:
        """Return the file: the first line, then the content."""
        digest = digest_of(content)
        signature = self.signing.sign(self.signed_as, _signed(name, digest))
        end = b"" if signature is None else b" " + signature.hex().encode()
        return self.magic + digest + end + b"\n" + content

    def open(self, name: str, file: bytes) -> bytes:
        """Return the content of a file.

        Raises:
            SealBroken: It is damaged, something else, or not signed as it has to be; a clause that begins with who.
        """
        first, _, content = file.partition(b"\n")
        digest = digest_of(content)
        named, signature = first[: len(self.magic + digest)], _SIGNATURE.fullmatch(first[len(self.magic + digest) :])
        if named != self.magic + digest or signature is None:
            raise SealBroken("it is damaged, or of another version")
        made = bytes.fromhex(signature[1].decode()) if signature[1] else None
        problem = self.signing.problem(self.signed_as, _signed(name, digest), made)
        if problem is not None:
            raise SealBroken(problem)
        return content


def digest_of(content: bytes) -> bytes:
    """Digest of some bytes, 64 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=32).hexdigest().encode()


def _signed(name: str, digest: bytes) -> bytes:
    return name.encode() + b"\n" + digest
