"""The report: one page that needs nothing else, its figures as JSON, and the comparisons in it."""

import copy
import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data.dataset import Dataset
from models.judge.packaging import package
from models.judge.report.families import FAMILIES, FILE, area, check_families
from models.judge.report.html import page
from models.judge.report.learnt import learn, learn_first_part
from models.judge.report.report import BATCHES, SCHEMA_VERSION, Judgement, against_best, judge, write
from models.learn.training import Parameters, train
from models.serve.artifact import Model
from tests.models.labelled_calls import FEATURE_NAMES, dataset

NASTY = '<script src="https://evil.example/x.js">&"\''
"""A kind of call as an analyst's label file might have it."""


def nasty(data: Dataset) -> Dataset:
    """The same calls, the kinds renamed to markup."""
    return Dataset(
        data.feature_names,
        data.rows,
        data.setup_time_ms,
        data.number,
        data.is_robocall,
        data.campaign,
        data.position,
        data.kind,
        tuple(f"{NASTY}{kind}$" for kind in data.kinds),
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    data = dataset()
    trained = train(data, 1, Parameters(n_trees=20, min_samples_leaf=10, lawful_share=1.0, max_features=1.0))
    return package(data, trained, tmp_path_factory.mktemp("model"), schema_id="f0", created_ms=0)


@pytest.fixture(scope="module")
def judgement(model: Model) -> Judgement:
    return judge(model, nasty(dataset(seed=5)), made_ms=1_773_147_600_000, learnt=learn_first_part)


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
    assert "default-src &#x27;none&#x27;" in content
    assert not re.search(r"url\(|@import", content)


def test_the_json_says_the_same_under_a_version(judgement: Judgement, tmp_path: Path) -> None:
    """What is written is what was judged, readable without this program."""
    write(judgement, tmp_path)

    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))

    assert found == judgement.figures
    assert found["schema_version"] == SCHEMA_VERSION
    assert found["calls"] == len(dataset())


def test_the_page_says_what_it_cannot_show(judgement: Judgement, tmp_path: Path) -> None:
    """The limits, samples that are too small, and the check that could not be made."""
    text = Page(write(judgement, tmp_path).read_text(encoding="utf-8")).text

    assert all(limit in text for limit in judgement.figures["limits"])
    assert "too few: 0 of" in text
    assert "the labelled subscribers of the reference data are not here" in text


def test_a_model_stands_beside_rules_a_linear_model_and_ablations(judgement: Judgement) -> None:
    """The features of these calls are of numbers by their names, so taking others away changes nothing."""
    found = judgement.figures["compared"]

    assert set(judgement.figures["baselines"]) == {"calls_per_minute", "calls_per_60_minutes", "total_calls"}
    assert found["models"]["numbers only"] == found["models"]["numbers, trunks and attestation"]
    assert 0 < found["judged_calls"] < len(dataset())
    assert found["models"]["logistic regression"]["pr_auc"] > 0.5


def test_calls_that_cannot_be_split_are_judged_all_the_same(model: Model) -> None:
    """One robocall, the first call of all: nothing can be learnt for comparison, and the report says so."""
    data = dataset()
    chosen = np.sort(np.concatenate([np.flatnonzero(data.is_robocall)[:1], np.flatnonzero(~data.is_robocall)]))

    found = judge(model, data.take(chosen), made_ms=0, learnt=learn_first_part).figures

    assert found["robocalls"] == 1
    assert found["compared"]["skipped"].startswith("Not compared: the calibration span lacks")


def test_nothing_is_trained_unless_it_is_asked_for(model: Model) -> None:
    """The report says so."""
    assert "not asked for" in judge(model, dataset(), made_ms=0).figures["compared"]["skipped"]


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


def test_the_cost_is_told_by_size_of_batch(judgement: Judgement) -> None:
    """A measured time is above zero; how long it may be is no matter of a test."""
    found = judgement.figures["microseconds_per_call"]

    assert [one["calls_in_batch"] for one in found] == list(BATCHES)
    assert all(one["microseconds"] > 0 for one in found)


def test_the_best_baseline_is_chosen_at_each_rate() -> None:
    """At the first rate a catches more, at the second b; the model catches twice and three times as much."""

    def rates(*recalls: float) -> list[dict[str, object]]:
        return [{"rate": rate, "recall": {"share": one}} for rate, one in zip((1e-3, 1e-4), recalls, strict=True)]

    others = {"a": {"at_false_block_rates": rates(0.4, 0.0)}, "b": {"at_false_block_rates": rates(0.3, 0.1)}}

    found = against_best(rates(0.8, 0.3), others)

    assert [(one["best"], round(one["ratio"], 9)) for one in found] == [("a", 2.0), ("b", 3.0)]


def test_nothing_caught_by_a_baseline_gives_no_ratio() -> None:
    """Infinitely many times as many is no figure."""
    rates = [{"rate": 1e-3, "recall": {"share": 0.5}}]
    others = {"a": {"at_false_block_rates": [{"recall": {"share": 0.0}}]}}

    assert against_best(rates, others)[0]["ratio"] is None


def test_area_counts_pairs_in_order() -> None:
    """Of six pairs of a positive and a negative four are in order, and one is a tie: 4.5 / 6."""
    found = area(np.array([1.0, 2.0, 3.0, 2.0, 4.0]), np.array([False, False, False, True, True]))

    assert found["area"] == pytest.approx(4.5 / 6)
    assert found["low"] <= found["area"] <= found["high"]


def test_families_are_compared_with_subscribers(tmp_path: Path) -> None:
    """Made-up subscribers of which those of fraud call more numbers, as the robocallers of the judged calls do."""
    random = np.random.default_rng(0)
    (tmp_path / FILE).parent.mkdir()
    with (tmp_path / FILE).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["phone_no_m", *(family.column for family in FAMILIES), "label"])
        writer.writerow(["secret", *("" for _ in FAMILIES), 1])
        for index in range(300):
            fraud = index % 3 == 0
            writer.writerow(["secret", *(random.normal(3 if fraud else 0) for _ in FAMILIES), int(fraud)])
    base = dataset()
    names = ("number_distinct_called_24h", *FEATURE_NAMES[1:])
    data = Dataset(
        names,
        np.abs(base.rows),
        base.setup_time_ms,
        base.number,
        base.is_robocall,
        base.campaign,
        base.position,
        base.kind,
        base.kinds,
    )

    found = check_families(data, tmp_path)

    assert (found["subscribers"], found["fraud"]) == (300, 100)
    assert found["families"][0]["same_direction"] is True
    assert found["families"][1]["here"] is None
    assert found["together"]["area"] > 0.9
    assert "secret" not in json.dumps(found)


def test_real_subscribers_are_read(reference_data: Path) -> None:
    """The set as it is: the tell of its authors, many numbers called and few of them twice, points the right way."""
    found = {one["what"]: one["real"]["area"] for one in check_families(dataset(), reference_data)["families"]}

    assert found["different called numbers"] > 0.6
    assert found["calls per called number"] < 0.2
    assert found["share of outgoing calls"] > 0.7
