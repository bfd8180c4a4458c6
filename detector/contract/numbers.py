"""Telephone numbers as switches write them, and the one form in which they are compared: E.164 with `+`.

Formatting says nothing about a caller. `+1-202-555-0101`, `tel:+12025550101` and `sip:+12025550101@host;user=phone` are
one number, `+12025550101`. Text that is no formatted number (`anonymous`, a short code, junk) stays as it came.
"""

import re

FORMATTING = frozenset(" ().-:;@")
"""A number is written in another than its normal form only if one of these is in it. All are ASCII."""

_WRITTEN = re.compile(r"(?P<scheme>(?:sips?|tel):)?(?P<user>\+?[0-9 ().-]+)(?:[;@].*)?", re.IGNORECASE | re.DOTALL)
_SEPARATORS = str.maketrans("", "", " ().-")  # RFC 3966, and the space that people write
_E164 = re.compile(r"\+(?:1[0-9]{10}|[2-9][0-9]{6,14})")


def normal_form(number: str) -> str:
    """Return a number in its normal form: no scheme, host, parameters (`;verstat=`) and visual separators.

    Separators go from a number with `+` and from a `tel:` URI (RFC 3966). A number without `+` stays a local one: which
    country it belongs to is not for us to guess. Text that is no number is returned as it is. Linear; never raises.

    Args:
        number: As an event has it.
    """
    if FORMATTING.isdisjoint(number):
        return number
    written = _WRITTEN.fullmatch(number.strip(" "))
    if written is None:
        return number
    user = written["user"].strip(" ")
    digits = user.translate(_SEPARATORS)
    may_be_separated = user.startswith("+") or (written["scheme"] or "").lower() == "tel:"
    return digits if digits.strip("+") and (may_be_separated or digits == user) else number


def is_e164(number: str) -> bool:
    """Tell whether a text has the form of E.164 with `+`: 7 to 15 digits, and behind `+1` ten."""
    return _E164.fullmatch(number) is not None
