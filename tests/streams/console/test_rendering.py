"""What templates make of texts: escaped whatever they are, and commands look like commands."""

import re
from pathlib import Path

import pytest

from streams.console.bench import Found
from streams.console.rendering import TEMPLATES, Pages, duration
from streams.console.subjects import Kind, Links, Subject
from streams.wire.records import DECISION_DECODER
from tests.streams.console.console_case import decided

SET_UP_MS = 1_790_000_000_000


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


@pytest.mark.parametrize(
    ("span_ms", "said"),
    [
        (None, "-"), (0, "0 ms"), (12, "12 ms"), (999.5, "999.5 ms"), (1_000, "1.0 s"), (2_449, "2.4 s"),
        (10_000, "10 s"), (59_400, "59 s"), (59_600, "1 min"), (303_000, "5 min 3 s"), (3_599_900, "1 h"),
        (3_543_000, "59 min 3 s"), (7_500_000, "2 h 5 min"), (86_400_000, "1 d"), (97_300_000, "1 d 3 h"),
    ],
)  # fmt: skip
def test_a_span_of_time_is_said_in_units_of_people(span_ms: float | None, said: str) -> None:
    assert duration(span_ms) == said


def test_a_decision_on_a_call_of_the_history_says_how_much_later_it_was() -> None:
    """The demo's read "3543000 ms later"; where a switch's clock is ahead it is earlier."""
    pages, about = Pages(Links(bytes(32))), Subject(Kind.DECISION, "0" * 32)

    def told(late_ms: int) -> str:
        one = DECISION_DECODER.decode(decided(setup_time_ms=SET_UP_MS, decided_time_ms=SET_UP_MS + late_ms))
        shown = pages.page("from_archive", found=Found([one]), subject=about, above=[], is_traceable=False)
        return bytes(shown.body).decode()

    assert "UTC, 59 min 3 s later<" in told(3_543_000)
    assert "UTC, 1.5 s earlier<" in told(-1_500)


@pytest.mark.parametrize("template", sorted(TEMPLATES.iterdir()), ids=lambda template: template.name)
def test_no_template_shows_backticks(template: Path) -> None:
    """But in its comments."""
    assert "`" not in re.sub(r"{#.*?#}", "", template.read_text(), flags=re.DOTALL)
