"""The snapshot file: the state of one partition at one offset, packed, with a checksum over every byte.

::

    magic             8 bytes  ROBOSNAP
    format            u32      version of all that follows; these 16 bytes never change
    length of header  u32
    header            JSON: whose state this is and what built it, readable with `head`
    frames            zstandard frames one after the other: policy memory, names, then the arrays of the blocks
    footer            msgpack: where each frame lies, its unpacked size, shapes and types, totals
    length of footer  u32
    checksum          32 bytes, blake2b of all before
    signature         32 bytes, in format 2 alone: HMAC-SHA256 of the checksum (`models.serve.signing`)

Integers and arrays are little-endian. The checksum is verified before the footer is believed, and the footer says how
much a frame unpacks to before memory is taken for it, so a damaged or cut file is refused and never half read. The
checksum guards against damage and mix-ups, the signature against somebody who can write to the store. Without a key
format 1 is written, which builds of before read as well. Any other change of this layout, or of what a field means,
is another format; what the arrays mean is told by the header's `layout`, and rows are looked at when they are loaded.
"""

import struct
from typing import Annotated, Literal

import msgspec
import numpy as np

from detector.columns.hashing import PUBLIC_SEED, name_of
from detector.windows.memories import Kept

MAGIC = b"ROBOSNAP"
FORMAT, SIGNED_FORMAT = 1, 2
MAX_HEADER_BYTES = 64 * 1024
MAX_FOOTER_BYTES = 64 * 1024 * 1024
MAX_FRAME_BYTES = 256 * 1024 * 1024
MAX_UNPACKED_BYTES = 4 * 1024 * 1024 * 1024
"""Unpacked size of a whole snapshot; all windows of a worker with the default bounds are 0.32 GB."""

PREAMBLE = struct.Struct("<8sII")
LENGTH = struct.Struct("<I")
DIGEST_BYTES = 32
TAIL_BYTES = LENGTH.size + DIGEST_BYTES

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_024)]


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """Whose state a snapshot holds, and what built it.

    Attributes:
        topic: Topic of the partition.
        partition: The partition.
        offset: Every record below it is in the state, no other is.
        generation: Generation of the consumer group in which the state was copied.
        created_ms: When it was copied, epoch milliseconds.
        layout: `WindowEngine.layout`, which gives the arrays their meaning.
        feature_schema: Id of the feature table.
        partitions: Partitions that the topic had.
        instance: Worker that wrote it.
        seed: Name of the seed of its hashes; the public one where builds of before did not say.
        margins_of: Model whose margins are in it, and what their rows mean (`GroupMemory.identity`); empty where there
            are none, and in snapshots of builds of before.
        days_of: What rows of days mean (`DayMemory.identity`); empty where there are none, likewise.
        signatures_of: What those of signatures mean, likewise.
        format: Version of the file format.
    """

    topic: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    partition: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    offset: Count
    generation: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    created_ms: Count
    layout: Text
    feature_schema: Text
    partitions: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    instance: Text
    seed: Text = name_of(PUBLIC_SEED)
    margins_of: Annotated[str, msgspec.Meta(max_length=1_024)] = ""
    days_of: Annotated[str, msgspec.Meta(max_length=1_024)] = ""
    signatures_of: Annotated[str, msgspec.Meta(max_length=1_024)] = ""
    format: int = FORMAT

    @property
    def kept(self) -> Kept:
        """What is kept beside the windows."""
        return Kept(self.margins_of, self.days_of, self.signatures_of)


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """A zstandard frame: where it starts, its size, and the size of what is in it; bytes."""

    start: Count
    packed: Annotated[int, msgspec.Meta(ge=0, le=2 * MAX_FRAME_BYTES)]
    unpacked: Annotated[int, msgspec.Meta(ge=0, le=MAX_FRAME_BYTES)]


class Shape(msgspec.Struct, frozen=True, array_like=True):
    """One entry of an array: type and shape."""

    dtype: Literal["<i8", "<u8", "<i4", "<u4", "<f8", "<f4", "|u1", "|b1"]
    row: tuple[Annotated[int, msgspec.Meta(ge=0, le=2**20)], ...]

    @property
    def row_bytes(self) -> int:
        """Size of one row."""
        return int(np.dtype(self.dtype).itemsize * np.prod(self.row, dtype=object))


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """Rows that were packed together, a frame for each array of the store in the order of its shapes."""

    rows: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    frames: tuple[Frame, ...]


class Contents(msgspec.Struct, array_like=True):
    """What one store has in the file."""

    shapes: dict[Text, Shape]
    pieces: list[Piece]

    @property
    def rows(self) -> int:
        """Rows in all pieces."""
        return sum(piece.rows for piece in self.pieces)


class Footer(msgspec.Struct, frozen=True, array_like=True):
    """The file's table of contents."""

    memory: Frame
    names: Frame
    stores: dict[Text, Contents]
    rows: Count
    unpacked: Annotated[int, msgspec.Meta(ge=0, le=MAX_UNPACKED_BYTES)]
