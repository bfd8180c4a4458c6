"""Signatures of files that are kept where others may write: HMAC-SHA256 (RFC 2104) under a key that operators keep.

A signature is over a digest or a small file, and over what kind of thing it is, so that none can stand for another.
While a key is replaced, files that were signed with the other one are taken as well. Without a key nothing is signed,
and nothing is refused for it.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

SIGNATURE_BYTES = 32
SETTING = "ROBOCALL_SIGNING_KEY"


@dataclass(frozen=True, slots=True)
class Signing:
    """The keys of one process. Immutable; nothing here blocks.

    Attributes:
        key: signs, and what it signed is taken; None = nothing is signed or refused.
        other: what was signed with it is taken too.
    """

    key: bytes | None = field(default=None, repr=False)
    other: bytes | None = field(default=None, repr=False)

    def sign(self, kind: str, content: bytes) -> bytes | None:
        """Signature of `content` as a `kind` of thing, `SIGNATURE_BYTES` long; None without a key."""
        return None if self.key is None else _mac(self.key, kind, content)

    def problem(self, kind: str, content: bytes, signature: bytes | None) -> str | None:
        """What is wrong with a signature, with what to do; None where nothing is, or where there is no key."""
        if self.key is None:
            return None
        if signature is None:
            return f"it is not signed, and {SETTING} is set"
        keys = [key for key in (self.key, self.other) if key is not None]
        if any(hmac.compare_digest(_mac(key, kind, content), signature) for key in keys):
            return None
        return f"it is signed with another key than {SETTING} and {SETTING}_OTHER, or was changed"


UNSIGNED = Signing()


def _mac(key: bytes, kind: str, content: bytes) -> bytes:
    return hmac.digest(key, kind.encode() + b"\0" + content, hashlib.sha256)
