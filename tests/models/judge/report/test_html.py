"""The page of a report: it needs nothing else, runs nothing, and shows what the figures say."""

import copy
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jinja2 import UndefinedError

from models.judge.report.html import page
from models.judge.report.learnt import learn
from models.judge.report.report import Judgement, judge, write
from models.serve.artifact import Model
from tests.models.judge.report.nasty import NASTY
from tests.models.labelled_calls import dataset


class Page(HTMLParser):
    """What a browser would see: tags, what they load, and text outside of the style sheet."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "action", "data"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_holds_all_it_shows_and_runs_nothing(judgement: Judgement, tmp_path: Path) -> None:
    """Kinds that are markup stay text; whatever is loaded is in the page; the policy forbids the rest."""
    content = write(judgement, tmp_path).read_text(encoding="utf-8")
    page = Page(content)

    assert f"{NASTY}kind0$" in page.text
    assert not page.tags & {"script", "link", "iframe", "object", "a"}
    assert len(page.loads) == len(judgement.draw())
    assert all(one.startswith("data:image/png;base64,") for one in page.loads)
    assert "default-src 'none'; img-src data:" in content
    assert not re.search(r"url\(|@import", content)


def test_the_page_says_what_it_cannot_show(judgement: Judgement, tmp_path: Path) -> None:
    """The limits, samples that are too small, and the check that could not be made."""
    text = Page(write(judgement, tmp_path).read_text(encoding="utf-8")).text

    assert all(limit in text for limit in judgement.figures["limits"])
    assert "too few: 0 of" in text
    assert "the labelled subscribers of the reference data are not here" in text


def test_the_page_shows_each_rate_and_what_is_beside_the_model_per_kind(judgement: Judgement, tmp_path: Path) -> None:
    """Down to one lawful call in 100,000."""
    text = Page(write(judgement, tmp_path).read_text(encoding="utf-8")).text

    assert all(f"kind, caught at {rate}" in text for rate in ("0.001", "0.0001", "1e-05"))
    assert "logistic regression" in text


def test_the_page_shows_kinds_that_were_left_out(model: Model, tmp_path: Path) -> None:
    """A kind that the judged calls lack has a line of dashes."""
    learnt = learn(dataset(seed=2), 1, "other calls", leave_out=("kind1", "flood"))
    judgement = judge(model, dataset(seed=5), made_ms=0, learnt=lambda _: learnt)

    text = Page(write(judgement, tmp_path).read_text(encoding="utf-8")).text

    assert "told, 0.001" in text
    assert "flood00----" in text


def test_the_page_shows_authors_that_were_left_out(model: Model, tmp_path: Path) -> None:
    """A line for each rate, with the interval by campaign; an author of half of the calls."""
    data = dataset(seed=2)
    authors = np.where(np.arange(len(data)) % 2, "first", "second")
    learnt = learn(data, 1, "other calls", authors=authors).of_author("second")
    judgement = judge(model, dataset(seed=5), made_ms=0, learnt=lambda _: learnt)

    text = Page(write(judgement, tmp_path).read_text(encoding="utf-8")).text

    one = judgement.figures["compared"]["author_left_out"]["second"]
    told, left_out = (one[who][0]["recall"] for who in ("told", "left_out"))
    line = f"second{one['learnt_calls']:,}{one['lawful']:,}{one['campaigns']:,}{one['told'][0]['rate']:g}"
    assert f"{line}{_by_campaign(told)}{_by_campaign(left_out)}" in text
    assert text.count(line[: -len(f"{one['told'][0]['rate']:g}")]) == len(one["told"])


def _by_campaign(recall: dict[str, Any]) -> str:
    interval = recall["by_campaign"]
    return f"{recall['share']:.4f} ({interval['low']:.4f} to {interval['high']:.4f})"


def test_the_page_names_no_best_rule_where_none_catches_any(judgement: Judgement) -> None:
    """The first of several that catch nothing is not the best."""
    figures = copy.deepcopy(judgement.figures)
    for best in figures["against_best_rule"]:
        best.update(recall=0.0, best="calls_per_minute", ratio=None)

    text = Page(page(figures, judgement.draw())).text

    assert text.count("none catches any") == len(figures["against_best_rule"])
    assert "0.0000 calls_per_minute" not in text


def test_the_page_says_what_its_words_mean(judgement: Judgement) -> None:
    """Whoever opens it has not read the docs."""
    text = " ".join(Page(page(judgement.figures, judgement.draw())).text.split())

    assert "A lawful call is hit when its score is at the threshold or above: a mistake." in text
    assert "{'" not in text


def test_a_figure_that_is_missing_is_an_error(judgement: Judgement) -> None:
    """Not an empty cell that a reader takes for nothing."""
    figures = copy.deepcopy(judgement.figures)
    del figures["data"]["digest"]

    with pytest.raises(UndefinedError, match="digest"):
        page(figures, judgement.draw())
