"""`make quality`: the worlds it judges in, how it puts them together, and the page that it writes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.artifact import Model
from models.dataset import Truth, assemble
from models.report_quality import PAGE, SEED, families, join, main, one_by_one, replace_tables
from models.report_quality_page import AIMS, BEGIN, END, Aim
from models.scorer import Calibration, TreeScorer
from models.traffic.world import Family
from models.worlds import HELD_OUT_SEED
from streams.labelled import EVALUATION_SEED
from tests.models.stumps import stump


def test_worlds_are_judged_in_three_families() -> None:
    """The same worlds every time, of seeds that nothing is trained or gated with."""
    found = families(2, 1_000)

    assert [spec.world.family for spec in found["central"]] == [Family.CENTRAL] * 2
    assert [spec.world.family for spec in found["training ranges"]] == [Family.TRAINING] * 2
    assert [spec.world.family for spec in found["held out"]] == [Family.HELD_OUT] * 2
    assert found == families(2, 1_000)
    assert not set(found["held out"]) & set(families(2, 1_000, seed=5)["held out"])
    assert len({SEED, HELD_OUT_SEED, EVALUATION_SEED}) == 3


def test_numbers_and_campaigns_of_two_worlds_are_not_the_same() -> None:
    """Both worlds have number n and campaign c; kinds are the same by name, calls in order of time."""
    one = assemble(["f"], np.zeros((2, 1), np.float32), np.array([5, 9]), ["n", "m"], [Truth(True, "c", "b")] * 2)
    other = assemble(
        ["f"], np.ones((2, 1), np.float32), np.array([1, 7]), ["n", "n"], [Truth(False, "", "a"), Truth(True, "c", "b")]
    )

    found = join([one, other])

    assert found.setup_time_ms.tolist() == [1, 5, 7, 9]
    assert found.rows[:, 0].tolist() == [1, 0, 1, 0]
    assert found.number[0] == found.number[2]
    assert len(np.unique(found.number)) == 3
    assert found.campaign[1] == found.campaign[3] != found.campaign[2]
    assert found.campaign[0] == -1
    assert [found.kinds[kind] for kind in found.kind] == ["a", "b", "b", "b"]


def test_only_the_part_between_the_marks_is_replaced() -> None:
    """Twice gives the same as once; without marks nothing is guessed."""
    once = replace_tables(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new\n")

    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replace_tables(once, "new\n") == once
    with pytest.raises(ValueError, match="lacks the marks"):
        replace_tables("no marks", "new")


@pytest.mark.parametrize(
    ("value", "is_most", "met", "words"),
    [
        (0.6, False, True, "met"),
        (0.4, False, False, "missed by 0.1"),
        (0.6, True, False, "missed by 0.1"),
        (None, True, False, "missed"),
    ],
)
def test_an_aim_says_by_how_much_it_is_missed(value: float | None, is_most: bool, met: bool, words: str) -> None:
    """What is not found at all is a miss without a figure."""
    aim = Aim("share", 0.5, lambda _: (value, "(flood)"), is_most)
    found: dict[str, dict[str, Any]] = {"held out": {}}

    assert aim.is_met(found) == met
    assert aim.row(found)[3] == words


def test_a_campaign_that_is_mostly_never_stopped_misses_its_aim() -> None:
    """The slowest of the spread kinds counts, and never is slower than any count."""

    def kind(median: float | None) -> dict[str, Any]:
        return {"stopped_at_rates": [{"median": median}]}

    found = {"held out": {"kinds": {"campaigns": {"snowshoe": kind(None), "low_and_slow": kind(3)}}}}
    (aim,) = (one for one in AIMS if "spread" in one.what)

    assert not aim.is_met(found)
    assert "snowshoe" in aim.row(found)[2]


def test_each_world_has_a_threshold_of_its_own() -> None:
    """Raw score is the feature against 0.5: in the first world robocalls have more, in the second lawful calls do."""
    scorer = TreeScorer(
        stump(feature=0, low=-1.0, high=1.0, n_features=1), Calibration("sigmoid", np.array([-1.0]), np.array([0.0]))
    )
    rows = np.array([[1], [0], [0]], np.float32)
    truths = [Truth(True, "c", "k"), Truth(False, "", "k"), Truth(False, "", "k")]
    one = assemble(["f"], rows, np.arange(3), list("xyz"), truths)
    other = assemble(["f"], 1 - rows, np.arange(3), list("xyz"), truths)

    assert one_by_one(Model(scorer, {}), [one, other]) == [[1.0] * 4, [0.0] * 4]


@pytest.mark.slow
def test_the_shipped_model_is_judged_and_the_page_rewritten(tmp_path: Path) -> None:
    """A run with one small world of each family: the page has every aim, reports are in their folders."""
    page = tmp_path / "quality.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    options = [
        "--worlds",
        "1",
        "--calls",
        "4000",
        "--partitions",
        "3",
        "--quick",
        "--out",
        str(tmp_path),
        "--page",
        str(page),
    ]

    assert main(options) == 0

    content = page.read_text(encoding="utf-8")
    assert all(f"| {aim.what} |" in content for aim in AIMS)
    assert "--worlds 1 --calls 4000 --partitions 3 --quick" in content
    assert (tmp_path / "held-out" / "report.html").is_file()
    assert (tmp_path / "training-ranges" / "report.json").is_file()
