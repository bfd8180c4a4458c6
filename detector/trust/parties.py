"""Both ends of a call in the form in which tokens name them: canonical numbers (RFC 8224, 8.3), else addresses."""

import re
from dataclasses import dataclass

from detector.contract.events import CallSetup
from detector.contract.numbers import normal_form

NORTH_AMERICA = "1"
_NUMBER = re.compile(r"\+?[0-9*#]{1,20}\Z")
_SEPARATORS = str.maketrans("", "", " ().-")
_NATIONAL_DIGITS = 10
_ADDRESS = re.compile(r"(?P<scheme>sips?):(?P<user>[^@;?<>\s]+)@(?P<host>[^;?<>\s]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who calls whom, as the signalling has it. Each text is canonical: `12025550101`, or `sip:alice@example.com`.

    Attributes:
        calling: The calling number; where that is withheld all values of P-Asserted-Identity, if there are any.
        called: To.
        target: Request-URI: where the call goes after it was forwarded.
        date_s: Date header, epoch seconds, which the compact form signs; None where there was none.
    """

    calling: frozenset[str]
    called: str
    target: str
    date_s: int | None = None


def parties_of(setup: CallSetup, country: str = NORTH_AMERICA) -> Parties:
    """Parties of a call as its event has them.

    A token has to name the calling number itself, or it would vouch for a number with a token about another one. All
    values of P-Asserted-Identity count only where the calling number is withheld or no number.

    Args:
        setup: The call.
        country: Country code of numbers that do not say theirs, without `+`.
    """
    calling = canonical_party(setup.calling_number, country)
    asserted = frozenset(canonical_party(one, country) for one in setup.asserted_numbers or ())
    target = canonical_party(setup.called_number, country)
    return Parties(
        calling=frozenset({calling}) if _NUMBER.match(calling) or not asserted else asserted,
        called=canonical_party(setup.to_number, country) if setup.to_number else target,
        target=target,
    )


def canonical_party(text: str, country: str = NORTH_AMERICA) -> str:
    """Bring a number or SIP address into the form in which tokens name it.

    A number loses scheme, parameters, separators and `+`, and gets its country code: behind `+`, `011` or `00` it has
    one already; ten digits in North America, and a `0` before a national number elsewhere, get `country`. Other short
    numbers stay. Of an address that is no number, scheme and host are lower case, and parameters go. Never raises.

    Args:
        text: As a header or an event has it.
        country: Country code of numbers that do not say theirs, without `+`.
    """
    inner = text.partition("<")[2].partition(">")[0] if "<" in text else text
    number = normal_form(inner.strip()).translate(_SEPARATORS)
    if _NUMBER.match(number):
        return _with_country(number, country)
    address = _ADDRESS.match(inner.strip())
    if address is None:
        return text.strip()
    return f"{address['scheme'].lower()}:{address['user']}@{address['host'].lower()}"


def _with_country(number: str, country: str) -> str:
    if number.startswith("+"):
        return number[1:]
    if country == NORTH_AMERICA:
        if number.startswith("011"):
            return number[3:]
        return country + number if len(number) == _NATIONAL_DIGITS else number
    if number.startswith("00"):
        return number[2:]
    return country + number[1:] if number.startswith("0") else number
