"""Write and read a snapshot file (`streams.state.snapshot_format`). Blocking: for a thread, never for the event loop.

Packing, hashing, copying and writing all let go of the interpreter lock, a megabyte at a time.
"""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeVar

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from detector.columns.hashing import PUBLIC_SEED, name_of
from detector.contract.events import TEXT_LIMIT
from detector.windows.row_copies import LATEST_MS_COLUMN, PARTITION_COLUMN
from detector.windows.sweep import SweptRows
from models.serve.signing import SIGNATURE_BYTES, UNSIGNED, Signing
from models.store.advice import storage_error
from streams.state.snapshot_errors import SnapshotRefused
from streams.state.snapshot_format import (
    DIGEST_BYTES,
    FORMAT,
    LENGTH,
    MAGIC,
    MAX_FOOTER_BYTES,
    MAX_FRAME_BYTES,
    MAX_HEADER_BYTES,
    MAX_UNPACKED_BYTES,
    PREAMBLE,
    SIGNED_FORMAT,
    TAIL_BYTES,
    Contents,
    Footer,
    Frame,
    Header,
    Piece,
    Shape,
)

PIECE_BYTES = 1024 * 1024
"""Rows are gathered to about this size: large enough to pack well, small enough to hold nobody up."""
READ_BYTES = 1024 * 1024
LEVEL = 1
STATE = "state"
SIGNED_AS = "snapshot"
MUST_FIT = ("topic", "partition", "seed of hashes", "layout", "feature schema")
TrunkKey = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
TrunkName = Annotated[str, msgspec.Meta(max_length=TEXT_LIMIT)]

T = TypeVar("T")
Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A verified snapshot.

    Attributes:
        header: Whose it is.
        parts: All rows, one entry a store, in the order of `state[LATEST_MS_COLUMN]`: the longest idle first.
        names: Trunk group ids by the key that the windows know them by.
        memory: Policy memory, as `streams.state.policy_memory` encodes it.
    """

    header: Header
    parts: list[SweptRows]
    names: dict[int, str]
    memory: bytes


class SnapshotWriter:
    """Writes one snapshot file, readable by its owner only: it holds phone numbers. One thread at a time.

    Args:
        path: the file, which must not exist.
        header: whose state it is.
        memory: encoded policy memory.
        names: trunk group ids by key.
        signing: with a key, the file is signed.

    Raises:
        StorageError: the file cannot be written. Each method raises it too; the file is then gone.
        SnapshotRefused: nobody could read the file: its header is wrong or, by each method, it becomes too large.
    """

    def __init__(
        self, path: Path, header: Header, memory: bytes, names: Mapping[int, str], signing: Signing = UNSIGNED
    ) -> None:
        self._signing = signing
        its_format = FORMAT if signing.key is None else SIGNED_FORMAT
        header = msgspec.structs.replace(header, format=its_format)
        head = msgspec.json.encode(header)
        try:
            msgspec.json.decode(head, type=Header)
        except msgspec.ValidationError as error:
            raise SnapshotRefused(f"no snapshot can have this header, nobody would read it: {error}") from error
        self._path = path
        self._packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self._digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._position = 0
        self._unpacked = 0
        self._waiting: dict[str, list[Mapping[str, Array]]] = {}
        self._waiting_bytes: dict[str, int] = {}
        self._stores: dict[str, Contents] = {}
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise storage_error("write a snapshot to", str(path), error) from error
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._write(PREAMBLE.pack(MAGIC, its_format, len(head)) + head)
        self._memory = self._frame(memory)
        self._names = self._frame(msgspec.msgpack.encode(dict(names)))

    def add(self, part: SweptRows) -> None:
        """Add rows. Their arrays must not change afterwards: they are packed once about a megabyte is together.

        Raises:
            StorageError: The file cannot be written; it is then gone.
            SnapshotRefused: The file becomes larger than can be read back; it is then gone.
            ValueError: The arrays are not like those that came before for the same store.
        """
        if not len(part.arrays[STATE]):
            return
        waiting = self._waiting.setdefault(part.store, [])
        waiting.append(part.arrays)
        size = self._waiting_bytes.get(part.store, 0) + sum(array.nbytes for array in part.arrays.values())
        self._waiting_bytes[part.store] = size
        if size >= PIECE_BYTES:
            self._pack(part.store)

    def close(self) -> int:
        """Write what is left and the footer, and see it to the disk.

        Returns:
            Size of the file in bytes.

        Raises:
            StorageError: The file cannot be written; it is then gone.
            SnapshotRefused: The file becomes larger than can be read back; it is then gone.
            ValueError: The arrays of a store are not all alike.
        """
        for store in tuple(self._waiting):
            self._pack(store)
        rows = sum(contents.rows for contents in self._stores.values())
        footer = msgspec.msgpack.encode(Footer(self._memory, self._names, self._stores, rows, self._unpacked))
        self._write(footer + LENGTH.pack(len(footer)))
        checksum = self._digest.digest()
        self._write(checksum + (self._signing.sign(SIGNED_AS, checksum) or b""))
        try:
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            self.abandon()
            raise storage_error("write a snapshot to", str(self._path), error) from error
        return self._position

    def abandon(self) -> None:
        """Close and delete the file; nothing happens the second time."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _pack(self, store: str) -> None:
        """Pack the rows of a store that wait."""
        parts = self._waiting.pop(store)
        del self._waiting_bytes[store]
        arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        shapes = {name: _shape(array) for name, array in arrays.items()}
        contents = self._stores.setdefault(store, Contents(shapes, []))
        if shapes != contents.shapes or len({len(array) for array in arrays.values()}) != 1:
            raise ValueError(f"rows of {store} do not have the shape of those before")
        frames = tuple(self._frame(_bytes(array)) for array in arrays.values())
        contents.pieces.append(Piece(len(arrays[STATE]), frames))

    def _frame(self, content: bytes | memoryview) -> Frame:
        """Pack bytes as a frame."""
        self._unpacked += len(content)
        if len(content) > MAX_FRAME_BYTES or self._unpacked > MAX_UNPACKED_BYTES:
            self.abandon()
            raise SnapshotRefused(f"snapshot {self._path.name} is larger than can be read back: track fewer keys")
        start, packed = self._position, self._packer.compress(content)
        self._write(packed)
        return Frame(start, len(packed), len(content))

    def _write(self, content: bytes) -> None:
        self._digest.update(content)
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self.abandon()
            raise storage_error("write a snapshot to", str(self._path), error) from error
        self._position += len(content)


def read_snapshot(
    path: Path,
    *,
    topic: str,
    partition: int,
    layout: str,
    feature_schema: str,
    seed: str = name_of(PUBLIC_SEED),
    signing: Signing = UNSIGNED,
) -> Snapshot:
    """Read a snapshot, all or nothing.

    Args:
        path: the file.
        topic: topic that it must be of.
        partition: partition that it must be of.
        layout: `WindowEngine.layout` of this build.
        feature_schema: feature table of this build.
        seed: name of the seed of this worker's hashes.
        signing: with a key, only what was signed is read.

    Raises:
        SnapshotRefused: the file is missing, damaged, cut off, of another format or of something else than was asked.
    """
    try:
        with path.open("rb") as file:
            header, footer = _verified(file, path.name, signing)
            found = (header.topic, header.partition, header.seed, header.layout, header.feature_schema)
            wanted = (topic, partition, seed, layout, feature_schema)
            for what, mine, its in zip(MUST_FIT, wanted, found, strict=True):
                if its != mine:
                    raise SnapshotRefused(f"snapshot {path.name} is skipped: its {what} is {its}, wanted is {mine}")
            reader = _Frames(file, path.name)
            parts = [_rows(reader, store, contents, partition) for store, contents in footer.stores.items()]
            names = _decoded(reader.read(footer.names), dict[TrunkKey, TrunkName], path.name)
            return Snapshot(header, parts, names, reader.read(footer.memory))
    except OSError as error:
        raise SnapshotRefused(f"snapshot {path.name} is skipped: it cannot be read ({error.strerror})") from error


def _damaged(name: str, how: str) -> SnapshotRefused:
    return SnapshotRefused(f"snapshot {name} is skipped: it is damaged or cut off ({how})")


def _decoded(content: bytes, kind: type[T], name: str, *, json: bool = False) -> T:
    try:
        return msgspec.json.decode(content, type=kind) if json else msgspec.msgpack.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(name, str(error)) from error


def _verified(file: BinaryIO, name: str, signing: Signing) -> tuple[Header, Footer]:
    """Header and footer of a file whose checksum, and signature where there is a key, were found right."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(PREAMBLE.size)
    if len(start) < PREAMBLE.size or size < PREAMBLE.size + TAIL_BYTES:
        raise _damaged(name, f"{size} bytes are too few")
    magic, its_format, header_bytes = PREAMBLE.unpack(start)
    if magic != MAGIC:
        raise SnapshotRefused(f"snapshot {name} is skipped: it is no snapshot")
    if its_format not in (FORMAT, SIGNED_FORMAT):
        said = f"it has format {its_format}, this build reads {FORMAT} and {SIGNED_FORMAT}"
        raise SnapshotRefused(f"snapshot {name} is skipped: {said}")
    if size > MAX_UNPACKED_BYTES:
        raise SnapshotRefused(f"snapshot {name} is skipped: {size} bytes are more than {MAX_UNPACKED_BYTES}")
    size -= SIGNATURE_BYTES if its_format == SIGNED_FORMAT else 0
    checksum = _check_digest(file, size, name)
    problem = signing.problem(SIGNED_AS, checksum, file.read() or None)
    if problem is not None:
        raise SnapshotRefused(f"snapshot {name} is skipped: {problem}")
    file.seek(size - TAIL_BYTES)
    (footer_bytes,) = LENGTH.unpack(file.read(LENGTH.size))
    room = size - PREAMBLE.size - TAIL_BYTES
    if header_bytes > min(room, MAX_HEADER_BYTES) or footer_bytes > min(room - header_bytes, MAX_FOOTER_BYTES):
        raise _damaged(name, "header or footer are too large")
    file.seek(size - TAIL_BYTES - footer_bytes)
    footer = _decoded(file.read(footer_bytes), Footer, name)
    file.seek(PREAMBLE.size)
    header = _decoded(file.read(header_bytes), Header, name, json=True)
    _check_totals(footer, name)
    return header, footer


def _check_digest(file: BinaryIO, size: int, name: str) -> bytes:
    """Checksum of a file of `size` bytes and what follows; the file stands behind it then."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    left = size - DIGEST_BYTES
    file.seek(0)
    while left > 0:
        part = file.read(min(READ_BYTES, left))
        if not part:
            raise _damaged(name, "it became shorter")
        digest.update(part)
        left -= len(part)
    if file.read(DIGEST_BYTES) != digest.digest():
        raise _damaged(name, "its checksum is wrong")
    return digest.digest()


def _check_totals(footer: Footer, name: str) -> None:
    """Refuse a footer that does not add up, before memory is taken for what it promises."""
    frames = [footer.memory, footer.names]
    for store, contents in footer.stores.items():
        if STATE not in contents.shapes or len(contents.shapes[STATE].row) != 1:
            raise _damaged(name, f"{store} has no states")
        sizes = [shape.row_bytes for shape in contents.shapes.values()]
        for piece in contents.pieces:
            if [frame.unpacked for frame in piece.frames] != [piece.rows * size for size in sizes]:
                raise _damaged(name, f"rows of {store} do not add up")
            frames.extend(piece.frames)
    rows = sum(contents.rows for contents in footer.stores.values())
    if rows != footer.rows or sum(frame.unpacked for frame in frames) != footer.unpacked:
        raise _damaged(name, "its totals do not add up")


class _Frames:
    """Unpacks frames of a file; each carries a checksum of its own, should the file change while it is read."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._unpacker = zstandard.ZstdDecompressor()
        self.name = name

    def read(self, frame: Frame) -> bytes:
        """Unpack a frame, never to more than the footer says."""
        self._file.seek(frame.start)
        packed = self._file.read(frame.packed)
        try:
            if zstandard.get_frame_parameters(packed).content_size != frame.unpacked:
                raise _damaged(self.name, "a frame has another size than the footer says")
            return self._unpacker.decompress(packed, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise _damaged(self.name, str(error)) from error

    def array(self, contents: Contents, piece: Piece, name: str) -> Array:
        """Rows of one array in one piece."""
        shape = contents.shapes[name]
        frame = piece.frames[list(contents.shapes).index(name)]
        return np.frombuffer(self.read(frame), dtype=shape.dtype).reshape(piece.rows, *shape.row)


def _rows(frames: _Frames, store: str, contents: Contents, partition: int) -> SweptRows:
    """Put the pieces of a store together, each row straight to its place, so that they are never held twice."""
    places = _places(frames, store, contents, partition)
    arrays: dict[str, Array] = {
        name: np.empty((len(places), *shape.row), np.dtype(shape.dtype).newbyteorder("="))
        for name, shape in contents.shapes.items()
    }
    done = 0
    for piece in contents.pieces:
        here = places[done : done + piece.rows]
        for name, array in arrays.items():
            array[here] = frames.array(contents, piece, name)
        done += piece.rows
    return SweptRows(store, arrays)


def _places(frames: _Frames, store: str, contents: Contents, partition: int) -> NDArray[np.intp]:
    """For each row as it lies in the file its place among all, by the time of its latest event."""
    latest_ms = np.empty(contents.rows, dtype=np.int64)
    done = 0
    for piece in contents.pieces:
        state = frames.array(contents, piece, STATE)
        if state.shape[1] <= LATEST_MS_COLUMN or (state[:, PARTITION_COLUMN] != partition).any():
            raise _damaged(frames.name, f"{store} has rows of another partition")
        latest_ms[done : done + piece.rows] = state[:, LATEST_MS_COLUMN]
        done += piece.rows
    places = np.empty(len(latest_ms), dtype=np.intp)
    places[np.argsort(latest_ms, kind="stable")] = np.arange(len(latest_ms))
    return places


def _bytes(array: Array) -> memoryview:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).reshape(-1).view(np.uint8).data


def _shape(array: Array) -> Shape:
    return msgspec.convert((array.dtype.newbyteorder("<").str, array.shape[1:]), Shape)
