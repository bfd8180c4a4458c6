"""The decision id of a call, in two forms that give the same 16 bytes: a definition, and a fast form for batches.

`decision_id` is the definition, for one Python event. `identify` makes the ids of a whole batch at once. It is compiled
and hashes the texts where they stand in the records (BLAKE2b, RFC 7693), so that no object is made of a call. A test
holds the two together: change both or neither, since an id that was once given out must be found again.

The fields are those by which a worker tells calls apart (`streams.screening.seen_events`). A caller writes its call
ids: without the called number two calls of one instant would share an id, and one answer would hide the other.
"""

import hashlib
from typing import Protocol

import numpy as np

from detector.columns.arrays import Bytes, Flags, Ints, Words
from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.facts import CALL_ID, CALLED, CALLING, TRUNK, Texts

DECISION_ID_BYTES = 16
SEPARATOR = 0x1F
"""Byte between the fields that are hashed, so that ("ab", "c") and ("a", "bc") differ."""

_IV = np.array(
    [
        0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
        0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
    ],
    dtype=np.uint64,
)  # fmt: skip
_SIGMA = np.array(
    [
        (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
        (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
        (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
        (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
        (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
        (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
        (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
        (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
        (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
        (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
    ],
    dtype=np.uint64,
)
"""Order of the words of a block, by round; the last two rounds are as the first two."""
_ROUNDS = 12
_PARAMETERS = np.uint64(0x01010000 | DECISION_ID_BYTES)
"""First word of the parameter block: length of the digest, no key, fanout and depth 1."""
_BLOCK, _BLOCK_WORDS = 128, 16
_MOST_BYTES = 8 * _BLOCK
"""Longest text that is hashed here; the bounds of the event contract keep plain ones below."""
_MOST_DIGITS = 24
"""Bytes of a time and of the separators, at most."""
_ZERO, _BACKSLASH, _ASCII_END = 48, 0x5C, 0x80

_U1, _U16, _U24, _U32, _U40, _U48, _U63 = (np.uint64(bits) for bits in (1, 16, 24, 32, 40, 48, 63))
_LAST = np.uint64(0xFFFFFFFFFFFFFFFF)

Quarter = tuple[np.uint64, np.uint64, np.uint64, np.uint64]


class IdentifiedCall(Protocol):
    """The fields of a call set-up that its decision id is made of, as in `detector.contract.events.CallSetup`."""

    @property
    def call_id(self) -> str: ...  # noqa: D102 - documented where the contract stands
    @property
    def setup_time_ms(self) -> int: ...  # noqa: D102
    @property
    def calling_number(self) -> str: ...  # noqa: D102
    @property
    def called_number(self) -> str: ...  # noqa: D102
    @property
    def trunk_group_id(self) -> str: ...  # noqa: D102


def decision_id(call: IdentifiedCall) -> str:
    """Make the decision id of one call: 32 hex digits that depend on the call alone. Neither blocks nor raises.

    ATIS-1000099 allows up to 64 of `[A-Za-z0-9_-]` as the `id` of a 603+.
    """
    fields = (call.call_id, str(call.setup_time_ms), call.calling_number, call.called_number, call.trunk_group_id)
    hashed = chr(SEPARATOR).join(fields).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(hashed, digest_size=DECISION_ID_BYTES).hexdigest()


@compiled_inline
def _mix(a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64, x: np.uint64, y: np.uint64) -> Quarter:
    a = a + b + x
    d = d ^ a
    d = (d >> _U32) | (d << _U32)
    c = c + d
    b = b ^ c
    b = (b >> _U24) | (b << _U40)
    a = a + b + y
    d = d ^ a
    d = (d >> _U16) | (d << _U48)
    c = c + d
    b = b ^ c
    return a, (b >> _U63) | (b << _U1), c, d


@compiled_borrowing
def _compress(state: Words, block: Words, length: np.uint64, last: np.uint64) -> None:
    """Take one block of 16 words into the state; `length` counts the bytes up to its end."""
    v0, v1, v2, v3 = state[0], state[1], state[2], state[3]
    v4, v5, v6, v7 = state[4], state[5], state[6], state[7]
    v8, v9, v10, v11 = _IV[0], _IV[1], _IV[2], _IV[3]
    v12, v13, v14, v15 = _IV[4] ^ length, _IV[5], _IV[6] ^ last, _IV[7]
    for step in range(_ROUNDS):
        s = _SIGMA[step % len(_SIGMA)]
        v0, v4, v8, v12 = _mix(v0, v4, v8, v12, block[s[0]], block[s[1]])
        v1, v5, v9, v13 = _mix(v1, v5, v9, v13, block[s[2]], block[s[3]])
        v2, v6, v10, v14 = _mix(v2, v6, v10, v14, block[s[4]], block[s[5]])
        v3, v7, v11, v15 = _mix(v3, v7, v11, v15, block[s[6]], block[s[7]])
        v0, v5, v10, v15 = _mix(v0, v5, v10, v15, block[s[8]], block[s[9]])
        v1, v6, v11, v12 = _mix(v1, v6, v11, v12, block[s[10]], block[s[11]])
        v2, v7, v8, v13 = _mix(v2, v7, v8, v13, block[s[12]], block[s[13]])
        v3, v4, v9, v14 = _mix(v3, v4, v9, v14, block[s[14]], block[s[15]])
    mixed = (v0 ^ v8, v1 ^ v9, v2 ^ v10, v3 ^ v11, v4 ^ v12, v5 ^ v13, v6 ^ v14, v7 ^ v15)
    for word in range(len(mixed)):
        state[word] ^= mixed[word]


@compiled_borrowing
def _put(text: Bytes, at: int, data: Bytes, span: Ints) -> int:
    for position in range(span[0], span[1]):
        text[at] = data[position]
        at += 1
    text[at] = SEPARATOR
    return at + 1


@compiled_borrowing
def put_digits(text: Bytes, at: int, number: int) -> int:
    """Write a number in decimal digits.

    Args:
        text: Bytes to write to; there must be room for all digits.
        at: Where to begin.
        number: At least 0.

    Returns:
        The place behind the last digit.
    """
    digits, rest = 1, number
    while rest >= 10:  # noqa: PLR2004 - base of the digits
        rest //= 10
        digits += 1
    for place in range(at + digits - 1, at - 1, -1):
        text[place] = _ZERO + number % 10
        number //= 10
    return at + digits


@compiled_borrowing
def _is_plain(data: Bytes, spans: Ints) -> bool:
    """Whether the texts of a call stand in the record as they are: ASCII without escapes."""
    odd = False
    for field in range(len(spans)):
        for position in range(np.uint64(spans[field, 0]), np.uint64(spans[field, 1])):  # no branch: many bytes at once
            odd |= (data[position] == _BACKSLASH) | (data[position] >= _ASCII_END)
    return not odd


@compiled_borrowing
def _digest(words: Words, length: int, state: Words) -> None:
    """Hash the first `length` bytes of `words`, all zero behind them."""
    for word in range(len(_IV)):
        state[word] = _IV[word]
    state[0] ^= _PARAMETERS
    start = 0
    while length - start > _BLOCK:
        _compress(state, words[start // 8 : start // 8 + _BLOCK_WORDS], np.uint64(start + _BLOCK), np.uint64(0))
        start += _BLOCK
    _compress(state, words[start // 8 : start // 8 + _BLOCK_WORDS], np.uint64(length), _LAST)


@compiled_borrowing
def _identify(
    data: Bytes, spans: Ints, setup_ms: Ints, scratch: tuple[Bytes, Words, Words], digests: Words, plain: Flags
) -> None:
    text, words, state = scratch
    for row in range(len(spans)):
        call_id, calling, called, trunk = (
            spans[row, CALL_ID], spans[row, CALLING], spans[row, CALLED], spans[row, TRUNK]
        )  # fmt: skip
        numbers = calling[1] - calling[0] + called[1] - called[0]
        most = call_id[1] - call_id[0] + numbers + trunk[1] - trunk[0] + _MOST_DIGITS
        plain[row] = most <= _MOST_BYTES and setup_ms[row] >= 0 and _is_plain(data, spans[row])
        if not plain[row]:
            continue
        at = _put(text, 0, data, call_id)
        at = put_digits(text, at, setup_ms[row])
        text[at] = SEPARATOR
        at += 1
        at = _put(text, at, data, calling)
        at = _put(text, at, data, called)
        length = _put(text, at, data, trunk) - 1
        for position in range(length, (length + _BLOCK - 1) // _BLOCK * _BLOCK):
            text[position] = 0
        _digest(words, length, state)
        digests[row, 0], digests[row, 1] = state[0], state[1]


def identify(texts: Texts, setup_ms: Ints) -> tuple[Bytes, Flags]:
    """Make the decision ids of n calls at once. Neither blocks nor raises.

    Args:
        texts: Texts of the calls, n rows.
        setup_ms: Set-up times as the events say them, epoch milliseconds, shape (n,).

    Returns:
        The ids, shape (n, DECISION_ID_BYTES) uint8, and which of them were made, shape (n,) bool. A call that has a
        text with an escape or beyond ASCII has none here: ask `decision_id` with its event.
    """
    count = len(setup_ms)
    digests = np.zeros((count, DECISION_ID_BYTES // 8), np.uint64)
    plain = np.zeros(count, np.bool_)
    words = np.zeros(_MOST_BYTES // 8, np.uint64)
    _identify(texts.data, texts.spans, setup_ms, (words.view(np.uint8), words, np.zeros(8, np.uint64)), digests, plain)
    return digests.view(np.uint8), plain
