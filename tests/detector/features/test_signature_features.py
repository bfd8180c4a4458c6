"""Features of signatures: one for each figure, in words that a person reads."""

import pytest

from detector.features.signature_features import SIGNATURE_FEATURES
from detector.features.signatures import FIGURES, GROUPS
from detector.features.table import explain
from detector.trust.verdict import CODES, Cause


def test_each_figure_is_a_feature() -> None:
    assert [feature.name for feature in SIGNATURE_FEATURES] == list(FIGURES)
    assert [feature.instruction.first for feature in SIGNATURE_FEATURES] == list(range(len(FIGURES)))


SURGE = "Calls an hour of the signer lately against usually; it falls in the course of a day (UTC): not enough data."


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("call_own_replayed", 1.0, "Sign that its token was seen with another call: yes."),
        (
            "trunk_unsigned_lately",
            0.25,
            "Share of calls without a verdict of ours among those on the trunk group lately: 25 %.",
        ),
        ("signer_age", 90.0, "Time since the first call of the signer that is remembered: 90 s."),
        ("signer_surge", -1.0, SURGE),
    ],
)
def test_a_value_is_explained(name: str, value: float, words: str) -> None:
    assert explain(name, value) == words


def test_every_cause_that_a_verifier_refuses_for_its_certificate_has_a_group() -> None:
    """437 and 436 are about certificates; a new cause of these must not be taken for a broken token unseen."""
    about_certificates = {cause for cause, code in CODES.items() if code == 437 and "certificate" in cause.value}

    assert about_certificates <= set(GROUPS)
    assert set(GROUPS) <= set(Cause)
