"""Files that are packed or not, as their names say: `.gz`, `.zst`, anything else as it is."""

import gzip
import io
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, cast

import zstandard

DAMAGED = (EOFError, zlib.error, zstandard.ZstdError, gzip.BadGzipFile)
"""What reading a packed file raises when it is damaged or cut off."""

_CHUNK_BYTES = 16_384  # small, because a chunk may unpack to thousands of times its size


class _ZstdFrames(io.RawIOBase):
    """Unpacks all frames of a file. zstandard's own reader takes a file that was cut off for a complete one."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._rest = b""  # packed bytes after the end of a frame
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; 0 only at the end of a complete file."""
        view = memoryview(buffer)
        while not self._ready:
            packed = self._rest or self._packed.read(_CHUNK_BYTES)
            if not packed:
                if not self._frame.eof:
                    raise EOFError("the last zstandard frame is not finished")
                return 0
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._ready = self._frame.decompress(packed)
            self._rest = self._frame.unused_data
        count = min(len(view), len(self._ready))
        view[:count], self._ready = self._ready[:count], self._ready[count:]
        return count


def open_packed(path: Path, stack: ExitStack) -> BinaryIO:
    """Open a file to read, unpacked on the way; memory does not grow with its size. Reading blocks for the disk.

    Args:
        path: `.gz` and `.zst` are unpacked, anything else is read as it is.
        stack: closes it.

    Raises:
        OSError: there is no such file. Reading raises one of `DAMAGED` when it is damaged or cut off.
    """
    raw = stack.enter_context(path.open("rb"))
    if path.suffix == ".gz":
        return cast("BinaryIO", stack.enter_context(gzip.open(raw)))
    if path.suffix == ".zst":
        return cast("BinaryIO", io.BufferedReader(_ZstdFrames(raw)))
    return raw


def create_packed(path: Path, stack: ExitStack) -> BinaryIO:
    """Create a file to write, packed on the way, without a time stamp: the same content gives the same bytes.

    Writing and closing block for the disk.

    Args:
        path: `.gz` and `.zst` are packed; what was there is overwritten.
        stack: completes and closes it.

    Raises:
        OSError: it cannot be written; writing raises it too.
    """
    raw = stack.enter_context(path.open("wb"))
    if path.suffix == ".gz":
        packed = gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0)
        return cast("BinaryIO", stack.enter_context(packed))
    if path.suffix == ".zst":
        return cast("BinaryIO", stack.enter_context(zstandard.ZstdCompressor(level=3).stream_writer(raw)))
    return raw
