"""Unpacking what a producer compressed, never further than a bound: 130 KB of zstd can be a gigabyte.

No size that the data says of itself is believed before it was compared with the bound, and nothing larger than that is
held. Kafka's codecs and their framing: https://kafka.apache.org/documentation/#recordbatch and KIP-57 (LZ4).
"""

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import cramjam
import numpy as np

from detector.contract.errors import RobocallError

GZIP, SNAPPY, LZ4, ZSTD = range(1, 5)
"""Codecs, as the attributes of a batch name them."""

LEAST_PIECE = 16 * 1024
"""Blocks of snappy and members of gzip have so many bytes on average, else they are too many: empty ones cost time."""

_XERIAL = b"\x82SNAPPY\0"
_XERIAL_HEAD_BYTES = 16
_GZIP_HEAD = 31
_IS_FULL = "failed to write whole buffer"


class TooLarge(RobocallError):
    """It unpacks to more than the bound."""


class NotUnpackable(RobocallError):
    """It is not what its codec writes, or the codec is unknown."""


def unpack(codec: int, data: bytes, most: int) -> Any:
    """Unpack what a producer compressed.

    Blocks for about a millisecond for each MiB of its result, twenty where gzip wrote it, without the interpreter lock.

    Args:
        codec: `GZIP` to `ZSTD`.
        data: compressed.
        most: bytes that it unpacks to at most.

    Returns:
        Something that `bytes.join` takes.

    Raises:
        TooLarge: it is more.
        NotUnpackable: it is damaged, or no codec has this number.
    """
    codec_of = _CODECS.get(codec)
    if codec_of is None:
        raise NotUnpackable(f"no codec has the number {codec}")
    try:
        return codec_of(data, most)
    except (zlib.error, cramjam.DecompressionError, MemoryError) as error:
        raise NotUnpackable(str(error)) from error


def _gzip(data: bytes, most: int) -> bytes:
    pieces: list[bytes] = []
    left, rest = most, data
    while rest:
        member = zlib.decompressobj(_GZIP_HEAD)
        piece = member.decompress(rest, left + 1)
        left -= len(piece)
        if left < 0 or len(pieces) * LEAST_PIECE > most:
            raise TooLarge
        if not member.eof:
            raise NotUnpackable("a member of gzip has no end")
        pieces.append(piece)
        rest = member.unused_data
    return b"".join(pieces)


def _snappy(data: bytes, most: int) -> Any:
    """One block, or many behind the head that the library of Java writes."""
    if not data.startswith(_XERIAL):
        return _snappy_block(data, most)
    pieces: list[Any] = []
    left, at = most, _XERIAL_HEAD_BYTES
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], signed=True)
        if not at + 4 < end <= len(data):
            raise NotUnpackable("a block of snappy is longer than what there is of it")
        piece = _snappy_block(data[at + 4 : end], left)
        left -= len(piece)
        if len(pieces) * LEAST_PIECE > most:
            raise TooLarge
        pieces.append(piece)
        at = end
    return b"".join(pieces)


def _snappy_block(data: bytes, most: int) -> Any:
    size = cramjam.snappy.decompress_raw_len(data)
    if size > most:
        raise TooLarge
    found: Any = np.empty(size, np.uint8)
    cramjam.snappy.decompress_raw_into(data, found)
    return found


def _frames(decompress_into: Callable[[bytes, Any], int], data: bytes, most: int) -> Any:
    """LZ4 and zstd. A frame of zstd may ask for a window of 128 MiB: address space, no memory before it is filled."""
    found = np.empty(most, np.uint8)
    try:
        return found[: decompress_into(data, found)]
    except cramjam.DecompressionError as error:
        if str(error) == _IS_FULL:
            raise TooLarge from error
        raise


_CODECS: dict[int, Callable[[bytes, int], Any]] = {
    GZIP: _gzip,
    SNAPPY: _snappy,
    LZ4: partial(_frames, cramjam.lz4.decompress_into),
    ZSTD: partial(_frames, cramjam.zstd.decompress_into),
}
