"""Training data comes from the serving code, whatever the batches."""

import zlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from detector.columns.call_columns import build_batch
from detector.contract.events import CallSetup
from detector.features.table import FEATURE_NAMES
from models.data import windows_over_traffic
from models.data.windows_over_traffic import TRAINING_WINDOWS, from_traffic
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from models.traffic.span import HOUR_MS

SPEC = TrafficSpec(hours=0.1, seed=3, calls_per_second=8.0)
PARTITIONS = 12
ESTIMATED = ("origin_", "block_", "called_", "received_", "number_in_out_", "number_part_of_")
"""Features that read windows which see the calls of one partition only."""


def test_generated_calls_come_with_the_serving_features_and_their_truth() -> None:
    """A row for each call, in time order, robocalls with a campaign and lawful calls without."""
    seen: list[int] = []

    data = from_traffic([SPEC], seen.append)

    assert data.feature_names == tuple(FEATURE_NAMES)
    assert data.rows.shape == (len(data.setup_time_ms), len(FEATURE_NAMES))
    assert np.all(np.diff(data.setup_time_ms) >= 0)
    assert 0 < data.is_robocall.sum() < len(data) / 2
    np.testing.assert_array_equal(data.campaign >= 0, data.is_robocall)
    assert seen == sorted(seen)
    assert seen[-1] == 2 * len(data)  # every call has one set-up and one end


def test_features_do_not_depend_on_the_size_of_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Live batches are small and training batches large; the numbers must be the same."""
    data = from_traffic([SPEC], lambda _: None)
    monkeypatch.setattr(windows_over_traffic, "BATCH_EVENTS", 7)

    np.testing.assert_array_equal(from_traffic([SPEC], lambda _: None).rows, data.rows)


def test_history_fills_windows_and_is_not_judged() -> None:
    """Rows of the judged part are those of the whole span to the bit: what was before is known to them.

    But for numbers of different things, which are estimated when they are read.
    """
    whole = from_traffic([SPEC], lambda _: None)
    split = replace(SPEC, history_hours=0.04)

    late = from_traffic([split], lambda _: None)

    chosen = whole.setup_time_ms >= split.judged_ms
    assert 0 < len(late) == chosen.sum() < len(whole)
    counted = [i for i, name in enumerate(FEATURE_NAMES) if "distinct" not in name and "calls_per" not in name]
    np.testing.assert_array_equal(late.rows[:, counted], whole.rows[chosen][:, counted])
    np.testing.assert_array_equal(late.is_robocall, whole.is_robocall[chosen])


def test_calls_are_counted_from_the_first_of_their_campaign_in_the_history() -> None:
    """The judged part has the positions of the whole span: a campaign that went on is not at its first call."""
    whole = from_traffic([SPEC], lambda _: None)
    split = replace(SPEC, history_hours=0.04)

    late = from_traffic([split], lambda _: None)

    np.testing.assert_array_equal(late.position, whole.position[whole.setup_time_ms >= split.judged_ms])
    assert whole.position[np.flatnonzero(whole.is_robocall)[0]] == 1
    assert late.position[np.flatnonzero(late.is_robocall)[0]] > 1
    np.testing.assert_array_equal(late.position > 0, late.is_robocall)


def test_in_partitions_a_number_is_counted_and_an_origin_estimated() -> None:
    """Windows of numbers and trunks are those of one partition, to the bit; of an origin one saw a part.

    The slow twin counts the calls of an origin so far that its partition had: those before this one, times the number
    of partitions, and this one.
    """
    whole = from_traffic([SPEC], lambda _: None)

    parted = from_traffic([SPEC], lambda _: None, partitions=(PARTITIONS,))

    counted = [i for i, name in enumerate(FEATURE_NAMES) if not name.startswith(ESTIMATED)]
    np.testing.assert_array_equal(parted.rows[:, counted], whole.rows[:, counted])
    attempts = parted.rows[:, FEATURE_NAMES.index("origin_attempts_24h")]
    np.testing.assert_array_equal(attempts, _origin_estimates(SPEC))
    assert np.any(attempts != whole.rows[:, FEATURE_NAMES.index("origin_attempts_24h")])


def _origin_estimates(spec: TrafficSpec) -> list[int]:
    setups = [event for block in generate(spec) for event in block.events() if isinstance(event, CallSetup)]
    origins = build_batch(setups, [True] * len(setups), seed=TRAINING_WINDOWS.seed).origin.tolist()
    seen: Counter[tuple[int, int]] = Counter()
    estimates = []
    for setup, origin in zip(setups, origins, strict=True):
        key = (origin, zlib.crc32(setup.calling_number.encode()) % PARTITIONS)
        seen[key] += origin != 0
        estimates.append(1 + PARTITIONS * (seen[key] - 1) if origin else 0)
    return estimates


def test_spans_take_the_partitions_in_turn() -> None:
    """The first span in one partition, as without being told, the second in twelve, the third in one again."""
    spans = [replace(SPEC, hours=0.02, start_ms=SPEC.start_ms + after * HOUR_MS) for after in range(3)]

    spread = from_traffic(spans, lambda _: None, partitions=(1, PARTITIONS))

    alone = [
        from_traffic([spans[0]], lambda _: None),
        from_traffic([spans[1]], lambda _: None, partitions=(PARTITIONS,)),
        from_traffic([spans[2]], lambda _: None),
    ]
    np.testing.assert_array_equal(spread.rows, np.concatenate([one.rows for one in alone]))
    assert [one.counted_in for one in (spread, *alone)] == [(1, PARTITIONS), (1,), (PARTITIONS,), (1,)]
