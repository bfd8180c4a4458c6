"""The public test tools: the examples that users read run as they stand, and each tool does what it says."""

import doctest
import re
from pathlib import Path

import pytest

import detector.testing
from detector.columns.batch_columns import BatchColumns
from detector.contract.decisions import Action, Mode, Step
from detector.policy.settings import Policy
from detector.testing import (
    BY_ORDER,
    CALLER,
    START_MS,
    FixedScore,
    batch_of,
    call_end,
    call_setup,
    ids,
    make_screener,
    modes,
    outcomes,
    scores,
    screen,
    small_windows,
)
from detector.windows import WindowEngine

PAGE = Path(__file__).parents[3] / "docs" / "testing.md"
POLICY = Policy(mode=Mode.ENFORCE, budgets=BY_ORDER, minimum_samples=())


def test_the_example_of_the_package_runs() -> None:
    assert doctest.testmod(detector.testing).failed == 0


def test_the_examples_of_the_page_run() -> None:
    """In order, each in the names of those before it."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}

    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 - our own page

    assert len(blocks) >= 3


def test_what_was_made_of_a_batch_is_one_entry_a_call() -> None:
    """Two calls and an end: two of everything."""
    one, other = call_setup("one"), call_setup("other", calling_number="+14155550100")
    screening = screen(make_screener(POLICY, classifier=FixedScore(1.0)), one, call_end(one, after_ms=900), other)

    assert [outcome.action for outcome in outcomes(screening)] == [Action.BLOCK] * 2
    assert scores(screening) == [1.0, 1.0]
    assert modes(screening) == [Mode.ENFORCE] * 2
    assert len(set(ids(screening))) == 2


def test_real_windows_count_what_a_test_sends() -> None:
    """The same seed in batches and windows: the third call of a number is its third."""
    engine = WindowEngine(small_windows())
    screener = make_screener(POLICY, windows=engine)
    calls = [call_setup(f"c{number}", setup_time_ms=START_MS + 1_000 * number) for number in range(3)]

    screening = screener.screen(BatchColumns.of(batch_of(calls)))

    assert [outcome.decided_by for outcome in outcomes(screening)] == [Step.ALLOW] * 3
    assert engine.number_counts(CALLER, START_MS + 2_000)["attempts"] == (3.0,) * 5


@pytest.mark.parametrize(("answered_after_ms", "talk_s"), [(None, 0.0), (1_000, 4.0)])
def test_an_end_is_that_of_its_call(answered_after_ms: int | None, talk_s: float) -> None:
    engine = WindowEngine(small_windows())
    call = call_setup()

    engine.count(batch_of([call, call_end(call, after_ms=5_000, answered_after_ms=answered_after_ms)]))

    counts = engine.number_counts(CALLER, START_MS + 5_000)
    assert (counts["ended"][3], counts["talk_s"][3]) == (1.0, talk_s)
