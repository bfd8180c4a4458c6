"""The windows of a worker at its default settings."""

import random

import pytest

from detector.columns.call_columns import build_batch
from detector.contract.events import Attestation, CallSetup
from detector.features.window_constants import DAY_MS
from detector.windows import WindowEngine
from streams.errors import SettingsInvalid
from streams.screening.build import make_screener, policy_of
from streams.settings import load_settings
from tests.detector.windows.test_trunks import START_MS

TRUNKS, ORIGINS, PARTITIONS = 5_000, 2_500, 12
SLICE = 6_000


def a_day(engine: WindowEngine) -> None:
    """One call of each trunk group in each partition, two of each origin, mixed, evenly over a day."""
    pairs = [(trunk, partition) for trunk in range(TRUNKS) for partition in range(PARTITIONS)]
    random.Random(7).shuffle(pairs)
    for start in range(0, len(pairs), SLICE):
        part = pairs[start : start + SLICE]
        calls = [
            CallSetup(
                call_id="c",
                setup_time_ms=START_MS + (start + at) * DAY_MS // len(pairs),
                calling_number=f"+1202555{at:04}",
                called_number=f"+1312555{at:04}",
                trunk_group_id=f"trunk-{trunk}",
                verstat="TN-Validation-Passed",
                attestation=Attestation.B,
                signer_spc="123A",
                origid=f"origin-{trunk % ORIGINS}",
            )
            for at, (trunk, _) in enumerate(part)
        ]
        homes = [partition for _, partition in part]
        engine.count(build_batch(calls, [True] * len(calls), homes, seed=engine.settings.seed))


def test_no_trunk_group_of_5000_in_12_partitions_is_evicted_in_a_day() -> None:
    """With room for 2,048 of either, as it was, nearly all of the 60,000 and the 30,000 windows went.

    The memory is bounded all the same.
    """
    engine = make_screener(load_settings(), shared_trunks=False).engine

    a_day(engine)

    assert engine.evictions()["trunk"] == 0
    assert engine.tracked()["trunk"] == TRUNKS * PARTITIONS
    assert engine.evictions()["origin"] == 0
    assert engine.tracked()["origin"] == ORIGINS * PARTITIONS
    assert engine.settings.max_origins * engine.bytes_per_key()["origin"] < 110e6
    assert engine.settings.max_trunks * engine.bytes_per_key()["trunk"] < 680e6


def test_an_order_to_enforce_unmeasured_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a name and a reason, or not at all."""
    monkeypatch.setenv("ROBOCALL_ENFORCE_UNMEASURED", "M. Lee : trial: our own lines")
    order = policy_of(load_settings()).budgets.enforce_unmeasured
    assert order is not None
    assert (order.name, order.reason) == ("M. Lee", "trial: our own lines")

    for wrong in ("M. Lee", "M. Lee: ", ": trial"):
        monkeypatch.setenv("ROBOCALL_ENFORCE_UNMEASURED", wrong)
        with pytest.raises(SettingsInvalid, match="say who answers for it and why"):
            load_settings()
