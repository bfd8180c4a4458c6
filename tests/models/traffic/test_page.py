"""The page about generated traffic is the one of the code, and names all that there is."""

from models.traffic.first.profiles import CAMPAIGNS, LAWFUL_JOBS
from models.traffic.first.world import FIGURES
from models.traffic.fourth.kinds import OWN_CAMPAIGN_DOC, OWN_LAWFUL_DOC
from models.traffic.kinds import CAMPAIGN_KINDS, LAWFUL_KINDS
from models.traffic.page import render_page


def test_every_kind_and_figure_is_named_once_in_the_first_column() -> None:
    """With what it is."""
    rows = [line.split("|") for line in render_page().splitlines() if line.startswith("| `")]
    named = [cells[1].strip(" `") for cells in rows]

    kinds = [*CAMPAIGN_KINDS, *LAWFUL_KINDS, *OWN_CAMPAIGN_DOC, *OWN_LAWFUL_DOC]
    assert sorted(named) == sorted([*kinds, *FIGURES])
    assert all(cells[-2].strip() for cells in rows if cells[1].strip(" `") in FIGURES)


def test_numbers_are_written_for_people() -> None:
    """Three digits, thousands apart: a campaign of 6,000 calls, a share of 0.417."""
    (row,) = (line for line in render_page().splitlines() if line.startswith("| `campaign_calls` "))

    assert row.startswith("| `campaign_calls` | 1,200 | 250 to 6,000 | 100 to 200 or 7,500 to 12,000 |")
    assert "0.417" in render_page()


def test_kinds_with_a_job_are_kinds_that_are_told() -> None:
    """A job whose name no table has would be generated and never listed."""
    assert {kind.name for kind in CAMPAIGNS} == set(CAMPAIGN_KINDS)
    assert {kind.name for kind in LAWFUL_JOBS} <= set(LAWFUL_KINDS)
