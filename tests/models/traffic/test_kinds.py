"""The names of kinds are those that label files, reports and `robocall simulate --scenario` have had all along."""

from models.traffic.kinds import CAMPAIGN_DOC, CAMPAIGN_KINDS, LAWFUL_DOC, LAWFUL_KINDS
from models.traffic.second.campaigns import HABITS
from models.traffic.third.carrier import ROBOCALL_KINDS


def test_no_lawful_kind_has_the_name_of_a_campaign() -> None:
    """Figures by kind would mix them."""
    assert not set(LAWFUL_KINDS) & set(CAMPAIGN_KINDS)
    assert (tuple(LAWFUL_DOC), tuple(CAMPAIGN_DOC)) == (LAWFUL_KINDS, CAMPAIGN_KINDS)


def test_the_other_authors_use_the_shared_names_of_campaigns() -> None:
    """So that figures by kind can be compared between authors."""
    assert set(HABITS) <= set(CAMPAIGN_KINDS)
    assert set(ROBOCALL_KINDS) <= set(CAMPAIGN_KINDS)


def test_every_kind_is_told_in_one_line() -> None:
    """The page `docs/traffic.md` and `robocall simulate --help` show it."""
    for doc in (*LAWFUL_DOC.values(), *CAMPAIGN_DOC.values()):
        assert doc == doc.strip()
        assert "\n" not in doc
