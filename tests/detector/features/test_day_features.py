"""Features of days: names, words, and the sentences that reasons quote."""

import pytest

from detector.features import days
from detector.features.day_features import DAY_FEATURES
from detector.features.table import FEATURE_NAMES, explain
from detector.features.window_constants import FAMILIES, NOT_ENOUGH_DATA


def test_names_are_unique_and_say_whose_figure_it_is() -> None:
    names = [feature.name for feature in DAY_FEATURES]

    assert len({*names, *FEATURE_NAMES}) == len(names) + len(FEATURE_NAMES)
    for feature in DAY_FEATURES:
        family, figure = feature.instruction.family, feature.instruction.first
        assert feature.name == f"{FAMILIES[family]}_{days.FIGURES[figure]}_28d"
        assert feature.source == FAMILIES[family]


def test_numbers_have_every_figure_and_no_other_key_says_how_often_it_calls() -> None:
    """A partition sees its part of an origin or a block."""
    of = {FAMILIES[one.instruction.family]: set[int]() for one in DAY_FEATURES}
    for one in DAY_FEATURES:
        of[one.source].add(one.instruction.first)

    assert of.pop("number") == set(range(days.N_FIGURES))
    assert all(days.USUAL not in figures for figures in of.values())


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "number_days_28d",
            12.0,
            "Number of the 27 days before today with calls of the calling number: 12.",
        ),
        (
            "origin_sdr_28d",
            0.5,
            "Share of talks of at most 6 s (SDR) among calls of the origin (signer and origid) of the last days: 50 %.",
        ),
        (
            "number_today_28d",
            NOT_ENOUGH_DATA,
            "Calls of the calling number today against one of its usual earlier days (0.5 = alike): not enough data.",
        ),
    ],
)
def test_a_value_is_explained_in_a_sentence(name: str, value: float, sentence: str) -> None:
    assert explain(name, value) == sentence
