"""The memory of signatures against a slow twin, and what it keeps when models, partitions and batches change."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.features.schemas import F2, F3, F4
from detector.features.signature_features import SIGNATURE_FEATURES
from detector.features.signatures import N_FIGURES
from detector.features.window_constants import DAY_MS, HOUR_MS, NOT_ENOUGH_DATA
from detector.windows import WindowEngine
from detector.windows.memories import Kept
from detector.windows.row_copies import RowCopies
from detector.windows.signatures.counting import ASTRAY_LIMIT, CALLS, FAILED, LATELY, MOST_CALLS, USUALLY
from detector.windows.signatures.memory import check_rows
from detector.windows.sweep import SweptRows
from tests.detector.windows.signatures.slow_signatures import (
    ROOMY,
    Event,
    Slow,
    batch_of,
    call,
    engine_of,
    figure,
    histories,
    updated,
)

FAILING: dict[str, Any] = {"own_cause": "signature_invalid", "signer_spc": "1234"}
HELD: dict[str, Any] = {"own_cause": "passed", "own_signer_spc": "1234", "signer_spc": "1234", "upstream_ocn": "1234"}


@settings(max_examples=300)
@given(events=histories(), cuts=st.sets(st.integers(1, 99)))
def test_it_says_what_the_slow_twin_says_however_events_are_cut_into_batches(
    events: list[Event], cuts: set[int]
) -> None:
    """As far as sums of 32 bits go: what counts less than one in a million is lost."""
    engine, edges = engine_of(), [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]

    found = np.concatenate([updated(engine, events[start:stop]) for start, stop in itertools.pairwise(edges)])

    expected = np.array(Slow().update(events), np.float32).reshape(found.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@settings(max_examples=60)
@given(events=histories(), last=histories())
def test_what_is_counted_without_being_read_is_the_same(events: list[Event], last: list[Event]) -> None:
    """While nobody waits for answers, and before a model wants it."""
    read, counted, kept = engine_of(), engine_of(), WindowEngine(replace(ROOMY, keep_signatures=True))
    updated(read, events)

    counted.count(batch_of(events))
    kept.use(F2)
    kept.update(batch_of(events))

    expected = updated(read, last)
    np.testing.assert_array_equal(updated(counted, last), expected)
    np.testing.assert_array_equal(updated(kept, last), expected)


@settings(max_examples=60)
@given(events=histories())
def test_values_are_within_the_bounds_of_their_features(events: list[Event]) -> None:
    found = updated(engine_of(), events)

    low, high = (np.array([getattr(feature, name) for feature in SIGNATURE_FEATURES]) for name in ("low", "high"))
    assert ((found == NOT_ENOUGH_DATA) | ((found >= low) & (found <= high))).all()


def test_a_trunk_group_whose_signatures_begin_to_fail_stands_out() -> None:
    """By hand: ten days of 20 sound calls a day; of the next 20 within an hour five fail."""
    engine = engine_of()
    updated(engine, [call(day * DAY_MS + n, **HELD) for day in range(10) for n in range(20)])

    events = [call(10 * DAY_MS + n, **(FAILING if n % 4 == 3 else HELD)) for n in range(20)]

    assert figure(engine, events, "trunk_own_failed_lately") == pytest.approx(0.25, abs=1e-6)
    usual = 5 / (20 + 20 * sum(2.0**-n for n in range(1, 11)))
    assert figure(engine, [call(10 * DAY_MS + 20, **FAILING)], "trunk_own_failed_vs_usual") == pytest.approx(
        (6 / 21) / (6 / 21 + (usual * (40 - 20 / 1024) + 1) / (41 - 20 / 1024)), rel=1e-5
    )


def test_a_signer_of_a_foreign_trunk_group_is_told_and_its_age() -> None:
    engine = engine_of()
    foreign = HELD | {"upstream_ocn": "999Z"}
    updated(engine, [call(0, **HELD)])

    events = [call(2 * HOUR_MS, **foreign)]

    assert figure(engine, events, "call_signer_unlike_upstream") == 1.0
    assert figure(engine, [call(3 * HOUR_MS, **HELD)], "signer_age") == 3 * 3_600.0


def test_one_clock_that_is_weeks_ahead_does_not_silence_a_trunk_group() -> None:
    engine = engine_of()
    updated(engine, [call(60 * DAY_MS, **HELD)])

    updated(engine, [call(n, **FAILING) for n in range(ASTRAY_LIMIT)])

    assert figure(engine, [call(99, **FAILING)] * 10, "trunk_own_failed_lately") == 1.0


def test_sums_stay_small_enough_to_take_single_calls() -> None:
    engine = engine_of()
    updated(engine, [call(0, **FAILING)])
    store = engine._stores.signatures.trunk_signatures
    sums, (slot,) = store.w8.view(np.float32), np.flatnonzero(store.w64[:, 0])
    sums[slot, [LATELY + CALLS, USUALLY + CALLS]] = MOST_CALLS
    sums[slot, [LATELY + FAILED, USUALLY + FAILED]] = MOST_CALLS / 2

    updated(engine, [call(1, **FAILING)])

    assert sums[slot, LATELY + CALLS] == (MOST_CALLS + 1) / 2
    assert sums[slot, LATELY + FAILED] == (MOST_CALLS / 2 + 1) / 2


def test_the_other_features_are_the_same_with_and_without_it() -> None:
    events = [call(n * HOUR_MS, **HELD) for n in range(40)]
    signed, days, plain = (WindowEngine(ROOMY) for _ in range(3))
    signed.use(F4)
    days.use(F3)

    found = signed.update(batch_of(events))

    np.testing.assert_array_equal(found[:, : len(F3.names)], days.update(batch_of(events)))
    np.testing.assert_array_equal(found[:, : len(F2.names)], plain.update(batch_of(events)))


def test_trunk_groups_that_partitions_share_in_their_windows_are_apart_here() -> None:
    """So a replay tells what a worker tells."""
    events = [call(n, partition=n % 2, **(FAILING if n % 2 else HELD)) for n in range(40)]

    shared = updated(engine_of(replace(ROOMY, shared_trunks=True)), events)

    np.testing.assert_array_equal(shared, updated(engine_of(), events))


def swept(engine: WindowEngine) -> list[SweptRows]:
    sweep, parts = engine.sweep(), list[SweptRows]()
    while not sweep.is_done:
        parts += sweep.step(1_000)
    return parts


def loaded(engine: WindowEngine, parts: list[SweptRows], of: Kept) -> None:
    for partition in (0, 1):
        for _ in engine.load(partition, parts, {}, of):
            pass


@settings(max_examples=60)
@given(events=histories(), more=histories(), last=histories())
def test_a_copy_goes_on_as_the_original(events: list[Event], more: list[Event], last: list[Event]) -> None:
    """As of the instant at which the copy began, though events go on meanwhile."""
    original, copy = engine_of(), engine_of()
    updated(original, events)
    sweep, parts = original.sweep(), list[SweptRows]()
    expected = [updated(original, more), updated(original, last)]
    while not sweep.is_done:
        parts += sweep.step(1_000)
    loaded(copy, parts, original.kept)

    for found, batch in zip((more, last), expected, strict=True):
        np.testing.assert_array_equal(updated(copy, found), batch)


def test_rows_are_loaded_only_where_signatures_are_kept_and_mean_the_same() -> None:
    """Of a snapshot of before nothing is known of them."""
    original = engine_of()
    updated(original, [call(n, **FAILING) for n in range(10)])
    parts = swept(original)

    for of, share in ((original.kept, 1.0), (Kept(signatures_of="other"), -1.0), (Kept(), -1.0)):
        copy = engine_of()
        loaded(copy, parts, of)
        assert figure(copy, [call(11, **FAILING)], "trunk_own_failed_lately") == share
    off = WindowEngine(ROOMY)
    loaded(off, parts, original.kept)
    assert off.tracked()["trunk_signatures"] == 0


def test_a_partition_that_moves_away_is_forgotten() -> None:
    engine = engine_of()
    updated(engine, [call(n, partition=n % 2, **FAILING) for n in range(40)])

    engine.forget_partition(0)

    found = [figure(engine, [call(50, partition=n, **FAILING)], "trunk_own_failed_lately") for n in (0, 1)]
    assert found == [-1.0, 1.0]


@pytest.mark.parametrize(
    ("place", "value"), [(LATELY, np.nan), (USUALLY, -1.0), (LATELY + FAILED, 2.0), (USUALLY + FAILED, np.inf)]
)
def test_rows_that_no_detector_writes_are_refused(place: int, value: float) -> None:
    """The third one has more failed calls than calls."""
    engine = engine_of()
    updated(engine, [call(0, **HELD)])
    part = next(part for part in swept(engine) if part.store == "trunk_signatures")
    rows = RowCopies(part.arrays["state"].astype(np.int64), part.arrays["row"].astype(np.int64))
    check_rows(rows)
    rows.row.view(np.float32)[0, place] = value

    with pytest.raises(ValueError, match="no detector writes"):
        check_rows(rows)
    with pytest.raises(ValueError, match="no detector writes"):
        loaded(engine, [SweptRows(part.store, rows._asdict())], engine.kept)


def test_off_it_holds_nothing() -> None:
    engine = WindowEngine(ROOMY)

    assert engine.update(batch_of([call(0, **HELD)])).shape == (1, len(F2.names))
    assert (engine.signatures.identity, engine.tracked()["trunk_signatures"]) == ("", 0)
    engine.use(F4)
    assert updated(engine, [call(1, **HELD)]).shape == (1, N_FIGURES)
    assert engine.use(F2) is F2
    assert engine.tracked()["trunk_signatures"] == 0
