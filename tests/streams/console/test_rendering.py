"""What templates make of texts: escaped whatever they are, and commands look like commands."""

import re
from pathlib import Path

import pytest

from streams.console.rendering import TEMPLATES, Pages
from streams.console.subjects import Kind, Links, Subject


def shown(detail: str) -> str:
    """The page that says what went wrong."""
    return bytes(Pages(Links(bytes(32))).page("wrong", title="Wrong", detail=detail).body).decode()


def test_what_stands_between_backticks_is_code() -> None:
    assert "<p>run <code>robocall budgets measure</code> or <code>robocall</code></p>" in shown(
        "run `robocall budgets measure` or `robocall`"
    )


def test_what_stands_between_backticks_is_escaped_and_masked_and_a_single_one_stays() -> None:
    page = shown("`<b>+12025550123</b>` and 5` of it")

    assert "<code>&lt;b&gt;+1202555••••&lt;/b&gt;</code> and 5` of it" in page


def test_the_id_of_a_case_leads_to_its_page() -> None:
    """Where it is told how something went, also inside of code."""
    links, case = Links(bytes(32)), "traceback-20261201-0123456789"

    page = shown(f"Opened {case}: see `{case}`")

    linked = f'<a href="{links.path(Subject(Kind.CASE, case))}">{case}</a>'
    assert f"Opened {linked}: see <code>{linked}</code>" in page


@pytest.mark.parametrize("template", sorted(TEMPLATES.iterdir()), ids=lambda template: template.name)
def test_no_template_shows_backticks(template: Path) -> None:
    """But in its comments."""
    assert "`" not in re.sub(r"{#.*?#}", "", template.read_text(), flags=re.DOTALL)
