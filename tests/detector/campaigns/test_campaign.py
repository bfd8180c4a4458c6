"""A campaign: bounded memory of its cells and calls, and its names."""

from detector.campaigns.calls import Cell
from detector.campaigns.campaign import MOST_CELLS, MOST_EXAMPLES, Campaign, Example, Merge, name_of
from detector.campaigns.joining import Sign
from detector.campaigns.tally import Tally


def _campaign(name: str, at_ms: int) -> Campaign:
    made = Campaign(name, Tally(at_ms, at_ms))
    made.take(Cell(f"t-{name}", "", "", "domestic"), None)
    made.show(Example(f"call-{name}", "d", at_ms, "+12125550001", "+13105550001"))
    return made


def test_a_name_follows_from_the_first_call() -> None:
    assert name_of("call-1", 1) == name_of("call-1", 1)
    assert len({name_of("call-1", 1), name_of("call-1", 2), name_of("call-2", 1)}) == 3


def test_the_latest_cells_and_calls_are_kept() -> None:
    campaign = _campaign("a", 1)
    for n in range(MOST_CELLS + 10):
        campaign.take(Cell(f"t-{n}", "", "", "domestic"), Sign.ORIGIN)
        campaign.show(Example(f"call-{n}", "d", n, "+12125550001", "+13105550001"))
    assert len(campaign.cells) == MOST_CELLS
    assert len(campaign.examples) == MOST_EXAMPLES
    assert campaign.examples[-1].call_id == f"call-{MOST_CELLS + 9}"


def test_a_merge_keeps_what_both_had_and_says_why() -> None:
    older, middle, younger = _campaign("a", 1), _campaign("b", 2), _campaign("c", 3)
    middle.merge(younger, Merge("c", 10, Sign.TIMES, 0.9))
    older.merge(middle, Merge("b", 11, Sign.NUMBERS, 0.5))
    assert [merge.id for merge in older.merges] == ["c", "b"]
    assert [cell.trunk_group_id for cell in older.cells] == ["t-a", "t-b", "t-c"]
    assert list(older.cells.values()) == [None, Sign.NUMBERS, Sign.TIMES]
    assert [one.call_id for one in older.examples] == ["call-a", "call-b", "call-c"]
    assert older.tally.last_ms == 3
