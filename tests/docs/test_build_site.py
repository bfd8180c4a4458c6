"""The site shows the same pages as the repository; what leads nowhere does not get onto it."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", *(str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").rglob("*.md")))]
FOLDERS = ("detector", "models", "streams", "tests", "benchmarks", "deploy", "docs", "examples", "requirements")
MEASURE = 25
SENTENCE_END = re.compile(r"(?<=[.!?:])\s+")


@pytest.fixture(scope="module")
def site() -> ModuleType:
    """The script, which stands beside the pages and in no package."""
    specification = importlib.util.spec_from_file_location("build_site", ROOT / "docs" / "build_site.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("page", "text", "shown"),
    [
        ("README.md", "[a](docs/policy.md#reasons)", "[a](policy.md#reasons)"),
        ("docs/policy.md", "[a](../README.md)", "[a](index.md)"),
        ("docs/decisions/0002-own-windows.md", "[a](../policy.md)", "[a](../policy.md)"),
        ("docs/policy.md", "[the file](../streams/screening/default_policy.yaml)", "the file"),
        ("docs/policy.md", "[a](https://carrier.example/)", "[a](https://carrier.example/)"),
        ("docs/policy.md", "```\n[a](nowhere.md)\n```", "```\n[a](nowhere.md)\n```"),
    ],
)
def test_a_link_leads_to_the_same_page_on_the_site(site: ModuleType, page: str, text: str, shown: str) -> None:
    """A file that is no page is named and not linked; what stands in a block of code is left alone."""
    assert site.staged(ROOT / page, text) == shown


def test_a_link_to_a_file_that_does_not_exist_ends_the_build(site: ModuleType) -> None:
    """The message names page and target."""
    with pytest.raises(site.SiteError, match=r"README\.md: no file docs/nowhere\.md"):
        site.staged(ROOT / "README.md", "[a](docs/nowhere.md)")


def test_a_picture_needs_no_script(site: ModuleType) -> None:
    """Mermaid becomes SVG, so that the page asks nothing of the network."""
    shown = site.staged(ROOT / "README.md", "```mermaid\nflowchart LR\n  a[calls] --> b\n```")

    assert "<svg" in shown
    assert "calls" in shown
    assert "mermaid\n" not in shown


@pytest.mark.parametrize("page", PAGES)
def test_the_files_that_a_page_names_exist(page: str) -> None:
    """A moved module is still found by whoever reads of it."""
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`", (ROOT / page).read_text(encoding="utf-8"))

    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_sentences_are_short(page: str) -> None:
    """At most 25 words on average, outside of tables, headings and code."""
    text = re.sub(r"```.*?```", " ", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    prose = "\n".join(line for line in text.splitlines() if not line.startswith(("|", "#", "<!--")))
    lengths = [len(sentence.split()) for sentence in SENTENCE_END.split(prose) if len(sentence.split()) > 3]

    assert sum(lengths) <= MEASURE * len(lengths)


def test_the_front_page_is_short() -> None:
    """Whoever arrives reads it whole."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 80
