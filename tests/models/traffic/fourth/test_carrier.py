"""A carrier is drawn from its seed and keeps nothing from hour to hour."""

from collections import Counter

import numpy as np

from models.traffic.fourth.carrier import Carrier
from models.traffic.span import DEFAULT_START_MS, HOUR_MS

FIRST = DEFAULT_START_MS // HOUR_MS


def test_hours_asked_for_in_any_order_are_the_same(carrier: Carrier) -> None:
    """Backwards, and by a carrier that was asked for nothing else."""
    backwards = [carrier.calls(FIRST + hour) for hour in (3, 2, 1)]
    other = Carrier(5, calls_per_second=2.0, robocall_share=0.08, new_kinds_ms=DEFAULT_START_MS + 24 * HOUR_MS)

    for hour, calls in zip((3, 2, 1), backwards, strict=True):
        again = other.calls(FIRST + hour)
        assert np.array_equal(again.attempts.calling, calls.attempts.calling)
        assert np.array_equal(again.end_ms, calls.end_ms)
        assert np.array_equal(again.routes.trunk, calls.routes.trunk)


def test_calls_of_an_hour_are_in_it_and_in_order(carrier: Carrier, noon: int) -> None:
    calls = carrier.calls(noon)

    assert np.all(np.diff(calls.attempts.setup_ms) >= 0)
    assert np.all(calls.attempts.setup_ms // HOUR_MS == noon)
    assert np.all(calls.end_ms > calls.attempts.setup_ms)
    assert len(np.unique(calls.number)) == len(calls)
    assert not np.any(calls.attempts.calling == calls.attempts.called)


def test_there_are_fewer_robocalls_by_night_and_fewer_office_calls_on_sundays(carrier: Carrier, noon: int) -> None:
    """The carrier is at most seven hours west of UTC: 15 hours behind its noon is the small hours."""
    office = [carrier.world.kind(name) for name in ("business", "debt_collection", "doctors")]
    found: Counter[str] = Counter()
    for name, hour in (("noon", noon), ("night", noon + 15), ("sunday", noon + 5 * 24)):
        calls = carrier.calls(hour).attempts
        found[f"robocalls at {name}"] = int((calls.campaign > 0).sum())
        found[f"office at {name}"] = int(np.isin(calls.kind, office).sum())

    assert found["robocalls at night"] < 0.35 * found["robocalls at noon"]
    assert found["office at sunday"] < 0.3 * found["office at noon"]


def test_carriers_differ_in_kinds_numbers_and_trunk_groups() -> None:
    carriers = [Carrier(seed, 1.0, 0.05, DEFAULT_START_MS) for seed in range(6)]

    assert len({one.later_kinds for one in carriers}) > 1
    assert all(set(one.later_kinds) < set(one.campaign_kinds) for one in carriers)
    assert all(len(one.campaign_kinds) >= 16 for one in carriers)
    assert len({len(one.world.providers.trunks) for one in carriers}) > 1
    assert len({tuple(one.world.numbering.exchanges) for one in carriers}) == len(carriers)
