"""Whatever counts calls for screening keeps one contract: `detector.columns.windows_port.Windows`."""

from collections.abc import Callable

import numpy as np
import pytest

from detector.columns.windows_port import NO_KEY, Windows
from detector.contract.events import CallEvent
from detector.features.table import INDEX, N_FEATURES
from detector.testing import START_MS, PreparedWindows, batch_of, call_end, call_setup, small_windows
from detector.windows import WindowEngine

MAKERS: dict[str, Callable[[], Windows]] = {
    "WindowEngine": lambda: WindowEngine(small_windows()),
    "PreparedWindows": lambda: PreparedWindows({"c1": {"number_attempts_1h": 1.0}}),
}
CALLS = [call_setup(f"c{n}", setup_time_ms=START_MS + n, calling_number=f"+1212555{n:04}") for n in range(1, 4)]


@pytest.fixture(params=MAKERS)
def windows(request: pytest.FixtureRequest) -> Windows:
    return MAKERS[request.param]()


def test_each_call_setup_has_a_row_and_an_end_has_none(windows: Windows) -> None:
    events: list[CallEvent] = [CALLS[0], call_end(CALLS[0], after_ms=900), CALLS[1], CALLS[2]]

    rows = windows.update(batch_of(events))

    assert rows.shape == (3, N_FEATURES)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert rows[0, INDEX["number_attempts_1h"]] == 1.0


def test_a_batch_without_call_setups_gives_no_rows(windows: Windows) -> None:
    assert windows.update(batch_of([call_end(CALLS[0], after_ms=900)])).shape == (0, N_FEATURES)


def test_rows_that_were_handed_out_stay_as_they_are(windows: Windows) -> None:
    rows = windows.update(batch_of(CALLS))
    before = rows.copy()

    windows.update(batch_of(CALLS))

    np.testing.assert_array_equal(rows, before)


def test_margins_are_said_of_each_call_and_the_first_one_has_no_neighbours(windows: Windows) -> None:
    """In the order of the rows that were named, whichever set-ups they leave out."""
    batch = batch_of([CALLS[0], call_end(CALLS[0], after_ms=900), CALLS[1], CALLS[2]])
    windows.keep_margins("m-1")
    windows.update(batch)

    found = windows.add_margins(batch, np.array([0, 2]), np.array([1.5, -0.5]))

    assert [len(column) for column in found] == [2] * 4
    assert np.isfinite(found.mean).all()
    assert (found.mean[0], found.key[0], found.calls[0]) == (0.0, NO_KEY, 0)


def test_counting_reads_nothing_and_changes_no_later_row(windows: Windows) -> None:
    """As if the batch had been read: the same row for the call after it."""
    read = MAKERS[type(windows).__name__]()
    read.update(batch_of(CALLS[:2]))
    windows.count(batch_of(CALLS[:2]))

    np.testing.assert_array_equal(windows.update(batch_of(CALLS[2:])), read.update(batch_of(CALLS[2:])))
