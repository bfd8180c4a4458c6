"""What makes a call an emergency: the number it is to or from, or a priority that its header claims.

A number speaks for itself. A header is written by whoever sends the call, and would carry anybody past every other
step, so a claim counts only where the carrier trusts the trunk group or a signature vouches for the caller.
"""

import re

import numpy as np

from detector.contract.decisions import Reason
from detector.contract.events import CallSetup
from detector.contract.numbers import address
from detector.policy import reasons
from detector.policy.settings import Policy

_URI_SCHEMES = ("sip:", "sips:", "tel:")
_SERVICE_URNS = ("urn:service:sos", "urn:emergency:service:", "urn:nena:service:")  # RFC 5031, NENA i3
_SOS = re.compile(r"sos(\.[a-z-]+)*")
"""User part of a SIP URI that some phones make of `urn:service:sos`."""
_DIALLED = re.compile(r"[0-9+*# ()./-]+")
"""User part of a number; digits of any other text, `alice911` or `911x`, say nothing."""
_TRANSLATED = {"988": "8002738255"}
"""What an emergency number is translated to on the way: only the originating switch sees 988."""
_NATIONAL_DIGITS = 10
_PRIORITY_AREA = "710"
"""Area code of the Government Emergency Telecommunications Service (GETS)."""
_FROM_911 = re.compile(r"\+?1?911|(?:\+?1)?911[0-9]{7}")
_PSAP_CALLBACK = "psap-callback"
_NAMESPACES = {
    "esnet": reasons.EMERGENCY_NETWORK,  # RFC 7135
    "ets": reasons.PRIORITY_SERVICE,  # RFC 4412
    "wps": reasons.PRIORITY_SERVICE,
}


class EmergencyTable:
    """The policy's emergency settings made ready for look-ups; immutable by convention.

    Attributes:
        national: Digits of the emergency numbers of ten digits, 1 before them, ascending, shape (at least 1,) int64.
    """

    __slots__ = ("_forms", "_trunks", "national")

    def __init__(self, policy: Policy) -> None:
        numbers = {*policy.emergency_numbers, *(_TRANSLATED[n] for n in policy.emergency_numbers if n in _TRANSLATED)}
        self._forms = frozenset(numbers | {"1" + number for number in numbers})
        self._trunks = frozenset(policy.emergency_trunks)
        self.national = np.array(sorted(int("1" + n) for n in numbers if len(n) == _NATIONAL_DIGITS), np.int64)

    def called(self, called_number: str) -> Reason | None:
        """Return the reason why a call to this number is an emergency, in any form that switches send; else None."""
        text = address(called_number).lower()
        if text.startswith(_SERVICE_URNS):
            return reasons.EMERGENCY_CALLED
        for scheme in _URI_SCHEMES:
            text = text.removeprefix(scheme)
        user, host, _ = text.partition("@")
        user = user.partition(";")[0]
        if host and _SOS.fullmatch(user):
            return reasons.EMERGENCY_CALLED
        if not _DIALLED.fullmatch(user):
            return None
        digits = "".join(filter(str.isdigit, user))
        if digits in self._forms:
            return reasons.EMERGENCY_CALLED
        national = digits.removeprefix("1")
        is_priority = len(national) == _NATIONAL_DIGITS and national.startswith(_PRIORITY_AREA)
        return reasons.PRIORITY_SERVICE if is_priority else None

    def trusts(self, trunk_group_id: str) -> bool:
        """Tell whether the carrier believes the priorities of calls by this trunk group."""
        return trunk_group_id in self._trunks


def is_from_911(calling_number: str) -> bool:
    """Tell whether a public-safety answering point calls: 911 itself, or a number of area code 911."""
    return _FROM_911.fullmatch(calling_number) is not None


def claimed(setup: CallSetup) -> Reason | None:
    """Return what the headers of a call claim it to be, believed or not; None for an ordinary call."""
    if setup.priority and setup.priority.strip().lower() == _PSAP_CALLBACK:
        return reasons.PSAP_CALLBACK
    return _of_resource(setup.resource_priority or "")


def signed_claim(setup: CallSetup) -> Reason | None:
    """Return what somebody signed a call to be (`rph` and `sph` of RFC 8443 and RFC 9027), as we verified it."""
    said = setup.own_priority or ""
    return reasons.PSAP_CALLBACK if said.partition(",")[0] == _PSAP_CALLBACK else _of_resource(said)


def _of_resource(values: str) -> Reason | None:
    for value in values.split(","):
        namespace, dot, _ = value.strip().lower().partition(".")
        if dot and namespace in _NAMESPACES:
            return _NAMESPACES[namespace]
    return None
