"""Telephone numbers as switches write them, and the one form in which they are compared: E.164 with `+`.

Formatting says nothing about a caller. `+1-202-555-0101`, `tel:+12025550101`, `"A" <sip:+12025550101@host;user=phone>`
and `+12025550101 ext. 5` are one number, `+12025550101`. Text that is no formatted number (`anonymous`, a short code,
junk) stays as it came.
"""

import re
from collections.abc import Iterable

_CONTROLS = "".join(map(chr, [*range(0x20), 0x7F]))
FORMATTING = frozenset(_CONTROLS + ' ().-/:;@<>"%#xX')
"""A number in ASCII is written in another than its normal form only if one of these is in it. All are ASCII."""

_SPACES = "\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63"
_UNSEEN = "\xad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
_FIRST_WIDE, _WIDE = 0xFF01, [chr(code) for code in range(0x21, 0x7F)]
_PLAIN = {
    **dict(enumerate(_WIDE, _FIRST_WIDE)),
    **dict.fromkeys(map(ord, _SPACES + _CONTROLS), " "),
    **dict.fromkeys(map(ord, _DASHES), "-"),
    **dict.fromkeys(map(ord, _UNSEEN)),
}
"""What stands for a character that only looks different."""
_ESCAPED = re.compile(r"%(2[0-9B-F]|3[0-9])", re.IGNORECASE)
"""Digits and separators as URIs may write them; no escape ends a user part."""
_NAMED = re.compile(r'(?:"(?:[^"\\]|\\.)*+" *+|[^<"]* |)<(?P<address>[^<>]*+)>(?: *+[;,].*)?', re.DOTALL)
"""An address in brackets, and what is its name: in quotation marks, or with a space behind it (RFC 3261, 20.10)."""
_WRITTEN = re.compile(
    r"(?P<scheme>sips?:|tel:)?(?P<user>\(?\+?[0-9 ()./-]++)(?P<extension>(?:#|x|ext[.:]?|extension:?) *+[0-9]*+)?"
    r"(?:[;@].*|:[0-9]{1,5}(?:;.*)?|:[^@]*@.*)?",
    re.IGNORECASE | re.DOTALL,
)
_SEPARATORS = str.maketrans("", "", " ()./-")  # RFC 3966, and the space and the slash that people write
_E164 = re.compile(r"\+(?:1[0-9]{10}|[2-9][0-9]{6,14})")


def normal_form(number: str) -> str:
    """Return a number in its normal form: no name, scheme, host, port, extension, parameters and separators.

    Separators and extensions go from a number with `+` and from a `tel:` URI (RFC 3966). A number without `+` stays a
    local one: which country it belongs to is not for us to guess. Text that is no number is returned as it is. Linear;
    never raises.

    Args:
        number: As an event has it.
    """
    if number.isascii() and FORMATTING.isdisjoint(number):
        return number
    written = _WRITTEN.fullmatch(address(number).strip(' <>"'))
    if written is None:
        return number
    user = written["user"].strip(" ")
    digits = user.translate(_SEPARATORS)
    may_be_separated = digits == user or (written["scheme"] or "").lower() == "tel:"
    is_number = digits.startswith("+") or (may_be_separated and written["extension"] is None)
    return digits if is_number and digits.strip("+") else number


def written_forms(number: str) -> tuple[str, ...]:
    """Forms in which switches write one number, each its own `normal_form`: as given, without `+`, as it is dialled.

    Whoever looks for a number that people name must look for all of them: `+12025550101` is `12025550101` and
    `2025550101` too, `+442071234567` is `442071234567` and `011442071234567`.

    Args:
        number: E.164 with `+`; what is none has one form.
    """
    if not is_e164(number):
        return (number,)
    digits = number.removeprefix("+")
    return number, digits, digits.removeprefix("1") if digits.startswith("1") else f"011{digits}"


def naming(forms: Iterable[str]) -> str:
    """Return the regular expression that finds a number in a text, in any of its forms; no other number has it within.

    Behind a form no digit may stand, and before one without `+` neither a digit nor `+`. It means the same to `re` and
    to RE2, and takes what is next to the number along.

    Args:
        forms: As `written_forms` gives them, or digests of them.
    """
    wanted = (re.escape(form) if form.startswith("+") else f"(?:^|[^0-9+]){re.escape(form)}" for form in forms)
    return f"(?:{'|'.join(wanted)})(?:[^0-9]|$)"


def plain(text: str) -> str:
    """Return a text with odd dashes, spaces and wide letters as plain ones, and without characters that nobody sees."""
    return text.translate(_PLAIN)


def address(text: str) -> str:
    """Return what an address says: without a name, brackets and escapes, odd dashes, spaces and wide letters as plain.

    Linear; never raises.

    Args:
        text: What stands where a number or a URI should.
    """
    written = plain(text).strip(" ")
    named = _NAMED.fullmatch(written)
    found = written if named is None else named["address"]
    return _ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), found).strip(" ")


def is_e164(number: str) -> bool:
    """Tell whether a text has the form of E.164 with `+`: 7 to 15 digits, and behind `+1` ten."""
    return _E164.fullmatch(number) is not None
