"""Passwords as salted scrypt digests (RFC 7914), by the standard library: no dependency whose builds must be followed.

Argon2id is as good and needs a compiled package of its own. The cost stands in each digest, so that it can be raised.
"""

import base64
import hashlib
import hmac
import secrets

SHORTEST, LONGEST = 12, 256
"""Characters of a password."""
COST, BLOCK, PARALLEL = 2**15, 8, 3
"""32 MB and about a quarter of a second; OWASP's sheet has this triple beside others of the same strength."""
MOST_MEMORY_BYTES = 128 * 1024 * 1024
SALT_BYTES = DIGEST_BYTES = 32
_NAME = "scrypt"


def hash_password(password: str) -> str:
    """Make the text that is kept of a password. It blocks for about a quarter of a second, and lets threads run."""
    salt = secrets.token_bytes(SALT_BYTES)
    digest = _digest(password, salt, COST, BLOCK, PARALLEL)
    parts = (_NAME, COST, BLOCK, PARALLEL, base64.b64encode(salt).decode(), base64.b64encode(digest).decode())
    return "$".join(map(str, parts))


def is_password(password: str, kept: str) -> bool:
    """Whether it is the one that a text was made of; blocks like `hash_password`, and compares in constant time."""
    try:
        name, cost, block, parallel, salt, digest = kept.split("$")
        found = _digest(password, base64.b64decode(salt), int(cost), int(block), int(parallel))
        return name == _NAME and hmac.compare_digest(found, base64.b64decode(digest))
    except ValueError:  # somebody wrote into the file
        return False


def _digest(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=cost,
        r=block,
        p=parallel,
        maxmem=MOST_MEMORY_BYTES,
        dklen=DIGEST_BYTES,
    )


NOBODYS = "$".join((_NAME, str(COST), str(BLOCK), str(PARALLEL), base64.b64encode(bytes(SALT_BYTES)).decode(), ""))
"""No password gives this one, and trying takes as long as any: who has no account is not told apart by the time."""
