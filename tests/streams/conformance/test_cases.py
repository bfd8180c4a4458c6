"""The table of cases: ids that are one of a kind, and sections and a page that are there."""

import re
from pathlib import Path

import pytest

from streams.conformance.cases import Case, all_cases

ROOT = Path(__file__).parents[3]


def anchors(page: Path) -> set[str]:
    """What a heading of a page is linked by."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_two_cases_have_one_id() -> None:
    names = [one.identifier for one in all_cases()]
    assert len(names) == len(set(names)) == 46


@pytest.mark.parametrize("one", list(all_cases()), ids=lambda one: one.identifier)
def test_a_case_leads_to_a_section_that_is_there(one: Case) -> None:
    page, _, anchor = one.section.partition("#")
    assert anchor in anchors(ROOT / page)


def test_the_page_lists_every_case_as_it_is() -> None:
    text = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| ([DPC]\d\d) \| (.+?) \|", text, re.MULTILINE)
    assert listed == [(one.identifier, one.promise) for one in all_cases()]
