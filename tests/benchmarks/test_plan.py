"""What `python -m benchmarks` runs, and where its tables go."""

import importlib
import re
from pathlib import Path

import pytest

from benchmarks import __main__ as whole
from benchmarks import page
from benchmarks.__main__ import PLAN, Planned


@pytest.mark.parametrize("name", PLAN)
def test_each_of_the_plan_is_a_command(name: str) -> None:
    """A module that may be run, whose options are those of the plan."""
    planned = PLAN[name]
    module = planned.command(name, quick=True)[1]
    found = importlib.import_module(
        module if not hasattr(importlib.import_module(module), "__path__") else f"{module}.__main__"
    )
    source = Path(str(found.__file__)).read_text(encoding="utf-8")
    others = "".join(
        Path(str(importlib.import_module(one).__file__)).read_text(encoding="utf-8")
        for one in ("benchmarks.harness.turns", "benchmarks.peers.arguments")
    )
    for option in (*planned.always, *planned.quick):
        if option.startswith("--"):
            assert f'"{option}"' in source + others, (name, option)


def test_a_result_has_the_name_of_its_entry_and_what_makes_it_quick_comes_first() -> None:
    """Of an option that is given twice the last one counts: what is always told."""
    planned = Planned(always=("--rates", "1000"), quick=("--turns", "2"), module="dips")

    assert planned.command("dips_signed", quick=True) == [
        "-m", "benchmarks.dips", "--turns", "2", "--rates", "1000", "--out", "dips_signed.json",
    ]  # fmt: skip
    assert planned.command("dips_signed", quick=False)[2:4] == ["--rates", "1000"]


def test_a_quick_run_leaves_the_page_of_quality_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its figures mean nothing."""
    entry = Planned(module="platform", writes="quality.md")
    monkeypatch.setitem(whole.PLAN, "quality", entry)

    quick, full = tmp_path / "quick", tmp_path / "full"
    quick.mkdir()
    full.mkdir()

    assert whole.run("quality", quick, quick=True)
    assert whole.run("quality", full, quick=False)
    assert not (quick / "quality.md").exists()
    assert (full / "quality.md").read_bytes() == (page.DOCS / "quality.md").read_bytes()


def test_every_table_has_a_place_on_one_page_and_every_place_a_table() -> None:
    """A block that nobody writes would stay as it is for ever."""
    made_elsewhere = {"walk", "soak"}
    text = "\n".join(one.read_text(encoding="utf-8") for one in page.PAGES)
    begun = re.findall(r"^<!-- ([a-z_-]+) -->$", text, re.MULTILINE)

    assert sorted(set(begun) - made_elsewhere) == sorted(page.BLOCKS)
    assert all(text.count(f"<!-- /{name} -->") == text.count(f"<!-- {name} -->") == 1 for name in page.BLOCKS)


def test_what_has_no_result_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured before is told until it is measured anew."""
    one = tmp_path / "one.md"
    one.write_text("<!-- demo -->\nof an older run\n<!-- /demo -->\n")
    monkeypatch.setattr(page, "PAGES", (one,))
    monkeypatch.setattr(page, "RESULTS", tmp_path)

    page.main()

    assert one.read_text() == "<!-- demo -->\nof an older run\n<!-- /demo -->\n"
