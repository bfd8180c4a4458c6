"""Messages that are damaged by chance."""

import random

PIECES = [b'"', b"<", b">", b";", b",", b"@", b":", b"=", b"\r\n", b"\r\n ", b"\\", b"%", b"\x00", b"\xff", b"tag=",
          b"sip:", b"z9hG4bK", b" ", b"SIP/2.0", b"[", b"]"]  # fmt: skip
RICH = (
    'P-Asserted-Identity: <tel:+12025550101>, "a" <sip:b@c;tgrp=x>',
    "Identity: a.b.c;info=<https://x.example/y.pem>;alg=ES256",
    "Diversion: <tel:+1>;x",
    "History-Info: <sip:a@b>;index=1, <sip:c@d>;index=1.1",
    "P-Charging-Vector: icid-value=a;b",
    "Privacy: id",
)
"""Headers that are read in pieces."""


def damaged(message: bytes, rng: random.Random) -> bytes:
    """A message after one to eight changes: a piece put in, bytes cut out, replaced, repeated, or the end gone."""
    data = bytearray(message)
    for _ in range(rng.randint(1, 8)):
        kind, at = rng.random(), rng.randrange(len(data) + 1)
        if kind < 0.3:
            data[at:at] = rng.choice(PIECES)
        elif kind < 0.5:
            del data[at : at + rng.randint(1, 30)]
        elif kind < 0.7:
            data[at : at + 1] = rng.randbytes(1)
        elif kind < 0.85:
            start = rng.randrange(len(data) + 1)
            data[at:at] = data[start : start + rng.randint(1, 60)]
        else:
            del data[max(at, 20) :]
    return bytes(data)
