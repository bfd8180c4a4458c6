"""The model card says what the model is for, what it is worth and where it ends; in Markdown."""

from typing import Any

from models.serve.card import LIMITS, USE, model_card

SHARE = {"share": 0.25, "low": 0.2, "high": 0.3, "calls": 400}
NONE = {"share": None, "low": 0.0, "high": 1.0, "calls": 0}
REPORT: dict[str, Any] = {
    "calls": 1_000,
    "robocalls": 400,
    "pr_auc": 0.5,
    "at_false_block_rates": [{"rate": 1e-4, "recall": SHARE}],
    "kinds": {
        "campaigns": {"flood": {"blocked": SHARE, "labelled_or_blocked": SHARE}},
        "lawful": {"person": {"blocked": NONE, "labelled_or_blocked": NONE}},
    },
}


def card(report: dict[str, Any], **facts: dict[str, Any]) -> str:
    return model_card(version="gbt-0", schema_id="f1", created_ms=0, report=report, facts=facts)


def test_it_says_what_the_model_is_for_and_where_its_figures_end() -> None:
    text = card({})

    assert text.startswith(
        "# Model card: gbt-0\n\nGradient-boosted trees, calibrated; features f1; packaged 1970-01-01"
    )
    assert USE in text
    assert text.endswith(f"## Limits\n\n{LIMITS}\n")


def test_figures_stand_in_tables_with_their_intervals() -> None:
    text = card(REPORT)

    assert "- robocalls: 400\n- pr_auc: 0.5" in text
    assert "| 0.0001 | 0.2500 (0.2000 to 0.3000) |" in text
    assert "| flood | 400 | 0.2500 (0.2000 to 0.3000) | 0.2500 (0.2000 to 0.3000) |" in text


def test_a_share_of_no_calls_is_a_dash() -> None:
    assert "| person | 0 | - | - |" in card(REPORT)


def test_facts_are_sections_of_their_own() -> None:
    assert "## Thresholds\n\n- block_at: 0.9\n\n" in card({}, Thresholds={"block_at": 0.9})


def test_what_a_report_lacks_is_left_out() -> None:
    """A model of before has fewer figures, and a card all the same."""
    text = card({"calls": 5})

    assert "Recall" not in text
    assert "Kinds of campaign" not in text
    assert "None" not in text


def test_who_labelled_the_calls_and_what_was_assumed_stand_before_the_figures() -> None:
    labels = [
        {"source": "analyst", "robocalls": 1_200, "lawful": 30, "weight": 0.9},
        {"source": "", "robocalls": 0, "lawful": 7, "weight": 1.0},
    ]
    text = card({"calls": 5, "labels": labels, "labels_warning": "Some are assumed."})

    assert "| analyst | 1,200 | 30 | 0.90 |\n| not said | 0 | 7 | 1.00 |" in text
    assert text.index("**Some are assumed.**") < text.index("## Test span")
    assert "Labels" not in card({"calls": 5})
