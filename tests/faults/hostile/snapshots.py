"""Snapshots with one byte of every row changed, under a right checksum."""

from itertools import count
from pathlib import Path

import msgspec
import numpy as np

from detector.windows.sweep import SweptRows
from streams.state.snapshot_file import SnapshotWriter, read_snapshot
from streams.state.snapshot_format import PREAMBLE, Header


def damage_rows(path: Path) -> int:
    """Write a snapshot anew with a byte of each row changed, row after row another one; how many rows there were."""
    content = path.read_bytes()
    head_bytes = PREAMBLE.unpack_from(content)[-1]
    header = msgspec.json.decode(content[PREAMBLE.size : PREAMBLE.size + head_bytes], type=Header)
    found = read_snapshot(
        path, topic=header.topic, partition=header.partition, layout=header.layout,
        feature_schema=header.feature_schema, seed=header.seed,
    )  # fmt: skip
    made = path.with_name(f"{path.name}.hostile")
    made.unlink(missing_ok=True)
    writer, place = SnapshotWriter(made, header, found.memory, found.names), count()
    for part in found.parts:
        rows = np.array(part.arrays["row"])
        for row in rows:
            row.view(np.uint8)[next(place) % row.nbytes] ^= 0xFF
        writer.add(SweptRows(part.store, part.arrays | {"row": rows}))
    writer.close()
    made.replace(path)
    return next(place)
