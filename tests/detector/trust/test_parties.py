"""Both sides of a call in the form of tokens: numbers with their country's code and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.events import CallSetup
from detector.trust.parties import Parties, canonical_party, parties_of


@pytest.mark.parametrize(
    "written",
    [
        "+12025550101",
        "12025550101",
        "2025550101",
        "+1-202-555-0101",
        "1-202-555-0101",
        "(202) 555-0101",
        "202.555.0101",
        "01112025550101",
        "tel:+1-202-555-0101",
        "<tel:+12025550101>",
        '"Bank" <sip:+12025550101@host.example;user=phone>;tag=1',
        "sip:2025550101@host.example",
        "sips:+12025550101;verstat=TN-Validation-Passed@host.example",
    ],
)
def test_north_american_numbers(written: str) -> None:
    """All of these are one number."""
    assert canonical_party(written) == "12025550101"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("+442071838750", "442071838750"),
        ("011442071838750", "442071838750"),
        ("911", "911"),
        ("*67", "*67"),
        ("anonymous", "anonymous"),
        ("", ""),
        ("sip:Alice@Example.COM;transport=tcp", "sip:Alice@example.com"),
        ("<SIP:alice@example.com?x=y>", "sip:alice@example.com"),
    ],
)
def test_others(written: str, canonical: str) -> None:
    """Abroad, short, and no numbers at all."""
    assert canonical_party(written) == canonical


@pytest.mark.parametrize("written", ["+442071838750", "00442071838750", "02071838750", "442071838750"])
def test_another_country(written: str) -> None:
    """Its trunk prefix is not part of the number."""
    assert canonical_party(written, "44") == "442071838750"


@pytest.mark.parametrize(
    ("calling_number", "calling"),
    [
        ("+12025550101", {"12025550101"}),  # another number of the header vouches for nothing
        ("anonymous", {"12025550101", "12025550102"}),
        ("sip:alice@host.example", {"12025550101", "12025550102"}),
    ],
)
def test_all_values_of_p_asserted_identity_count_where_the_caller_is_withheld(
    calling_number: str, calling: set[str]
) -> None:
    """To stands beside the Request-URI where they differ."""
    setup = CallSetup(
        call_id="c",
        setup_time_ms=1,
        calling_number=calling_number,
        called_number="+13125550142",
        to_number="+12025550199",
        trunk_group_id="t",
        asserted_numbers=["<sip:+12025550102@host.example>", "tel:+12025550101"],
    )

    found = Parties(calling=frozenset(calling), called="12025550199", target="13125550142")
    assert parties_of(setup) == found


def test_what_is_not_believed_vouches_for_nothing() -> None:
    """P-Asserted-Identity of a switch that may not assert it: the caller is that of From, and only that one."""
    setup = CallSetup(
        call_id="c",
        setup_time_ms=1,
        calling_number="+12025550101",
        called_number="+13125550142",
        trunk_group_id="t",
        asserted_numbers=["tel:+12025550102"],
    )

    assert parties_of(setup).calling == {"12025550101"}


@given(st.text(max_size=40), st.sampled_from(["1", "44"]))
def test_any_text_has_a_form(text: str, country: str) -> None:
    """Nothing is raised, and numbers with `+` are the same number whatever the country."""
    canonical_party(text, country)
    assert canonical_party("+" + "12025550101", country) == "12025550101"
