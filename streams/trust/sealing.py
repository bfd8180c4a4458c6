"""The form of files that are kept: a digest of the rest, a line of JSON, the content as it was fetched.

The digest finds damage. It proves nothing about who wrote: what is inside is signed by its own authors.
"""

import hashlib
from typing import TypeVar

import msgspec

H = TypeVar("H", bound=msgspec.Struct)


def sealed(magic: bytes, header: msgspec.Struct, content: bytes) -> bytes:
    """Join what is to be kept.

    Args:
        magic: what kind of file it is, and which version of it.
        header: what is known of the content.
        content: any bytes.
    """
    rest = msgspec.json.encode(header) + b"\n" + content
    return _first_line(magic, rest) + b"\n" + rest


def unsealed(magic: bytes, kind: type[H], data: bytes) -> tuple[H, bytes] | None:
    """Take apart what `sealed` joined: header and content; None of what is damaged, or something else."""
    first, _, rest = data.partition(b"\n")
    if first != _first_line(magic, rest):
        return None
    header, _, content = rest.partition(b"\n")
    try:
        return msgspec.json.decode(header, type=kind), content
    except msgspec.MsgspecError:
        return None


def _first_line(magic: bytes, rest: bytes) -> bytes:
    return magic + hashlib.sha256(rest).hexdigest().encode()
