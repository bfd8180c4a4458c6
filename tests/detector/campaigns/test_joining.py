"""The signs that join two cells, and those that do not."""

from collections.abc import Iterable

from detector.campaigns.calls import Cell, SuspectCall
from detector.campaigns.joining import PANE_MS, PANES, CellMemory, Join, Sign, join
from tests.detector.campaigns.calls_of import suspect


def _memory(calls: Iterable[SuspectCall]) -> CellMemory:
    calls = list(calls)
    made = CellMemory(Cell.of(calls[0]), calls[0].at_ms, calls[0].at_ms)
    for call in calls:
        made.add(call)
    return made


def _pool(trunk: str, *, first: int, calls: int = 20, every_s: float = 2.0) -> CellMemory:
    """Calls from a pool of ten numbers."""
    return _memory(
        suspect(every_s * n, trunk_group_id=trunk, calling_number=f"+1212555{first + n % 10:04d}") for n in range(calls)
    )


def _minutes(trunk: str, minutes: Iterable[int], **fields: object) -> CellMemory:
    return _memory(suspect(60 * minute, trunk_group_id=trunk, **fields) for minute in minutes)


def test_the_same_origin_by_another_trunk_group_is_the_same_campaign() -> None:
    one, other = (_memory([suspect(trunk_group_id=trunk, signer_spc="123A", origid="a")]) for trunk in ("t-1", "t-2"))
    assert join(one, other) == Join(Sign.ORIGIN, 1.0)


def test_the_same_pool_of_numbers_is_the_same_campaign() -> None:
    assert join(_pool("t-1", first=0), _pool("t-2", first=0)) == Join(Sign.NUMBERS, 1.0)
    assert join(_pool("t-1", first=0), _pool("t-2", first=8)) is None


def test_few_calls_say_nothing_by_their_numbers() -> None:
    assert join(_pool("t-1", first=0, calls=7), _pool("t-2", first=0)) is None


def test_numbers_that_are_used_otherwise_are_shared_by_chance() -> None:
    often = _memory(suspect(n, trunk_group_id="t-2", calling_number=f"+1212555{n % 2:04d}") for n in range(40))
    seldom = _memory(suspect(n, calling_number=f"+1212555{n % 5:04d}") for n in range(10))
    assert join(seldom, often) is None


def test_cells_of_a_trunk_group_that_call_at_the_same_times_are_the_same_campaign() -> None:
    times = [0, 0, 0, 1, 2, 7, 8, 9, 14, 15, 15, 22]
    one, other = _minutes("t-1", times), _minutes("t-1", times, signer_spc="123A")
    found = join(one, other)
    assert found is not None
    assert found.sign is Sign.TIMES
    assert join(one, _minutes("t-2", times)) is None
    assert join(one, _minutes("t-1", [time + 40 for time in times], signer_spc="123A")) is None


def test_one_burst_says_nothing_by_its_time() -> None:
    assert join(_minutes("t-1", [0] * 12), _minutes("t-1", [1] * 12, signer_spc="123A")) is None


def test_callers_of_another_class_are_another_campaign() -> None:
    times = [0, 0, 0, 1, 2, 7, 8, 9, 14, 15, 15, 22]
    assert join(_minutes("t-1", times), _minutes("t-1", times, calling_number="+4420794601")) is None


def test_a_cell_remembers_its_latest_panes_alone() -> None:
    memory = _memory(suspect(PANE_MS / 1_000 * n) for n in range(PANES + 5))
    assert len(memory.panes) == PANES
    assert max(memory.panes) - min(memory.panes) == PANES - 1
