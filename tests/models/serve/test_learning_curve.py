"""A learning curve goes into figures and out again; figures of a stranger give none where they are not one."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.serve.card import headline, model_card
from models.serve.learning_curve import FIGURE, Caught, LearningCurve, Point, curve_in

HALF = Point(0.5, 12, 340, (Caught(0.4, 0.3, 0.5), Caught(0.2, 0.1, 0.3)))
WHOLE = Point(1.0, 24, 700, (Caught(0.6, 0.5, 0.7), Caught(0.3, 0.2, 0.4)))
CURVE = LearningCurve(50_000, (HALF, WHOLE))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def written() -> dict[str, Any]:
    """As a manifest has it."""
    return json.loads(json.dumps({FIGURE: CURVE.as_json()}))  # type: ignore[no-any-return]


def test_what_was_written_is_read() -> None:
    assert curve_in(written()) == CURVE
    assert curve_in(headline(written())) == CURVE


@pytest.mark.parametrize("name", ["lawful", "rates", "points"])
@given(value=PLAIN)
def test_what_is_no_curve_is_none(name: str, value: Any) -> None:
    """A manifest may be anybody's: a page that shows it must not break."""
    figures = written()
    figures[FIGURE][name] = value

    found = curve_in(figures)

    assert found is None or (name == "lawful" and found.points == CURVE.points)


@pytest.mark.parametrize("name", ["share", "groups", "robocalls", "caught"])
@given(value=PLAIN)
def test_what_is_no_point_is_none(name: str, value: Any) -> None:
    figures = written()
    figures[FIGURE]["points"][0][name] = copy.deepcopy(value)

    found = curve_in(figures)

    assert found is None or (found.points[1] == WHOLE and 0 <= found.points[0].share <= 1)


@pytest.mark.parametrize("figures", [{}, {FIGURE: None}, {FIGURE: []}, {FIGURE: {}}])
def test_without_one_there_is_none(figures: dict[str, Any]) -> None:
    assert curve_in(figures) is None


@pytest.mark.parametrize(("lawful", "scarce"), [(9_999, (1e-3, 1e-4)), (10_000, (1e-4,)), (100_000, ())])
def test_a_rate_at_which_few_lawful_calls_are_hit_says_little(lawful: int, scarce: tuple[float, ...]) -> None:
    """Ten of them are wanted."""
    assert LearningCurve(lawful, (WHOLE,)).scarce == scarce


def test_the_card_has_it_as_a_table() -> None:
    card = model_card(version="gbt-0", schema_id="f1", created_ms=0, report=written(), facts={})

    assert "## Learning curve" in card
    assert "| 50% | 12 | 340 | 0.4000 (0.3000 to 0.5000) | 0.2000 (0.1000 to 0.3000) |" in card
    assert "At 0.0001 it says little: of 50,000 lawful calls too few are hit." in card
