"""The little of ASN.1 DER that extensions of certificates need: values one after the other, each a tag and bytes."""

from detector.trust.verdict import Cause, Refused

SEQUENCE, INTEGER, UTF8_STRING, IA5_STRING = 0x30, 0x02, 0x0C, 0x16
_LONG_FORM = 0x80
_HIGH_TAG = 0x1F
_MOST_LENGTH_BYTES = 3


def read_all(data: bytes) -> list[tuple[int, bytes]]:
    """Read values that stand one after the other. Linear in the size.

    Args:
        data: Nothing but whole values.

    Returns:
        Tag and content of each.

    Raises:
        Refused: it is no DER, or has a tag of several bytes.
    """
    found, place = [], 0
    while place < len(data):
        tag, content, place = _read(data, place)
        found.append((tag, content))
    return found


def read_one(data: bytes, tag: int) -> bytes:
    """Return the content of the one value that this is.

    Raises:
        Refused: it is none, has another tag, or something stands behind it.
    """
    found = read_all(data)
    if len(found) != 1 or found[0][0] != tag:
        raise Refused(Cause.CERTIFICATE_MALFORMED, "an extension of the certificate has another form than its RFC says")
    return found[0][1]


def text_of(value: tuple[int, bytes], tag: int) -> str:
    """Return the string that a value is.

    Raises:
        Refused: it has another tag, or characters that its type has not.
    """
    try:
        if value[0] == tag:
            return value[1].decode("ascii" if tag == IA5_STRING else "utf-8")
    except UnicodeDecodeError:
        pass
    raise Refused(Cause.CERTIFICATE_MALFORMED, "an extension of the certificate has text that is none")


def _read(data: bytes, place: int) -> tuple[int, bytes, int]:
    tag, length, start = data[place], data[place + 1] if place + 1 < len(data) else _LONG_FORM, place + 2
    if length >= _LONG_FORM:
        count = length - _LONG_FORM
        size = data[start : start + count]
        length, start = int.from_bytes(size), start + count
        if not 0 < count <= _MOST_LENGTH_BYTES or len(size) < count or not size[0] or length < _LONG_FORM:
            raise Refused(Cause.CERTIFICATE_MALFORMED, "an extension of the certificate is no DER")
    if tag & _HIGH_TAG == _HIGH_TAG or start + length > len(data):
        raise Refused(Cause.CERTIFICATE_MALFORMED, "an extension of the certificate is no DER, or is cut off")
    return tag, data[start : start + length], start + length
