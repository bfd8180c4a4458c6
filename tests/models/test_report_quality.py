"""`make quality`: what it does in each world, and the page that it writes."""

from pathlib import Path

import numpy as np
import pytest

from models.artifact import Model
from models.dataset import Truth, assemble
from models.generated import join
from models.report_aims import AIMS
from models.report_learnt import FEATURE_SETS
from models.report_quality import PAGE, QUICK, SEED, _command, _options, main, one_by_one, replace_tables
from models.report_quality_page import BEGIN, END
from models.report_worlds import families
from models.scorer import Calibration, TreeScorer
from tests.models.stumps import stump


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


@pytest.mark.slow
def test_the_shipped_model_is_judged_and_the_page_rewritten(tmp_path: Path) -> None:
    """A run with small worlds: the page has every aim and what is compared, reports are in their folders."""
    page = tmp_path / "quality.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    options = ["--quick", "--partitions", "3", "--out", str(tmp_path), "--page", str(page)]

    assert main(options) == 0

    content = page.read_text(encoding="utf-8")
    kinds = {kind for spec in families(QUICK.worlds, QUICK.calls, SEED)["held out"] for kind in spec.scenarios}
    assert all(f"| {aim.what} |" in content for aim in AIMS)
    assert "`make quality ARGS='--quick --partitions 3'`" in content
    assert all(f"| {head}" in content for head in ("model, 1e-05 | rule, 1e-05 | linear, 1e-05", "counted in 1 |"))
    assert all(f"\n| {name} |" in content for name in (*FEATURE_SETS, "logistic regression", *kinds))
    assert (tmp_path / "held-out" / "report.html").is_file()
    assert (tmp_path / "training-ranges" / "report.json").is_file()
