"""Packed shares against their slow twin: the same bytes, the same refusals, the same sums."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.features import window_constants
from detector.windows import TrunkShare, WindowEngine, merge
from detector.windows.trunks import COUNTS as COUNTS_KEPT
from detector.windows.trunks import LONGEST_BODY, PANES_SHAPE, REGISTERS, header_of
from tests.detector.windows.test_trunks import SETTINGS, START_MS, feed, known_of_others, setup, share_of

ENGINE = WindowEngine(SETTINGS)
PAIRS = window_constants.SHAPES[window_constants.TRUNK].pairs
KEPT = [(window, measure) for window, measures in enumerate(PAIRS) for measure in measures]
COUNTS = st.one_of(st.integers(1, 300), st.sampled_from([0x7F, 0x80, 0x3FFF, 0x4000, 0xFFFFFFFF]))


@st.composite
def shares(draw: st.DrawFn) -> TrunkShare:
    """A share with a few counts and registers anywhere, up to two days from the others."""
    latest_ms = START_MS + draw(st.integers(-2 * window_constants.DAY_MS, 2 * window_constants.DAY_MS))
    panes, sketches = np.zeros(PANES_SHAPE, np.uint32), np.zeros(REGISTERS, np.uint32)
    for (window, measure), place, count in draw(
        st.lists(st.tuples(st.sampled_from(KEPT), st.integers(0, window_constants.N_PANES - 1), COUNTS), max_size=60)
    ):
        panes[window, place, measure] = count
    latest = latest_ms // window_constants.PANE_MS[window_constants.W5M]
    for register, age in draw(st.lists(st.tuples(st.integers(0, REGISTERS - 1), st.integers(0, 200)), max_size=60)):
        sketches[register] = latest - age
    return TrunkShare("T1", latest_ms, panes, sketches)


@given(shares())
def test_a_share_survives_its_bytes(share: TrunkShare) -> None:
    data = share.to_bytes(seed=SETTINGS.seed)
    again = TrunkShare.from_bytes(data, seed=SETTINGS.seed)

    assert (again.trunk_group_id, again.latest_ms) == ("T1", share.latest_ms)
    assert np.array_equal(again.panes, share.panes)
    assert np.array_equal(again.sketches, share.sketches)
    assert again.to_bytes(seed=SETTINGS.seed) == data
    assert ENGINE.whole_shares([data]) == [True]


@given(st.lists(st.integers(0, 400_000), min_size=1, max_size=80))
def test_a_row_is_packed_as_the_slow_twin_does(times_ms: list[int]) -> None:
    """Any calls in any order: what the engine packs is what its twin makes of the share that it reads from it."""
    engine = WindowEngine(SETTINGS)
    feed(engine, [setup(at, at % 9_000) for at in times_ms], [0] * len(times_ms))

    data = share_of(engine, 0)

    assert TrunkShare.from_bytes(data, seed=SETTINGS.seed).to_bytes(seed=SETTINGS.seed) == data
    assert TrunkShare.from_bytes(data, seed=SETTINGS.seed).panes[
        window_constants.W24H, :, window_constants.ATTEMPTS
    ].sum() == len(times_ms)


@settings(max_examples=200)
@given(shares(), st.integers(0, 10_000), st.integers(0, 255), st.sampled_from(["change", "cut", "add"]))
def test_both_refuse_the_same_damage(share: TrunkShare, at: int, byte: int, damage: str) -> None:
    """A byte changed, cut off behind or put in between, anywhere behind the header."""
    data, start = share.to_bytes(seed=SETTINGS.seed), len(header_of("T1", 0, SETTINGS.seed))
    at = start + at % max(1, len(data) - start)
    tail = {"change": bytes((byte,)) + data[at + 1 :], "cut": b"", "add": bytes((byte,)) + data[at:]}[damage]
    damaged = data[:at] + tail

    try:
        TrunkShare.from_bytes(damaged, seed=SETTINGS.seed)
        is_whole = True
    except ValueError:
        is_whole = False

    assert ENGINE.whole_shares([damaged]) == [is_whole] or len(damaged) - start > LONGEST_BODY


@given(st.lists(shares(), min_size=2, max_size=5), st.data())
def test_what_a_row_is_told_is_what_the_slow_twin_adds_up(found: list[TrunkShare], data: st.DataObject) -> None:
    """Some partitions are here, the others elsewhere: each row here knows the merge of all shares but its own."""
    here = data.draw(st.integers(1, len(found)))
    engine = WindowEngine(replace(SETTINGS, max_trunks=8))
    feed(engine, [setup(0, 1)] * here, list(range(here)))
    packed = [share.to_bytes(seed=SETTINGS.seed) for share in found]

    told = engine.set_trunk_others("T1", dict(enumerate(packed[:here])), packed[here:])

    assert told == here
    for home in range(here):
        expected = merge([share for owner, share in enumerate(found) if owner != home])
        counts, registers = known_of_others(engine, home)
        twin = WindowEngine(replace(SETTINGS, max_trunks=8))
        feed(twin, [setup(0, 1)], [home])
        nothing = TrunkShare("T1", expected.latest_ms, np.zeros_like(expected.panes), np.zeros_like(expected.sketches))
        twin.set_trunk_others("T1", {home: nothing.to_bytes()}, [expected.to_bytes()])
        other_counts, other_registers = known_of_others(twin, home)
        assert np.array_equal(counts, other_counts)
        assert np.array_equal(registers, other_registers)
        assert counts[:COUNTS_KEPT].sum() == sum(
            int(expected.panes[window, :, measure].sum()) for window, measure in KEPT
        )
