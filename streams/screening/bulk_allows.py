"""Decision records of calls that are simply allowed: a whole batch written into one buffer, compiled.

Such a record is always the same but for what the call brings, so what is the same is taken from the encoder once, as
templates, and what the call brings is copied from its own record, where it stands as JSON already. The bytes are those
that `streams.wire.records.encode_decision` gives for the call's decision.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import overload

import numpy as np
from numpy.typing import NDArray

from detector.columns.compiled import compiled_borrowing
from detector.columns.decision_ids import DECISION_ID_BYTES, put_digits
from detector.columns.facts import CALL_ID, CALLED, CALLING, SWITCH, TRUNK
from detector.contract.decisions import PLAIN_ALLOW, Mode, Versions, decide
from detector.contract.events import CallSetup
from detector.policy.screening import Screening
from streams.wire.records import DecisionRecord, encode, encode_decision

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

TEMPLATES_KEPT = 8
_IDENTIFIER, _SCORE, _DECIDED_MS, _SWITCH = "<decision>", 0.123456789, 2_222_222_222_222, "<switch>"
_CALL = CallSetup(
    call_id="<call>",
    setup_time_ms=1_111_111_111_111,
    calling_number="<calling>",
    called_number="<called>",
    trunk_group_id="<trunk>",
    switch_id=_SWITCH,
)
_MARKS = (
    _CALL.call_id,
    _IDENTIFIER,
    _SCORE,
    _CALL.calling_number,
    _CALL.called_number,
    _CALL.trunk_group_id,
    _SWITCH,
    _CALL.setup_time_ms,
    _DECIDED_MS,
)
"""What stands in a template for what a call brings, in the order of the contract; versions come behind."""
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_DIGITS = 20
_MINUS, _COMMA, _END, _LINE_END = 45, 44, 93, 10


class Slices(Sequence[bytes]):
    """Parts of one byte string, in order, some of them replaced; each is cut out when somebody asks for it.

    Args:
        whole: the bytes.
        bounds: start and stop of each part, shape (n, 2).
        others: what stands in the place of some parts, by index.
    """

    __slots__ = ("_bounds", "_others", "_whole")
    __hash__ = None  # type: ignore[assignment]  # compared by content

    def __init__(self, whole: bytes, bounds: Ints, others: dict[int, bytes]) -> None:
        self._whole = whole
        self._bounds = bounds
        self._others = others

    def __len__(self) -> int:
        """Number of parts."""
        return len(self._bounds)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        """One part, or several."""
        if isinstance(index, slice):
            return list(self)[index]
        at = range(len(self))[index]
        if at in self._others:
            return self._others[at]
        start, stop = self._bounds[at].tolist()
        return self._whole[start:stop]

    def __iter__(self) -> Iterator[bytes]:
        """All of them, at the price of a list."""
        whole = self._whole
        parts = [whole[start:stop] for start, stop in self._bounds.tolist()]
        for index, other in self._others.items():
            parts[index] = other
        return iter(parts)

    def __eq__(self, other: object) -> bool:
        """Compare by content."""
        return isinstance(other, Sequence) and list(self) == list(other)

    def lines(self) -> bytes:
        """All parts, each with a line end, of a whole in which they stand in order with a line end behind each."""
        pieces: list[bytes] = []
        first = 0
        for index in [*sorted(self._others), len(self)]:
            if first < index:
                pieces.append(self._whole[self._bounds.item(first, 0) : self._bounds.item(index - 1, 1) + 1])
            if index < len(self):
                pieces += (self._others[index], b"\n")
            first = index + 1
        return b"".join(pieces)


def as_lines(records: Sequence[bytes]) -> bytes:
    """Records of a batch, each with a line end."""
    return records.lines() if isinstance(records, Slices) else b"".join([record + b"\n" for record in records])


@lru_cache(TEMPLATES_KEPT)
def _templates(versions: Versions) -> tuple[Bytes, Ints, int]:
    """What is the same in all records, the bounds of its pieces, and most bytes of a record besides texts and score.

    The bounds have shape (4, 10, 2). The first index is 2 where the call is decided in shadow, and 1 more where it has
    a switch.
    """
    whole = b""
    bounds: list[list[tuple[int, int]]] = []
    for mode in (Mode.ENFORCE, Mode.SHADOW):
        for switch in (None, _SWITCH):
            event = replace(_CALL, switch_id=switch)
            record = decide(event, _IDENTIFIER, PLAIN_ALLOW, _SCORE, mode, _DECIDED_MS, versions, DecisionRecord)
            pieces: list[tuple[int, int]] = []
            for piece in _pieces(encode_decision(record), has_switch=switch is not None):
                pieces.append((len(whole), len(whole) + len(piece)))
                whole += piece
            bounds.append(pieces)
    longest = max(pieces[-1][1] - pieces[0][0] for pieces in bounds)
    return np.frombuffer(whole, np.uint8), np.array(bounds, np.int64), longest + 2 * DECISION_ID_BYTES + 2 * _DIGITS


def _pieces(rest: bytes, *, has_switch: bool) -> Iterator[bytes]:
    """What stands before each mark, and behind the last."""
    for mark in _MARKS:
        if mark is _SWITCH and not has_switch:
            yield b""  # the null stands in the piece behind it
            continue
        piece, _, rest = rest.partition(encode(mark).strip(b'"'))
        yield piece
    yield rest


@compiled_borrowing
def _copy(out: Bytes, at: int, data: Bytes, start: int, stop: int) -> int:
    to = np.uint64(at)
    for position in range(np.uint64(start), np.uint64(stop)):
        out[to] = data[position]
        to += np.uint64(1)
    return at + stop - start


@compiled_borrowing
def _put_hex(out: Bytes, at: int, digest: Bytes) -> int:
    for position in range(len(digest)):
        out[at + 2 * position] = _HEX[digest[position] >> 4]
        out[at + 2 * position + 1] = _HEX[digest[position] & 15]
    return at + 2 * len(digest)


@compiled_borrowing
def _put_number(out: Bytes, at: int, number: int) -> int:
    if number < 0:
        out[at] = _MINUS
        at, number = at + 1, -number
    return put_digits(out, at, number)


@compiled_borrowing
def _write(
    calls: tuple[Bytes, Ints, Bytes, NDArray[np.bool_], NDArray[np.bool_]],
    times_ms: tuple[Ints, Ints],
    scores: Bytes,
    templates: tuple[Bytes, Ints],
    out: Bytes,
    bounds: Ints,
) -> int:
    """Write the record of every wanted call to `out`, and where it and its key stand to `bounds`; returns the end."""
    data, spans, digests, is_wanted, is_shadow = calls
    pieces, piece_bounds = templates
    at, score = 0, 1  # behind the bracket
    for row in range(len(spans)):
        score_end = score
        while scores[score_end] != _COMMA and scores[score_end] != _END:
            score_end += 1
        if is_wanted[row]:
            has_switch = spans[row, SWITCH, 0] >= 0
            piece = piece_bounds[2 * is_shadow[row] + has_switch]
            bounds[row, 0] = at
            at = _copy(out, at, pieces, piece[0, 0], piece[0, 1])
            call_id = at
            at = _copy(out, at, data, spans[row, CALL_ID, 0], spans[row, CALL_ID, 1])
            bounds[row, 2], bounds[row, 3] = call_id, at
            at = _put_hex(out, _copy(out, at, pieces, piece[1, 0], piece[1, 1]), digests[row])
            at = _copy(out, at, pieces, piece[2, 0], piece[2, 1])
            at = _copy(out, at, scores, score, score_end)
            for place, name in ((3, CALLING), (4, CALLED), (5, TRUNK), (6, SWITCH)):
                at = _copy(out, at, pieces, piece[place, 0], piece[place, 1])
                start = at
                at = _copy(out, at, data, spans[row, name, 0], spans[row, name, 1])
                if name == SWITCH and at > start:
                    bounds[row, 2], bounds[row, 3] = start, at
            at = _put_number(out, _copy(out, at, pieces, piece[7, 0], piece[7, 1]), times_ms[0][row])
            at = _put_number(out, _copy(out, at, pieces, piece[8, 0], piece[8, 1]), times_ms[1][row])
            at = _copy(out, at, pieces, piece[9, 0], piece[9, 1])
            bounds[row, 1] = at
            out[at] = _LINE_END
            at += 1
        score = score_end + 1
    return at


def write_allows(screening: Screening, is_wanted: NDArray[np.bool_], now_ms: int | None) -> tuple[bytes, Ints]:
    """Write the records of some calls that are simply allowed.

    Args:
        screening: what was decided, of calls with `texts`.
        is_wanted: which calls, shape (n,); each is plain (`Calls.plain`) and simply allowed.
        now_ms: time of decision, epoch milliseconds; None takes each call's own setup time.

    Returns:
        The records, each with a line end behind it, and where each record and its key stand in them, shape (n, 4);
        zeros where it is not wanted.
    """
    calls, texts = screening.calls, screening.calls.texts
    if texts is None:
        raise ValueError("calls without texts have to be encoded one by one")
    scores = np.frombuffer(encode(screening.scores.tolist()), np.uint8)
    pieces, piece_bounds, most = _templates(screening.versions)
    decided_ms = calls.reported_ms if now_ms is None else np.full(len(calls), now_ms)
    lengths = (texts.spans[:, :, 1] - texts.spans[:, :, 0]).sum()
    out = np.empty(len(calls) * (most + 1) + int(lengths) + len(scores), np.uint8)
    bounds = np.zeros((len(calls), 4), np.int64)
    columns = (texts.data, texts.spans, calls.digests, is_wanted, screening.is_shadow)
    end = _write(columns, (calls.reported_ms, decided_ms), scores, (pieces, piece_bounds), out, bounds)
    return out[:end].tobytes(), bounds
