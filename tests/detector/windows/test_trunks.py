"""Trunk counts of several partitions, added up, against one engine that sees everything."""

from dataclasses import replace

import numpy as np
import pytest

from detector.columns.call_columns import build_batch
from detector.contract.events import CallSetup
from detector.features import window_constants
from detector.features.table import INDEX
from detector.windows import TrunkShare, WindowEngine, WindowSettings, layout, merge, row_copies

START_MS = 1_700_000_000_000
SETTINGS = WindowSettings(256, 256, 8, 64, 8, 256, seed=1, partitions=1)


def setup(at_ms: int, caller: int) -> CallSetup:
    return CallSetup(
        call_id="c",
        setup_time_ms=START_MS + at_ms,
        calling_number=f"+1212555{caller:04}",
        called_number=f"+1310555{(caller * 7) % 10_000:04}",
        trunk_group_id="T1",
    )


def share_of(engine: WindowEngine, partition: int, trunk: str = "T1") -> bytes:
    """What a partition counted for a trunk group, whether or not that was asked for before."""
    engine.recount_trunks(partition)
    return engine.trunk_shares(partition)[trunk]


def feed(engine: WindowEngine, events: list[CallSetup], partitions: list[int]) -> np.ndarray:
    return engine.update(build_batch(events, [True] * len(events), partitions, seed=engine.settings.seed))


def test_merged_shares_equal_one_engine() -> None:
    """Own share plus the others' gives the trunk features of an engine that counted all calls itself."""
    events = [setup(at * 900, caller=at % 90) for at in range(400)]
    homes = [event_number % 90 % 3 for event_number in range(400)]
    single = WindowEngine(WindowSettings(256, 256, 8, 64, 8, 256, seed=1, partitions=1, shared_trunks=True))
    expected = feed(single, [*events, setup(400 * 900, 0)], [*homes, 0])[-1]
    engine = WindowEngine(SETTINGS)
    feed(engine, events, homes)
    own, *shares = (share_of(engine, home) for home in (0, 1, 2))

    for _ in range(2):  # importing twice changes nothing
        assert engine.set_trunk_others("T1", {0: own}, shares) == 1
    row = feed(engine, [setup(400 * 900, 0)], [0])[-1]

    for name in ("trunk_attempts_1m", "trunk_attempts_1h", "trunk_attempts_24h", "trunk_new_number_share_1h"):
        assert row[INDEX[name]] == pytest.approx(expected[INDEX[name]], rel=1e-6)
    for name in ("trunk_distinct_calling_ratio_1h", "trunk_distinct_called_ratio_1h"):
        assert row[INDEX[name]] == pytest.approx(expected[INDEX[name]], rel=0.05)


def test_share_does_not_contain_what_others_counted() -> None:
    """Exporting after an import gives the same bytes: shares never feed back."""
    engine = WindowEngine(SETTINGS)
    feed(engine, [setup(at, at) for at in range(40)], [at % 2 for at in range(40)])
    before = share_of(engine, 0)

    engine.set_trunk_others("T1", {home: share_of(engine, home) for home in (0, 1)})

    assert share_of(engine, 0) == before


#  absolute pane     n-8 ... n-1   n   n+1
#  share of 0        |oldest ...       2|           2 calls in pane n, its latest
#  share of 1            |oldest ...       1|       1 call in pane n+1, its latest
#  merged                |oldest ...   2   1|       as of n+1: the first share lost its oldest pane
def test_merge_aligns_panes_by_absolute_time() -> None:
    """A share one pane older loses its oldest pane and moves by one."""
    engine = WindowEngine(SETTINGS)
    feed(engine, [setup(0, 1), setup(0, 2)], [0, 0])
    feed(engine, [setup(window_constants.PANE_MS[window_constants.W10S], 3)], [1])

    panes = merge([TrunkShare.from_bytes(share_of(engine, home)) for home in (0, 1)]).panes[
        window_constants.W10S, :, window_constants.ATTEMPTS
    ]

    assert panes.tolist() == [0, 0, 0, 0, 0, 0, 0, 2, 1]


def known_of_others(engine: WindowEngine, partition: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the row of T1 keeps what others counted: panes as numbers, registers."""
    sweep, rows = engine.sweep(), []
    while not sweep.is_done:
        for part in sweep.step(1 << 20):
            if part.store == "trunk":
                mine = part.arrays["state"][:, row_copies.PARTITION_COLUMN] == partition
                rows += list(part.arrays["row"][mine])
    (row,) = rows
    plan = layout.PLANS[window_constants.TRUNK]
    counts, first = row.view(np.uint32), plan.panes + plan.other_panes
    registers = row.view(np.uint8)[plan.sketch_0 + plan.other_sketches :]
    return counts[first : first + plan.other_panes], registers[: plan.sketches_end - plan.sketch_0]


#  partition 0   x   x   x   x                        a call each 0.9 s, 60 of each
#  partition 1   x              x              x      each 4 s
#  partition 2   xxxx                                 each millisecond
#  partition 3   x                  x                 each 5 s: it is ahead of all others at the end
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_each_partition_knows_the_sum_of_all_others(order: tuple[int, ...]) -> None:
    """Told of all at once, or of the merged share of all others: the same to the bit, also where sums are full.

    One of them is a minute ahead of the rest: that must not let the others' counts run out for it.
    """
    engine = WindowEngine(SETTINGS)
    for home, step_ms in enumerate((900, 4_000, 1, 5_000)):
        feed(engine, [setup(at * step_ms, caller=at + home) for at in range(60)], [home] * 60)
    shares = {home: share_of(engine, home) for home in order}
    full = TrunkShare.from_bytes(shares[2])
    full = replace(full, panes=np.full_like(full.panes, 0xFFFFFFFF))
    for elsewhere in ([], [full]):
        assert engine.set_trunk_others("T1", shares, [share.to_bytes() for share in elsewhere]) == len(order)
        found = {home: known_of_others(engine, home) for home in order}
        for home in order:
            plain = [TrunkShare.from_bytes(share) for owner, share in shares.items() if owner != home]
            others = merge(plain + elsewhere)
            nothing = replace(others, panes=np.zeros_like(others.panes), sketches=np.zeros_like(others.sketches))
            engine.set_trunk_others("T1", {home: nothing.to_bytes()}, [others.to_bytes()])
            for one, other in zip(found[home], known_of_others(engine, home), strict=True):
                assert np.array_equal(one, other)


def test_only_changed_trunks_are_exported() -> None:
    engine = WindowEngine(SETTINGS)
    feed(engine, [setup(0, 1)], [0])

    assert list(engine.trunk_shares(0)) == ["T1"]
    assert engine.trunk_shares(0) == {}
    feed(engine, [setup(1, 1)], [0])
    assert list(engine.trunk_shares(0)) == ["T1"]


def test_unknown_trunk_is_refused() -> None:
    engine = WindowEngine(SETTINGS)
    feed(engine, [setup(0, 1)], [0])

    share = share_of(engine, 0)
    assert engine.set_trunk_others("T9", {0: share}, [share]) == 0


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d + b"x", lambda d: b"XXXX" + d[4:], lambda d: d[:9]])
def test_damaged_share_is_refused(damage: object) -> None:
    engine = WindowEngine(SETTINGS)
    feed(engine, [setup(0, 1)], [0])
    data = share_of(engine, 0)

    with pytest.raises(ValueError, match="trunk share"):
        TrunkShare.from_bytes(damage(data))  # type: ignore[operator]


def test_registers_of_a_damaged_share_are_never_in_the_future() -> None:
    """A share of 1970, one of whose registers says that something was before that."""
    engine = WindowEngine(SETTINGS)
    feed(engine, [setup(0, 1)], [0])
    share = replace(TrunkShare.from_bytes(share_of(engine, 0)), latest_ms=0)
    data = bytearray(replace(share, sketches=np.zeros_like(share.sketches)).to_bytes())
    data[-1] = 1

    assert TrunkShare.from_bytes(bytes(data)).sketches.max() == 0
