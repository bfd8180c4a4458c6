"""Rows that come from outside: what no detector writes is refused, and what is not refused leads nowhere outside."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.columns.hashing import HASHED
from detector.windows import WindowEngine, layout
from detector.windows.sweep import SweptRows
from tests.detector.windows import odd_rows

Row = NDArray[np.int64]


@pytest.fixture(scope="module")
def written() -> tuple[list[SweptRows], dict[int, str]]:
    engine = WindowEngine(odd_rows.SETTINGS)
    odd_rows.feed(engine, list(odd_rows.history(0)))
    return odd_rows.swept(engine), engine.sweep().names


def _byte(at: int, value: int) -> Callable[[Row], None]:
    def change(row: Row) -> None:
        row.view(np.uint8)[at] = value

    return change


def _word(at: int, value: int) -> Callable[[Row], None]:
    def change(row: Row) -> None:
        row[at] = value

    return change


@pytest.mark.parametrize(
    ("store", "change"),
    [
        ("number", _byte(layout.HELD, 9)),
        ("number", _byte(layout.HELD, 255)),
        ("trunk", _byte(layout.IS_PANED, 2)),
        ("cold_number", _word(layout.KEY, 0)),
        ("cold_number", _word(layout.KEY, HASHED - 1)),
        ("called", _word(layout.KEY, -1)),
        ("block", _word(layout.LATEST_MS, -1)),
        ("origin", _word(layout.LATEST_MS, 1 << 62)),
        ("cold_called", _byte(2 * layout.PARTITION, 1)),
        ("trunk", _word(layout.OTHERS_MS, -5)),
        ("origin", _word(layout.OTHERS_MS, -(1 << 63))),
    ],
)
def test_what_no_detector_writes_is_refused(
    written: tuple[list[SweptRows], dict[int, str]], store: str, change: Callable[[Row], None]
) -> None:
    """One row among many, in one byte or word."""
    parts, names = written
    part = next(one for one in parts if one.store == store)
    row = part.arrays["row"].astype(np.int64)
    change(row[-1])

    with pytest.raises(ValueError, match="no detector writes: do not load it"):
        list(WindowEngine(odd_rows.SETTINGS).load(0, [SweptRows(store, part.arrays | {"row": row})], names))


def test_no_byte_of_a_row_leads_out_of_an_array(pytestconfig: pytest.Config) -> None:
    """Every byte of the head of each kind of row, and a sample of the rest; compiled code checks each access here.

    Compiling it so takes minutes the first time; it is kept in the cache of pytest.
    """
    assert pytestconfig.cache is not None
    checked = os.environ | {
        "NUMBA_BOUNDSCHECK": "1",
        "NUMBA_CACHE_DIR": str(pytestconfig.cache.mkdir("bounds-checked")),
    }

    done = subprocess.run(
        [sys.executable, "-m", odd_rows.__name__], env=checked, capture_output=True, text=True, check=False, timeout=900
    )

    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout)
    assert found["stores"] == 8
    assert found["refused"] > 1_000
    assert found["used"] > 5_000
