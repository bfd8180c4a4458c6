"""Names of campaigns by cell, for whoever decides."""

from detector.campaigns.calls import Cell
from detector.campaigns.names import CampaignNames
from detector.testing import CALLER, TRUNK_GROUP, call_setup

WAY = Cell(TRUNK_GROUP, "", "", "domestic")


def test_a_call_is_of_the_campaign_of_its_way_in() -> None:
    names = CampaignNames()
    names.take("c1", [WAY])
    assert names.find(call_setup()) == "c1"
    assert names.find(call_setup(trunk_group_id="another")) == ""


def test_its_number_comes_before_its_way_in() -> None:
    names = CampaignNames()
    names.take("c1", [WAY])
    names.take("c2", [Cell.of_number(CALLER)])
    assert names.find(call_setup(trunk_group_id="another")) == "c2"


def test_a_signer_whose_origids_are_left_out_is_found_by_none() -> None:
    names = CampaignNames()
    names.take("c1", [Cell(TRUNK_GROUP, "123A", "", "domestic")])
    assert names.find(call_setup(signer_spc="123A", origid="anything")) == "c1"


def test_what_is_said_later_of_a_cell_counts() -> None:
    names = CampaignNames()
    names.take("c2", [WAY])
    names.take("c1", [WAY, Cell("another", "", "", "domestic")])
    names.drop("c2")  # it was merged into c1
    assert names.find(call_setup()) == "c1"
    names.take("c1", [])
    assert names.find(call_setup()) == ""
    assert len(names) == 0


def test_memory_is_bounded() -> None:
    names = CampaignNames(most=10)
    for n in range(50):
        names.take(f"c{n}", [Cell(f"t-{n}", "", "", "domestic"), Cell(f"u-{n}", "", "", "domestic")])
    assert len(names) == 10
    assert names.find(call_setup(trunk_group_id="t-49")) == "c49"
    assert names.find(call_setup(trunk_group_id="t-1")) == ""
