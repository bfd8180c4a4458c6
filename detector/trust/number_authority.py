"""TNAuthList: which providers' codes and which numbers a certificate speaks for (RFC 8226 section 9)."""

import re
from dataclasses import dataclass

from detector.trust.der import IA5_STRING, INTEGER, SEQUENCE, read_all, read_one, text_of
from detector.trust.verdict import Cause, Refused

OID = "1.3.6.1.5.5.7.1.26"
_SPC, _RANGE, _ONE = 0xA0, 0xA1, 0xA2
_CODE = re.compile(r"[A-Za-z0-9]{1,16}\Z")
_NUMBER = re.compile(r"[0-9]{1,15}\Z")
_SMALLEST_RANGE = 2
_LARGEST_COUNT_BYTES = 8


@dataclass(frozen=True, slots=True)
class NumberAuthority:
    """What a certificate speaks for.

    Attributes:
        spcs: Service provider codes.
        ranges: First number and how many from there on, all of its length; a single number is a range of one.
    """

    spcs: tuple[str, ...] = ()
    ranges: tuple[tuple[str, int], ...] = ()

    def has_number(self, number: str) -> bool:
        """Tell whether a canonical number is named. A provider's code names no number: nobody can tell its numbers."""
        return number.isdecimal() and any(_has(number, *one) for one in self.ranges)

    def encompasses(self, other: "NumberAuthority") -> bool:
        """Tell whether this may be the issuer's (RFC 9060 section 4.1): it has each code and number of the other.

        An issuer with a provider's code may delegate numbers; whether they are the provider's, nobody can tell.
        """
        return set(other.spcs) <= set(self.spcs) and (bool(self.spcs) or self._has_ranges(other))

    def _has_ranges(self, other: "NumberAuthority") -> bool:
        """Whether each range of the other lies within one of ours. In one pass: a chain has room for thousands."""
        ours, place, reach = _spans(self.ranges), 0, (0, 0)
        for length, first, end in _spans(other.ranges):
            while place < len(ours) and ours[place][:2] <= (length, first):
                reach = max(reach, (ours[place][0], ours[place][2]))
                place += 1
            if reach < (length, end):
                return False
        return True


def parse_number_authority(value: bytes) -> NumberAuthority:
    """Read the value of the extension.

    Raises:
        Refused: it has another form than RFC 8226 says, or is empty.
    """
    spcs, ranges = [], []
    for tag, content in read_all(read_one(value, SEQUENCE)):
        if tag == _SPC:
            spcs.append(_matched(_CODE, text_of(_only(content), IA5_STRING)))
        elif tag == _ONE:
            ranges.append((_matched(_NUMBER, text_of(_only(content), IA5_STRING)), 1))
        elif tag == _RANGE:
            ranges.append(_range(read_one(content, SEQUENCE)))
        else:
            raise Refused(Cause.CERTIFICATE_SCOPE, "TNAuthList has an entry of an unknown kind")
    if not spcs and not ranges:
        raise Refused(Cause.CERTIFICATE_SCOPE, "TNAuthList is empty")
    return NumberAuthority(tuple(spcs), tuple(ranges))


def _only(value: bytes) -> tuple[int, bytes]:
    return IA5_STRING, read_one(value, IA5_STRING)


def _range(value: bytes) -> tuple[str, int]:
    parts = read_all(value)
    if [tag for tag, _ in parts] != [IA5_STRING, INTEGER] or not 0 < len(parts[1][1]) <= _LARGEST_COUNT_BYTES:
        raise Refused(Cause.CERTIFICATE_SCOPE, "TNAuthList has a range that is none")
    first = _matched(_NUMBER, text_of(parts[0], IA5_STRING))
    count = int.from_bytes(parts[1][1], signed=True)
    if count < _SMALLEST_RANGE or int(first) + count > 10 ** len(first):
        raise Refused(Cause.CERTIFICATE_SCOPE, "TNAuthList has a range of fewer than two numbers, or too many")
    return first, count


def _matched(form: "re.Pattern[str]", text: str) -> str:
    if not form.match(text):
        raise Refused(Cause.CERTIFICATE_SCOPE, "TNAuthList has a code or number of another form")
    return text


def _spans(ranges: tuple[tuple[str, int], ...]) -> list[tuple[int, int, int]]:
    """Length of the numbers, first one, and the one behind the last one; in order."""
    return sorted((len(first), int(first), int(first) + count) for first, count in ranges)


def _has(number: str, first: str, count: int) -> bool:
    return len(number) == len(first) and 0 <= int(number) - int(first) < count
