"""The snapshot file: what was written comes back bit by bit, and anything else is refused with one sentence."""

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.columns.hashing import PUBLIC_SEED, name_of
from detector.contract.events import CallEvent
from detector.windows import WindowEngine
from detector.windows.row_copies import LATEST_MS_COLUMN, PARTITION_COLUMN, STATE_COLUMNS
from detector.windows.sweep import SweptRows
from models.errors import StorageError
from models.serve.signing import UNSIGNED, Signing
from streams.state import snapshot_file, snapshot_format
from streams.state.snapshot_errors import SnapshotRefused
from streams.state.snapshot_file import Snapshot, SnapshotWriter, read_snapshot
from streams.state.snapshot_format import FORMAT, LENGTH, PREAMBLE, SIGNED_FORMAT, TAIL_BYTES, Header
from tests.detector.windows.sweep_case import ROOMY, batch_of, gaps, rows_of, swept
from tests.detector.windows.sweep_case import assert_same as assert_same_rows
from tests.detector.windows.test_engine import histories
from tests.streams.state.snapshot_case import HEADER

NAMES = {1: "t-1", -(2**63): "trunk é", 2**63 - 1: "t-2"}
MEMORY = b"memory of the policy"


def rows(store: str, count: int, *, seed: int = 1, partition: int = 3) -> SweptRows:
    """Rows of random bits in every kind of array that a store has, none of them in the order of their times."""
    random = np.random.default_rng(seed)
    state = random.integers(-(2**63), 2**63 - 1, (count, STATE_COLUMNS), dtype=np.int64)
    state[:, PARTITION_COLUMN] = partition
    arrays: dict[str, NDArray[Any]] = {
        "state": state,
        "ring": random.integers(-(2**63), 2**63 - 1, (count, 2, 4), dtype=np.int64),
        "panes": random.integers(0, 2**32, (count, 5, 9, 3), dtype=np.uint32),
        "sketches": np.zeros((count, 0, 32), dtype=np.uint32),
        "estimates": random.integers(0, 2**32, (count, 3, 5), dtype=np.uint32).view(np.float32),
    }
    return SweptRows(store, arrays)


def write(path: Path, *parts: SweptRows, header: Header = HEADER, signing: Signing = UNSIGNED) -> int:
    writer = SnapshotWriter(path, header, MEMORY, NAMES, signing)
    for part in parts:
        writer.add(part)
    return writer.close()


def read(path: Path, **other: Any) -> Snapshot:
    wanted: dict[str, Any] = {
        "topic": "call-events",
        "partition": 3,
        "layout": "layout-a",
        "feature_schema": "schema-a",
    }
    return read_snapshot(path, **wanted | other)


def joined(parts: list[SweptRows]) -> dict[str, NDArray[Any]]:
    """All rows, sorted the slow and obvious way."""
    arrays = {name: np.concatenate([part.arrays[name] for part in parts]) for name in parts[0].arrays}
    order = sorted(range(len(arrays["state"])), key=lambda row: arrays["state"][row, LATEST_MS_COLUMN])
    return {name: array[order] for name, array in arrays.items()}


def assert_same(found: Mapping[str, NDArray[Any]], expected: Mapping[str, NDArray[Any]]) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A complete small file."""
    path = tmp_path_factory.mktemp("small") / "a.snapshot"
    size = write(path, rows("number", 2), rows("trunk", 1, seed=2))
    assert path.stat().st_size == size
    return path.read_bytes()


def resealed(content: bytes) -> bytes:
    """Give a tampered file a right checksum, so that what lies behind the checksum is reached."""
    body = content[: -snapshot_format.DIGEST_BYTES]
    return body + hashlib.blake2b(body, digest_size=snapshot_format.DIGEST_BYTES).digest()


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    counts=st.lists(st.tuples(st.sampled_from(["cold_number", "number", "trunk"]), st.integers(0, 40)), max_size=12),
    piece_bytes=st.sampled_from([1, 4_000, 1_000_000]),
)
def test_random_rows_come_back_bit_by_bit(
    tmp_path_factory: pytest.TempPathFactory, seed: int, counts: list[tuple[str, int]], piece_bytes: int
) -> None:
    """However they were cut into parts, and whichever parts were packed together."""
    path = tmp_path_factory.mktemp("rows") / "a.snapshot"
    parts = [rows(store, count, seed=seed + index) for index, (store, count) in enumerate(counts)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot_file, "PIECE_BYTES", piece_bytes)
        write(path, *parts)

    snapshot = read(path)

    assert (snapshot.header, snapshot.names, snapshot.memory) == (HEADER, NAMES, MEMORY)
    assert {part.store for part in snapshot.parts} == {store for store, count in counts if count}
    assert len(snapshot.parts) == len({part.store for part in snapshot.parts})
    for part in snapshot.parts:
        assert_same(part.arrays, joined([given for given in parts if given.store == part.store]))


def test_rows_of_one_instant_keep_their_order(tmp_path: Path) -> None:
    part = rows("number", 50)
    part.arrays["state"][:, LATEST_MS_COLUMN] = 5
    write(tmp_path / "a.snapshot", part)

    assert_same(read(tmp_path / "a.snapshot").parts[0].arrays, part.arrays)


def test_the_header_is_readable_without_unpacking(small: bytes) -> None:
    """Magic and format stand in front of everything, then JSON."""
    magic, its_format, length = PREAMBLE.unpack(small[: PREAMBLE.size])

    assert (magic, its_format) == (b"ROBOSNAP", FORMAT)
    assert msgspec.json.decode(small[PREAMBLE.size : PREAMBLE.size + length], type=Header) == HEADER


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """It holds phone numbers; the folder is made for the owner alone too."""
    write(tmp_path / "spool" / "a.snapshot", rows("number", 1))

    assert stat.S_IMODE((tmp_path / "spool" / "a.snapshot").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"topic": "other"}, "topic is call-events, wanted is other"),
        ({"partition": 4}, "partition is 3, wanted is 4"),
        ({"layout": "layout-b"}, "layout is layout-a, wanted is layout-b"),
        ({"feature_schema": "schema-b"}, "feature schema is schema-a, wanted is schema-b"),
    ],
)
def test_what_belongs_elsewhere_is_refused(small: bytes, tmp_path: Path, asked: dict[str, Any], said: str) -> None:
    (tmp_path / "a").write_bytes(small)

    with pytest.raises(SnapshotRefused, match=f"^snapshot a is skipped: its {said}$"):
        read(tmp_path / "a", **asked)


@pytest.mark.parametrize("its_format", [0, SIGNED_FORMAT + 1, 2**32 - 1])
def test_another_format_is_refused_whatever_follows(small: bytes, tmp_path: Path, its_format: int) -> None:
    """Also when nothing behind the version is as this build knows it."""
    content = small[:8] + LENGTH.pack(its_format) + os.urandom(200)
    (tmp_path / "a").write_bytes(content)

    with pytest.raises(
        SnapshotRefused, match=f"it has format {its_format}, this build reads {FORMAT} and {SIGNED_FORMAT}$"
    ):
        read(tmp_path / "a")


def test_any_changed_byte_is_refused(small: bytes, tmp_path: Path) -> None:
    """Every byte of the file once, one random bit of it."""
    path = tmp_path / "a"
    random = np.random.default_rng(7)
    for position in range(len(small)):
        changed = bytearray(small)
        changed[position] ^= 1 << int(random.integers(8))
        path.write_bytes(changed)
        with pytest.raises(SnapshotRefused) as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_any_cut_and_any_addition_is_refused(small: bytes, tmp_path: Path) -> None:
    """Cut off after every byte, or with a byte more."""
    path = tmp_path / "a"
    for length in range(len(small)):
        path.write_bytes(small[:length])
        with pytest.raises(SnapshotRefused):
            read(path)
    for more in (b"\0", small, os.urandom(5_000)):
        path.write_bytes(small + more)
        with pytest.raises(SnapshotRefused):
            read(path)


@settings(max_examples=300)
@given(data=st.data())
def test_what_the_checksum_cannot_catch_is_refused_too(
    small: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """With a right checksum over random changes there is a refusal or a complete answer, never another exception."""
    path = tmp_path_factory.mktemp("sealed") / "a"
    changed = bytearray(small)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(small) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(resealed(bytes(changed)))

    try:
        snapshot = read(path)
    except SnapshotRefused:
        return
    for part in snapshot.parts:
        assert {len(array) for array in part.arrays.values()} == {len(part.arrays["state"])}


def with_footer(content: bytes, footer: object) -> bytes:
    """Replace the footer."""
    (length,) = LENGTH.unpack(content[-TAIL_BYTES : -TAIL_BYTES + LENGTH.size])
    packed = msgspec.msgpack.encode(footer)
    body = content[: -TAIL_BYTES - length] + packed + LENGTH.pack(len(packed))
    return resealed(body + bytes(snapshot_format.DIGEST_BYTES))


def footer_of(content: bytes) -> list[Any]:
    (length,) = LENGTH.unpack(content[-TAIL_BYTES : -TAIL_BYTES + LENGTH.size])
    footer: list[Any] = msgspec.msgpack.decode(content[-TAIL_BYTES - length : -TAIL_BYTES])
    return footer


def test_absurd_sizes_are_refused_before_memory_is_taken(small: bytes, tmp_path: Path) -> None:
    """A footer that promises more than it may, or more than its frames hold, is not believed."""
    path = tmp_path / "a"
    for row_bytes, count in ((2**20, 2**20), (2**63, 1), (1, 2**40)):
        memory, names, stores, _, unpacked = footer_of(small)
        stores["number"][0] = {"state": ["|u1", [row_bytes]]}
        stores["number"][1] = [[count, [[0, 10, row_bytes * count]]]]
        path.write_bytes(with_footer(small, [memory, names, stores, count + 1, unpacked]))
        with pytest.raises(SnapshotRefused, match="damaged"):
            read(path)

    memory, names, stores, total, unpacked = footer_of(small)
    path.write_bytes(with_footer(small, [[*memory[:2], 2**28], names, stores, total, unpacked]))
    with pytest.raises(SnapshotRefused, match="totals"):
        read(path)


def test_a_frame_that_unpacks_to_more_than_promised_is_refused(small: bytes, tmp_path: Path) -> None:
    """A bomb: a few bytes that say in themselves that they are 16 MiB."""
    memory, names, stores, total, unpacked = footer_of(small)
    bomb = zstandard.ZstdCompressor().compress(bytes(2**24))
    content = small + bomb
    (length,) = LENGTH.unpack(small[-TAIL_BYTES : -TAIL_BYTES + LENGTH.size])
    content = small[: -TAIL_BYTES - length] + bomb
    memory = [len(small) - TAIL_BYTES - length, len(bomb), memory[2]]
    footer = msgspec.msgpack.encode([memory, names, stores, total, unpacked])
    body = content + footer + LENGTH.pack(len(footer)) + bytes(snapshot_format.DIGEST_BYTES)
    (tmp_path / "a").write_bytes(resealed(body))

    with pytest.raises(SnapshotRefused, match="another size than the footer says"):
        read(tmp_path / "a")


def test_rows_of_another_partition_are_refused(tmp_path: Path) -> None:
    """A header alone does not make them this partition's."""
    write(tmp_path / "a", rows("number", 3, partition=4))

    with pytest.raises(SnapshotRefused, match="number has rows of another partition"):
        read(tmp_path / "a")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A file that was removed meanwhile, a folder, a file of something else."""
    (tmp_path / "other").write_text("a file of somebody else, longer than the smallest snapshot would have to be" * 2)
    for name, said in (("gone", "No such file"), (".", "Is a directory"), ("other", "it is no snapshot")):
        with pytest.raises(SnapshotRefused, match=said):
            read(tmp_path / name)


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"mine")

    with pytest.raises(StorageError, match="File exists"):
        write(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"mine"


@pytest.mark.parametrize("wrong", [{"generation": -1}, {"instance": ""}, {"topic": "../call-events"}])
def test_a_header_that_the_reader_would_refuse_is_not_written(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """Else a worker would write files for ever that nobody can use."""
    with pytest.raises(SnapshotRefused, match=r"^no snapshot can have this header.*\$\."):
        write(tmp_path / "a", header=msgspec.structs.replace(HEADER, **wrong))
    assert not list(tmp_path.iterdir())


def test_an_abandoned_file_is_gone(tmp_path: Path) -> None:
    writer = SnapshotWriter(tmp_path / "a", HEADER, MEMORY, NAMES)
    writer.add(rows("number", 10))
    writer.abandon()
    writer.abandon()

    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk")
def test_a_full_disk_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    """The real refusal of the kernel, in the middle of a file."""
    writer = SnapshotWriter(tmp_path / "a", HEADER, MEMORY, NAMES)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, writer._file.fileno())
    os.close(full)
    writer.add(rows("number", 10))

    with pytest.raises(StorageError, match=r"^cannot write a snapshot to .*: free space there$") as caught:
        writer.close()
    assert caught.value.retriable
    assert not list(tmp_path.iterdir())


@settings(max_examples=20)
@given(events=histories(gaps, most=40))
def test_windows_come_back_from_a_file_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, events: list[CallEvent]
) -> None:
    """From a running engine through a file into another engine: every row, and every feature of the next call."""
    engine = WindowEngine(ROOMY)
    engine.update(batch_of(events))
    parts, names = swept(engine)
    path = tmp_path_factory.mktemp("engine") / "a.snapshot"
    restored = WindowEngine(ROOMY)

    for partition in range(2):
        header = msgspec.structs.replace(HEADER, partition=partition, layout=engine.layout)
        writer = SnapshotWriter(path, header, MEMORY, names)
        for part in parts:
            writer.add(part.of(partition))
        writer.close()
        snapshot = read(path, partition=partition, layout=restored.layout)
        assert snapshot.names == names
        for _ in restored.load(partition, snapshot.parts, snapshot.names):
            pass
        path.unlink()

    assert_same_rows(rows_of(restored), rows_of(engine))
    later = batch_of(events)
    np.testing.assert_array_equal(restored.update(later), engine.update(later))


KEYS = Signing(b"a key of sixteen bytes or more")


def test_with_a_key_only_what_it_signed_is_read(tmp_path: Path) -> None:
    """Without one everything is; a signed file as well."""
    unsigned, signed = tmp_path / "unsigned", tmp_path / "signed"
    write(unsigned, rows("number", 5))
    write(signed, rows("number", 5), signing=KEYS)

    assert read(signed, signing=KEYS).header.format == SIGNED_FORMAT
    assert_same_rows_of(read(signed), read(signed, signing=Signing(b"a newer key, as long", KEYS.key)))
    with pytest.raises(SnapshotRefused, match=r"is skipped: it is not signed, and ROBOCALL_SIGNING_KEY is set"):
        read(unsigned, signing=KEYS)
    with pytest.raises(SnapshotRefused, match="signed with another key"):
        read(signed, signing=Signing(b"a newer key, as long"))


def assert_same_rows_of(one: Snapshot, other: Snapshot) -> None:
    for mine, its in zip(one.parts, other.parts, strict=True):
        assert all((mine.arrays[name] == its.arrays[name]).all() for name in mine.arrays)


def test_a_changed_file_with_a_right_checksum_is_refused_where_there_is_a_key(tmp_path: Path) -> None:
    """Whoever can write to the store can work out a checksum, and take the signature of another file."""
    mine, forged = tmp_path / "mine", tmp_path / "forged"
    write(mine, rows("number", 5), signing=KEYS)
    write(forged, rows("number", 5, seed=2), signing=KEYS)
    forged.write_bytes(forged.read_bytes()[:-32] + mine.read_bytes()[-32:])

    assert read(forged).parts
    with pytest.raises(SnapshotRefused, match="or was changed"):
        read(forged, signing=KEYS)


def test_a_snapshot_of_another_seed_is_told_so(tmp_path: Path) -> None:
    """Keys of another seed mean other numbers. One that does not say was written under the public seed."""
    write(tmp_path / "a", rows("number", 5), header=msgspec.structs.replace(HEADER, seed=name_of(5)))

    with pytest.raises(SnapshotRefused, match=f"its seed of hashes is {name_of(5)}, wanted is {name_of(PUBLIC_SEED)}"):
        read(tmp_path / "a")
    assert read(tmp_path / "a", seed=name_of(5)).parts
