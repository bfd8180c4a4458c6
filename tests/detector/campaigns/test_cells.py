"""Which cell a call falls in, and which others are looked at beside it."""

from detector.campaigns.calls import Cell
from detector.campaigns.cells import BUSY_CALLS, SCATTERED_CALLS, Bounds, Cells
from tests.detector.campaigns.calls_of import suspect


def test_a_number_that_calls_much_takes_its_calls_out_of_the_cell_that_it_was_in() -> None:
    cells = Cells(Bounds())
    first = cells.take(suspect(0))
    for n in range(BUSY_CALLS - 1):
        assert cells.take(suspect(n, calling_number="+12125550001")) is first
    own = cells.take(suspect(20, calling_number="+12125550001", trunk_group_id="tg-2"))
    assert own.cell == Cell.of_number("+12125550001")
    assert (first.calls, own.calls) == (1, BUSY_CALLS)


def test_callers_without_a_number_are_not_one_number() -> None:
    cells = Cells(Bounds())
    memories = [cells.take(suspect(n, calling_number="anonymous")) for n in range(3 * BUSY_CALLS)]
    assert memories[-1] is memories[0]


def test_origids_that_never_come_again_are_left_out() -> None:
    cells = Cells(Bounds())
    found = [cells.take(suspect(n, signer_spc="123A", origid=f"o-{n}")).cell for n in range(SCATTERED_CALLS + 5)]
    assert found[0].origid == "o-0"
    assert {cell.origid for cell in found[SCATTERED_CALLS:]} == {""}


def test_cells_are_near_that_share_a_number_an_origin_or_a_trunk_group() -> None:
    cells = Cells(Bounds())
    by_number = cells.take(suspect(0, calling_number="+12125550001", trunk_group_id="t-1"))
    by_origin = cells.take(suspect(1, signer_spc="123A", origid="a", trunk_group_id="t-2"))
    by_trunk = cells.take(suspect(2, trunk_group_id="t-3"))
    cells.take(suspect(3, trunk_group_id="t-4"))
    asked = cells.take(suspect(4, calling_number="+12125550001", signer_spc="123A", origid="a", trunk_group_id="t-3"))
    assert {one.cell for one in cells.near(asked)} == {by_number.cell, by_origin.cell, by_trunk.cell}


def test_what_was_forgotten_is_near_nobody() -> None:
    cells = Cells(Bounds(idle_ms=60_000))
    cells.take(suspect(0, calling_number="+12125550001", trunk_group_id="t-1"))
    asked = cells.take(suspect(100, calling_number="+12125550001", trunk_group_id="t-2"))
    assert list(cells.near(asked)) == []
    assert len(cells) == 1
    assert cells.forgotten == 0  # that is for what had to go at the bound
