"""A measured row goes into its page, in the place of the one that it renews."""

from pathlib import Path

from tests.measured_table import MeasuredTable, machine
from tests.processes import ROOT

BEFORE, AFTER = "# Page\n\ntext | with | bars\n\n", "\n\n| another | table |\n|---|---|\n| a | b |\n"


def rows(page: Path) -> list[str]:
    """Lines between the marks that are rows."""
    inside = page.read_text().partition("<!-- t -->")[2].partition("<!-- /t -->")[0]
    return [line for line in inside.splitlines() if line.startswith("|")]


def test_rows_are_added_and_renewed_and_the_rest_of_the_page_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEFORE}<!-- t -->\n<!-- /t -->{AFTER}")
    table = MeasuredTable(page, "t", "make it", ("what", "count"))

    for cells in (("kill", "1"), ("kill it", "2"), ("kill", "3")):
        table.write(cells)

    assert rows(page) == ["| what | count |", "|---|---|", "| kill | 3 |", "| kill it | 2 |"]
    assert page.read_text().startswith(BEFORE)
    assert page.read_text().endswith(AFTER)
    assert f"{machine()} Command: `make it`." in page.read_text()


def test_the_commit_is_that_of_the_checkout() -> None:
    """Seven hex digits or more, and whether something differs from it."""
    commit, _, dirty = MeasuredTable(ROOT / "docs" / "reliability.md", "soak", "", ()).commit().partition("-")

    assert set(commit) <= set("0123456789abcdef")
    assert dirty in {"", "dirty"}
