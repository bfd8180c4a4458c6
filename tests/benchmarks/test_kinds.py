"""Tables by kind of caller: calls of all carriers together, and at how many carriers an aim is met."""

from benchmarks.adapting.kinds import CAUGHT_HEADINGS, HIT_HEADINGS, caught, hit

ROWS = [
    {"kinds": {
        "shipped": {"robocalls": {"flood": [10, 100]}, "lawful": {"person": [5, 1_000], "survey": [0, 60]}},
        "taken": {"robocalls": {"flood": [30, 100]}, "lawful": {"person": [2, 1_000], "survey": [1, 60]}},
        "all": {"robocalls": {"flood": [90, 100]}, "lawful": {"person": [1, 1_000], "survey": [0, 60]}},
    }},
    {"kinds": {
        "shipped": {"robocalls": {"flood": [20, 200], "wangiri": [0, 9]},
                    "lawful": {"person": [1, 3_000], "fax": [3, 3_000]}},
        "taken": {"robocalls": {"flood": [40, 200], "wangiri": [9, 9]},
                  "lawful": {"person": [0, 3_000], "fax": [0, 3_000]}},
    }},
]  # fmt: skip


def test_kinds_of_campaigns_are_counted_over_all_carriers() -> None:
    """The kind with nine calls is in the first columns, but no carrier is counted by so few; one learnt nothing."""
    assert caught(ROWS) == [
        ["`flood`", "2", "300", "0.100 / 0.233 / 0.900", "0 of 2 / 1 of 2 / 1 of 1"],
        ["`wangiri`", "1", "9", "0.000 / 1.000 / 0.000", "0 of 0 / 0 of 0 / 0 of 0"],
    ]
    assert len(CAUGHT_HEADINGS) == len(caught(ROWS)[0])


def test_lawful_classes_are_counted_over_all_carriers() -> None:
    """Exactly 2 of 1,000 are allowed. Of faxes no model hits more than 1 of 1,000, so they have no row."""
    assert hit(ROWS) == [
        ["`survey`", "1", "60", "0.0 / 16.7 / 0.0", "0 of 1 / 1 of 1 / 0 of 1"],
        ["`person`", "2", "4,000", "1.5 / 0.5 / 1.0", "1 of 2 / 0 of 2 / 0 of 1"],
    ]
    assert len(HIT_HEADINGS) == len(hit(ROWS)[0])
