"""Names and changes of trunk groups: a few at a time, bounded, and never of what is gone."""

from dataclasses import replace

from detector.contract.events import CallSetup
from detector.windows import WindowEngine
from detector.windows.trunk_book import SHARES_AT_ONCE
from tests.detector.windows.test_trunks import SETTINGS, feed, setup


def call(at_ms: int, trunk: str) -> CallSetup:
    return setup(at_ms, caller=at_ms % 9_000).__class__(
        call_id="c",
        setup_time_ms=setup(at_ms, 0).setup_time_ms,
        calling_number="+12125550100",
        called_number="+13105550100",
        trunk_group_id=trunk,
    )


def test_shares_come_a_few_at_a_time_longest_waiting_first() -> None:
    engine = WindowEngine(replace(SETTINGS, max_trunks=200))
    names = [f"T{number}" for number in range(100)]
    feed(engine, [call(at, name) for at, name in enumerate(names)], [0] * 100)

    first, second = list(engine.trunk_shares(0)), list(engine.trunk_shares(0))

    assert first == names[:SHARES_AT_ONCE]
    assert second == names[SHARES_AT_ONCE:]
    assert engine.trunk_shares(0) == {}


def test_an_evicted_trunk_group_has_no_share() -> None:
    engine = WindowEngine(SETTINGS)
    feed(engine, [call(at, f"T{at}") for at in range(20)], [0] * 20)

    assert list(engine.trunk_shares(0)) == [f"T{at}" for at in range(12, 20)]


def test_names_are_bounded_in_a_flood_and_those_in_use_stay() -> None:
    """A thousand made-up trunk groups between the calls of one that is busy: it keeps its name and its share."""
    engine = WindowEngine(SETTINGS)
    for at in range(1_000):
        feed(engine, [call(at, f"flood-{at}"), call(at, "busy")], [0, 1])

    assert len(engine.sweep().names) <= 2 * SETTINGS.max_trunks + 2
    engine.recount_trunks(1)
    assert list(engine.trunk_shares(1)) == ["busy"]


def test_a_partition_that_left_has_no_shares() -> None:
    engine = WindowEngine(SETTINGS)
    feed(engine, [call(0, "T1"), call(1, "T1")], [0, 1])

    engine.forget_partition(0)

    assert engine.trunk_shares(0) == {}
    assert list(engine.trunk_shares(1)) == ["T1"]
