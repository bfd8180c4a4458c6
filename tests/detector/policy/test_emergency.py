"""What a number must look like, or a header claim, to make a call an emergency."""

import pytest

from detector.contract.decisions import Reason
from detector.policy import reasons
from detector.policy.emergency import EmergencyTable, claimed, is_from_911
from detector.policy.settings import Policy
from detector.testing import call_setup

TABLE = EmergencyTable(Policy())


@pytest.mark.parametrize(
    "called",
    [
        "911",
        "+911",
        "1911",
        "+1911",
        "+1-911",
        "9-1-1",
        " 911 ",
        "933",
        "+1933",
        "988",
        "+1988",
        "tel:911",
        "sip:911@example.com",
        "sips:+1911@x;user=phone",
        "911;phone-context=+1",
        "urn:service:sos",
        "<urn:service:sos>",
        '"Ambulance" <sip:911@example.com;user=phone>',
        "<tel:911>",
        "sip:%39%31%31@example.com",
        "sip:%2B1911@example.com",
        "sip:911%20@example.com",
        "sip:sos@example.com",
        "sip:sos.police@example.com",
        "URN:service:SOS.police",
        "urn:emergency:service:sos.psap",
        "urn:nena:service:responder.police",
        "+18002738255",
        "1-800-273-8255",
        "tel:8002738255",
        "+17106274387",
        "7106274387",
        "<911>",
        '"Ambulance" <911>',
        "9\u20111\u20111",
        "911#",
        "*911",
    ],
)
def test_emergency_numbers_are_known_in_every_form(called: str) -> None:
    assert TABLE.called(called)


@pytest.mark.parametrize(
    "called",
    [
        "",
        "411",
        "9115",
        "+19115550123",
        "anonymous",
        "+91911",
        "sip:bob@911",
        "urn:x",
        "+17105",
        "+12127105550",
        '"911" <sip:bob@example.com>',
        "sip:%39%31%31%31@example.com",
        "sos",
        "sip:sosa@example.com",
        "%",
        "911x",
        "sip:bob911@example.com",
        "sip:9a1b1@example.com",
        "+12025550101<911>",
        "sip:911%40bob@example.com",
        "sip:bob7106274387@example.com",
    ],
)
def test_other_numbers_are_no_emergency(called: str) -> None:
    assert not TABLE.called(called)


def test_a_carrier_may_add_emergency_numbers() -> None:
    table = EmergencyTable(Policy(emergency_numbers=("911", "933", "988", "112", "2125550199")))

    for called in ("112", "+12125550199"):
        assert table.called(called)
        assert not TABLE.called(called)


def test_a_carrier_names_the_trunk_groups_that_it_trusts() -> None:
    """Nobody else is."""
    table = EmergencyTable(Policy(emergency_trunks=("psap",)))

    assert table.trusts("psap")
    assert not table.trusts("t-1")
    assert not TABLE.trusts("psap")


@pytest.mark.parametrize("calling", ["911", "+911", "1911", "+1911", "+19115550123", "19115550123", "9115550123"])
def test_calls_from_911_are_known_by_their_number(calling: str) -> None:
    """The forms of 911, and its area code."""
    assert is_from_911(calling)


@pytest.mark.parametrize("calling", ["", "anonymous", "+12129110123", "+911555012345", "+9115550123", "9112", "988"])
def test_other_callers_are_not(calling: str) -> None:
    """An exchange 911, a number of India, and the line that 988 leads to, are not area code 911."""
    assert not is_from_911(calling)


@pytest.mark.parametrize(
    ("priority", "resource_priority", "claim"),
    [
        (" PSAP-Callback ", None, reasons.PSAP_CALLBACK),
        (None, "q735.1, ESNET.0", reasons.EMERGENCY_NETWORK),
        (None, "ets.4", reasons.PRIORITY_SERVICE),
        ("normal", "wps.0", reasons.PRIORITY_SERVICE),
        ("emergency", "q735.1", None),
        (None, "esnet", None),
        (None, None, None),
    ],
)
def test_what_a_header_claims(priority: str | None, resource_priority: str | None, claim: Reason | None) -> None:
    """Believed or not."""
    assert claimed(call_setup(priority=priority, resource_priority=resource_priority)) == claim
