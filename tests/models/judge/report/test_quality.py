"""`make quality`: what it does in each world, and the page that it writes."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data.dataset import assemble
from models.data.parallel import join
from models.judge.report.aims import AIMS
from models.judge.report.learnt import ALL_FEATURES, FEATURE_SETS, Learnt, Untold
from models.judge.report.quality import (
    FULL,
    PAGE,
    QUICK,
    SEED,
    _command,
    _options,
    beside,
    main,
    on_air,
    one_by_one,
    replace_tables,
)
from models.judge.report.quality_page import BEGIN, END, _best_rule, tables
from models.judge.report.worlds import LEFT_OUT_IN, families
from models.learn.many_worlds import TURNS, whose
from models.serve.artifact import Model
from models.serve.scorer import Calibration, TreeScorer
from models.traffic.kinds import CAMPAIGN_KINDS
from models.traffic.truth import Truth
from tests.models.serve.stumps import stump


def test_only_the_part_between_the_marks_is_replaced() -> None:
    """Twice gives the same as once; without marks nothing is guessed."""
    once = replace_tables(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new\n")

    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replace_tables(once, "new\n") == once
    with pytest.raises(ValueError, match="lacks the marks"):
        replace_tables("no marks", "new")


def test_each_world_has_a_threshold_of_its_own() -> None:
    """Raw score is the feature against 0.5: in the first world robocalls have more, in the second lawful calls do."""
    scorer = TreeScorer(
        stump(feature=0, low=-1.0, high=1.0, n_features=1), Calibration("sigmoid", np.array([-1.0]), np.array([0.0]))
    )
    rows = np.array([[1], [0], [0]], np.float32)
    truths = [Truth(True, "c", "k"), Truth(False, "", "k"), Truth(False, "", "k")]
    one = assemble(["f"], rows, np.arange(3), list("xyz"), truths)
    other = assemble(["f"], 1 - rows, np.arange(3, 6), list("xyz"), truths)

    assert one_by_one(Model(scorer, {}), join([one, other]), [3, 3]) == [[1.0] * 4, [0.0] * 4]


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ([], "make quality"),
        (["--page", "/home/me/copy.md", "--partitions", "1"], "make quality ARGS='--partitions 1'"),
        (["--quick", "--worlds", "3"], "make quality ARGS='--quick --worlds 3'"),
    ],
)
def test_the_page_names_what_to_type(typed: list[str], command: str) -> None:
    """Only what changes figures, and nothing of the machine."""
    assert _command(_options(typed)) == command


def test_what_stands_beside_the_model_depends_on_the_worlds() -> None:
    """All in held-out worlds, what tells of the author in worlds of another, nothing in worlds like learnt ones."""
    rank = np.zeros_like
    untold = {author: Untold(rank, 1) for author in ("first", "second", "third")}
    learnt = Learnt({"linear": rank, ALL_FEATURES: rank}, {"flood": rank}, "other calls", 3, without_author=untold)

    found = {name: beside(learnt, name) for name in families(2, 1_000, SEED)}

    assert found["central"] is found["training ranges"] is None
    told = {name: one for name, one in found.items() if one is not None}
    assert {name: list(one.without_author) for name, one in told.items()} == {
        "held out": ["first"],
        "second author": ["second"],
        "third author": ["third"],
    }
    assert {name: (len(one.rivals), len(one.left_out)) for name, one in told.items()} == {
        "held out": (2, 1),
        "second author": (1, 0),
        "third author": (1, 0),
    }


def test_kinds_on_air_are_told_by_worlds_of_the_first_author() -> None:
    """Those of others are drawn with the traffic itself."""
    worlds = families(FULL.worlds, 1_000, SEED)

    assert on_air(worlds["held out"]) == list(CAMPAIGN_KINDS)
    assert on_air(worlds["second author"]) == []


def test_whole_turns_are_learnt_from_and_every_author_in_a_try() -> None:
    """So each author has the share that the turns say, and none is left out for want of worlds."""
    assert FULL.learn_from % len(TURNS) == 0
    assert set(whose(QUICK.learn_from)) == set(TURNS)


@pytest.mark.parametrize(("partitions", "words"), [(1, "counted in 1 partition. "), (12, "counted in 12 partitions. ")])
def test_the_page_says_what_windows_are_counted_in(
    partitions: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the judged worlds, at the head of the page."""
    monkeypatch.setattr("models.judge.report.quality_page._sections", lambda _: iter(()))
    figures = {
        "made": {"at_ms": 0, "machine": "a machine"},
        "model": {"version": "gbt-1"},
        "calls": 10,
        "worlds": [[]],
        "data": {"robocall_share": 0.1},
        "campaign_sizes": dict.fromkeys(("campaigns", "began_before", "median", "most"), 1),
        "partitions": {partitions: []},
    }

    assert words in tables({"held out": figures}, command="make quality", commit="c", seed=1, seconds=1.0)


def test_the_best_rule_of_a_kind_is_one_that_was_judged_on_it() -> None:
    """What a rule catches of all calls says nothing about a kind that it lacks."""

    def rule(of_all: float, **kinds: float) -> dict[str, Any]:
        return {
            "at_false_block_rates": [{"rate": 1e-3, "recall": {"share": of_all}}],
            "kinds": {kind: [{"rate": 1e-3, "share": share}] for kind, share in kinds.items()},
        }

    figures = {"baselines": {"a": rule(0.9), "b": rule(0.4, flood=0.3)}}

    assert [_best_rule(figures, kind, 1e-3) for kind in ("all", "flood", "wangiri")] == ["0.900", "0.300", "-"]


@pytest.mark.slow
def test_the_shipped_model_is_judged_and_the_page_rewritten(tmp_path: Path) -> None:
    """A run with small worlds: the page has every aim and what is compared, reports are in their folders."""
    page = tmp_path / "quality.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    options = ["--quick", "--partitions", "3", "--out", str(tmp_path), "--page", str(page)]

    assert main(options) == 0

    content = page.read_text(encoding="utf-8")
    kinds = on_air(families(QUICK.worlds, QUICK.calls, SEED)["held out"])
    assert all(f"| {aim.what} |" in content for aim in AIMS)
    assert "`make quality ARGS='--quick --partitions 3'`" in content
    assert all(f"| {head}" in content for head in ("model, 1e-05 | rule, 1e-05 | linear, 1e-05", "counted in 1 |"))
    assert all(f"\n| {name} |" in content for name in (*FEATURE_SETS, "logistic regression", *kinds))
    assert all(f"\n| {author} | {worlds} |" in content for author, worlds in LEFT_OUT_IN.items())
    assert all(f"\n| {name} | 0.001 |" in content for name in LEFT_OUT_IN.values())
    judged = json.loads((tmp_path / "third-author" / "report.json").read_text(encoding="utf-8"))
    assert list(judged["compared"]["author_left_out"]) == ["third"]
    assert re.search(r"\n\| held out \| \d+ \| [\d,]+ \| \S+% \| \d+ \| \d+ \| \S+ \| \d+ \|\n", content)
    assert (tmp_path / "held-out" / "report.html").is_file()
    assert (tmp_path / "training-ranges" / "report.json").is_file()
