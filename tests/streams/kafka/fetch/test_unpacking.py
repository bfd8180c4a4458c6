"""Unpacking within bounds, against aiokafka's unpacking without any, and what hostile data can make it hold."""

import subprocess
import sys
from collections.abc import Callable

import cramjam
import pytest
import zstandard
from aiokafka.codec import (
    gzip_decode,
    gzip_encode,
    lz4_decode,
    lz4_encode,
    snappy_decode,
    snappy_encode,
    zstd_decode,
    zstd_encode,
)
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.fetch.unpacking import GZIP, LEAST_PIECE, LZ4, SNAPPY, ZSTD, NotUnpackable, TooLarge, unpack
from tests.processes import ROOT

Code = Callable[[bytes], bytes]
ENCODE: dict[int, Code] = {GZIP: gzip_encode, SNAPPY: snappy_encode, LZ4: lz4_encode, ZSTD: zstd_encode}
DECODE: dict[int, Code] = {GZIP: gzip_decode, SNAPPY: snappy_decode, LZ4: lz4_decode, ZSTD: zstd_decode}
CODECS = [pytest.param(GZIP, id="gzip"), pytest.param(SNAPPY, id="snappy"), pytest.param(LZ4, id="lz4"),
          pytest.param(ZSTD, id="zstd")]  # fmt: skip
PIECES = st.lists(st.binary(max_size=300) | st.builds(lambda n: b"\0" * n, st.integers(0, 200_000)), max_size=4)
MIB = 1024 * 1024


def joined(codec: int, data: bytes, most: int) -> bytes:
    return b"".join([unpack(codec, data, most)])


@given(PIECES, st.sampled_from(sorted(ENCODE)), st.booleans(), st.integers(0, 300_000))
def test_what_fits_is_what_was_packed_and_nothing_else_is_given(
    pieces: list[bytes], codec: int, has_many_frames: bool, most: int
) -> None:
    """One frame, or several one after the other; snappy with and without the head that the library of Java writes."""
    if codec == SNAPPY:
        packed = bytes(snappy_encode(b"".join(pieces), xerial_compatible=has_many_frames))
    elif has_many_frames:
        packed = b"".join(map(ENCODE[codec], pieces)) or ENCODE[codec](b"")
    else:
        packed = ENCODE[codec](b"".join(pieces))
    expected = b"".join(pieces)
    assert not expected or DECODE[codec](packed) == expected
    try:
        found = joined(codec, packed, most)
    except TooLarge:
        assert len(expected) > most or len(pieces) * LEAST_PIECE > most
    else:
        assert found == expected
        assert len(found) <= most


@given(st.binary(max_size=300), st.sampled_from(sorted(ENCODE)), st.data())
def test_what_was_changed_or_cut_gives_no_more_than_the_bound_or_is_refused(
    value: bytes, codec: int, data: st.DataObject
) -> None:
    """Without any other error. Whether it is what was packed says the checksum of the batch."""
    packed = bytearray(ENCODE[codec](value))
    packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(packed[: data.draw(st.integers(0, len(packed)))])
    try:
        assert len(joined(codec, changed, 1_000)) <= 1_000
    except (TooLarge, NotUnpackable):
        return


@given(st.binary(max_size=100), st.integers(0, 7))
def test_nonsense_is_refused(nonsense: bytes, codec: int) -> None:
    """Numbers that no codec has too."""
    try:
        assert len(joined(codec, nonsense, 1_000)) <= 1_000
    except (TooLarge, NotUnpackable):
        return


def test_a_library_that_says_otherwise_that_there_is_no_more_room_is_noticed_here() -> None:
    """The two are told apart by their words."""
    for codec in (LZ4, ZSTD):
        with pytest.raises(TooLarge):
            unpack(codec, ENCODE[codec](b"\0" * 5_000), 4_999)
    with pytest.raises(cramjam.DecompressionError, match="failed to write whole buffer"):
        cramjam.zstd.decompress_into(zstd_encode(b"\0" * 5_000), bytearray(10))


@pytest.mark.parametrize("codec", CODECS)
def test_a_million_empty_pieces_are_too_many(codec: int) -> None:
    """Each of them is work, however little it holds; LZ4 and zstd do it in one go, ten milliseconds for a megabyte."""
    head, piece = b"", ENCODE[codec](b"")
    if codec == SNAPPY:
        packed = snappy_encode(b"x")
        head, piece = packed[:16], packed[16:]
    packed = head + piece * (1_000_000 // len(piece))
    if codec in {LZ4, ZSTD}:
        assert joined(codec, packed, MIB) == b""
    else:
        with pytest.raises(TooLarge):
            unpack(codec, packed, MIB)


GROWTH = """
import resource, sys
from streams.kafka.fetch.unpacking import NotUnpackable, TooLarge, unpack
packed = sys.stdin.buffer.read()
unpack({codec}, {warm!r}, 100)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    unpack({codec}, packed, 16 * 1024 * 1024)
except (NotUnpackable, TooLarge):
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def zstd_with_window(size: int) -> bytes:
    """A gigabyte in a frame that asks for a window of 128 MiB and does not say how long it is."""
    packer = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=27)
    ).compressobj()
    return b"".join([packer.compress(b"\0" * MIB) for _ in range(size // MIB)]) + packer.flush()


@pytest.mark.parametrize(
    ("codec", "packed"),
    [
        pytest.param(GZIP, lambda: gzip_encode(b"\0" * (512 * MIB)), id="gzip"),
        pytest.param(LZ4, lambda: lz4_encode(b"\0" * (512 * MIB)), id="lz4"),
        pytest.param(SNAPPY, lambda: snappy_encode(b"\0" * (512 * MIB)), id="snappy"),
        pytest.param(SNAPPY, lambda: bytes(cramjam.snappy.compress_raw(b"\0" * (512 * MIB))), id="snappy, one block"),
        pytest.param(SNAPPY, lambda: b"\xff\xff\xff\xff\x0fjunk", id="snappy, a length that lies"),
        pytest.param(ZSTD, lambda: zstd_encode(b"\0" * (512 * MIB)), id="zstd"),
        pytest.param(ZSTD, lambda: zstd_with_window(1024 * MIB), id="zstd, a window of 128 MiB"),
    ],
)
def test_half_a_gigabyte_in_a_small_batch_makes_a_process_grow_by_the_bound(
    codec: int, packed: Callable[[], bytes]
) -> None:
    """By twice the bound of 16 MiB at most: what is unpacked, and zstd's window. Measured in a process of its own."""
    program = GROWTH.format(codec=codec, warm=ENCODE[codec](b"x"))
    done = subprocess.run(
        [sys.executable, "-c", program], input=packed(), cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    assert int(done.stdout) < 2 * 16 * 1024 + 4 * 1024
