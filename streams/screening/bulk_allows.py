"""Decision records of calls that are simply allowed: a whole batch written into one buffer, compiled.

The odd form stands beside it (`streams.screening.single_answers`). Such a record is always the same but for what the
call brings. So what is the same is taken from the encoder once, as templates, and what the call brings is copied from
its own record, where it stands as JSON already. The bytes are those that `encode` gives for the decision.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import msgspec
import numpy as np

from detector.columns.arrays import Bytes, Flags, Ints
from detector.columns.compiled import compiled_borrowing
from detector.columns.decision_ids import DECISION_ID_BYTES, put_digits
from detector.columns.facts import CALL_ID, CALLED, CALLING, SWITCH, TRUNK
from detector.columns.lazy_sequence import LazySequence
from detector.contract.decisions import PLAIN_ALLOW, Mode, Versions, decide
from detector.contract.events import CallSetup
from detector.policy.screening import Screening
from streams.screening.decision_keys import key_fields
from streams.wire.records import DecisionRecord, encode

TEMPLATES_KEPT = 8
_CALL = CallSetup(
    call_id="<call>",
    setup_time_ms=1_111_111_111_111,
    calling_number="<calling>",
    called_number="<called>",
    trunk_group_id="<trunk>",
    switch_id="<switch>",
)
_IDENTIFIER, _SCORE, _DECIDED_MS = "<decision>", 0.123456789, 2_222_222_222_222

# What a call brings, in the order of the contract: a template has a piece before each, and one behind the last.
_BY_CALL = (
    _CALL.call_id,
    _IDENTIFIER,
    _SCORE,
    _CALL.calling_number,
    _CALL.called_number,
    _CALL.trunk_group_id,
    _CALL.switch_id,
    _CALL.setup_time_ms,
    _DECIDED_MS,
)
(
    _TO_CALL_ID,
    _TO_IDENTIFIER,
    _TO_SCORE,
    _TO_CALLING,
    _TO_CALLED,
    _TO_TRUNK,
    _TO_SWITCH,
    _TO_SETUP_MS,
    _TO_DECIDED_MS,
    _TO_END,
) = range(len(_BY_CALL) + 1)
_SHADOW, _WITH_SWITCH = 2, 1
"""Added up they number the templates."""
_START, _STOP = 0, 1
_SCORES = msgspec.json.Encoder()
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_DIGITS = 20
_MINUS, _COMMA, _END, _LINE_END = 45, 44, 93, 10


class Slices(LazySequence[bytes]):
    """Parts of one byte string, in order, some of them replaced; each is cut out when somebody asks for it.

    Args:
        whole: The bytes.
        bounds: Start and stop of each part, shape (n, 2).
        others: What stands in the place of some parts, by index.
    """

    __slots__ = ("bounds", "others", "whole")

    def __init__(self, whole: bytes, bounds: Ints, others: dict[int, bytes]) -> None:
        self.whole = whole
        self.bounds = bounds
        self.others = others

    def __len__(self) -> int:
        """Number of parts."""
        return len(self.bounds)

    def _make(self, index: int) -> bytes:
        if index in self.others:
            return self.others[index]
        start, stop = self.bounds[index].tolist()
        return self.whole[start:stop]

    def __iter__(self) -> Iterator[bytes]:
        """All of them, at the price of a list: a third of the price of one after the other."""
        whole = self.whole
        parts = [whole[start:stop] for start, stop in self.bounds.tolist()]
        for index, other in self.others.items():
            parts[index] = other
        return iter(parts)

    def beside(self, others: "Slices") -> tuple[bytes, Ints]:
        """Put them and as many others of the same whole into one byte string.

        Returns:
            The byte string; start and stop of each part in it and then of the other one, shape (n, 4).
        """
        data, bounds = [self.whole], np.concatenate((self.bounds, others.bounds), axis=1)
        at = len(self.whole)
        for column, slices in ((0, self), (2, others)):
            for index, part in slices.others.items():
                bounds[index, column], bounds[index, column + 1] = at, at + len(part)
                at += len(part)
                data.append(part)
        return b"".join(data), bounds

    def take(self, kept: list[int]) -> "Slices":
        """Pick some of the parts, by index, ascending: all that are in the whole, where `lines` is to follow."""
        others = {new: self.others[old] for new, old in enumerate(kept) if old in self.others}
        return Slices(self.whole, self.bounds[kept], others)

    def lines(self) -> bytes:
        """All parts, each with a line end, of a whole in which they stand in order with a line end behind each."""
        pieces: list[bytes] = []
        first = 0
        for index in [*sorted(self.others), len(self)]:
            if first < index:
                pieces.append(self.whole[self.bounds.item(first, 0) : self.bounds.item(index - 1, 1) + 1])
            if index < len(self):
                pieces += (self.others[index], b"\n")
            first = index + 1
        return b"".join(pieces)


def as_lines(records: Sequence[bytes]) -> bytes:
    """Join the records of a batch, each with a line end. Called by whoever writes a file."""
    return records.lines() if isinstance(records, Slices) else b"".join([record + b"\n" for record in records])


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """Records that were written at once.

    Attributes:
        data: The records in order, each with a line end behind it.
        decisions: Shape (n, 2): start and stop of the record of each call, zeros where it was not written.
        keys: Shape (n, 2): start and stop of its key, likewise.
        is_written: Shape (n,): of which calls.
    """

    data: bytes
    decisions: Ints
    keys: Ints
    is_written: Flags

    @classmethod
    def nothing(cls, calls: int) -> "Written":
        """No record of so many calls."""
        bounds = np.zeros((calls, 2), np.int64)
        return cls(b"", bounds, bounds, np.zeros(calls, np.bool_))


class _Templates(NamedTuple):
    """What is the same in all records.

    Attributes:
        text: The templates, shape (bytes,).
        pieces: Start and stop of every piece, shape (templates, pieces, 2); see `_SHADOW` and `_TO_CALL_ID`.
    """

    text: Bytes
    pieces: Ints


class _Calls(NamedTuple):
    """What the calls bring, a row each; see `streams.screening.bulk_allows.write_allows`."""

    data: Bytes
    spans: Ints
    digests: Bytes
    key_fields: Ints
    setup_ms: Ints
    decided_ms: Ints
    is_wanted: Flags
    is_shadow: Flags


@lru_cache(TEMPLATES_KEPT)
def _templates(versions: Versions) -> tuple[_Templates, int]:
    """Make the templates, and say how many bytes a record has at most besides its texts and score.

    Raises:
        ValueError: The contract has another order than this module.
    """
    text = b""
    pieces: list[list[tuple[int, int]]] = []
    for mode in (Mode.ENFORCE, Mode.SHADOW):
        for switch in (None, _CALL.switch_id):
            event = replace(_CALL, switch_id=switch)
            record = decide(event, _IDENTIFIER, PLAIN_ALLOW, _SCORE, mode, _DECIDED_MS, versions, DecisionRecord)
            found: list[tuple[int, int]] = []
            for piece in _pieces(encode(record), has_switch=switch is not None):
                found.append((len(text), len(text) + len(piece)))
                text += piece
            pieces.append(found)
    longest = max(found[-1][1] - found[0][0] for found in pieces) + 2 * DECISION_ID_BYTES + 2 * _DIGITS
    return _Templates(np.frombuffer(text, np.uint8), np.array(pieces, np.int64)), longest


def _pieces(rest: bytes, *, has_switch: bool) -> Iterator[bytes]:
    """What stands before each thing that a call brings, and behind the last."""
    for brought in _BY_CALL:
        if brought is _CALL.switch_id and not has_switch:
            yield b""  # the null stands in the piece behind it
            continue
        piece, found, rest = rest.partition(_SCORES.encode(brought).strip(b'"'))
        if not found:
            raise ValueError(f"{brought!r} is not where the records of simple allows have it: see `_BY_CALL`")
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
def _write(calls: _Calls, scores: Bytes, templates: _Templates, out: Bytes, decisions: Ints, keys: Ints) -> int:
    """Write the record of every wanted call to `out`, and where it and its key stand; returns the end."""
    at, score = 0, 1  # behind the bracket
    for row in range(len(calls.spans)):
        score_end = score
        while scores[score_end] != _COMMA and scores[score_end] != _END:
            score_end += 1
        if calls.is_wanted[row]:
            text, spans, key = templates.text, calls.spans[row], calls.key_fields[row]
            has_switch = spans[SWITCH, _START] >= 0
            piece = templates.pieces[_SHADOW * calls.is_shadow[row] + _WITH_SWITCH * has_switch]
            decisions[row, _START] = at
            for place, field in ((_TO_CALL_ID, CALL_ID), (_TO_CALLING, CALLING), (_TO_CALLED, CALLED),
                                 (_TO_TRUNK, TRUNK), (_TO_SWITCH, SWITCH)):  # fmt: skip
                at = _copy(out, at, text, piece[place, _START], piece[place, _STOP])
                start = at
                at = _copy(out, at, calls.data, spans[field, _START], spans[field, _STOP])
                if field == key:
                    keys[row, _START], keys[row, _STOP] = start, at
                if field == CALL_ID:
                    at = _copy(out, at, text, piece[_TO_IDENTIFIER, _START], piece[_TO_IDENTIFIER, _STOP])
                    at = _put_hex(out, at, calls.digests[row])
                    at = _copy(out, at, text, piece[_TO_SCORE, _START], piece[_TO_SCORE, _STOP])
                    at = _copy(out, at, scores, score, score_end)
            at = _copy(out, at, text, piece[_TO_SETUP_MS, _START], piece[_TO_SETUP_MS, _STOP])
            at = _put_number(out, at, calls.setup_ms[row])
            at = _copy(out, at, text, piece[_TO_DECIDED_MS, _START], piece[_TO_DECIDED_MS, _STOP])
            at = _put_number(out, at, calls.decided_ms[row])
            at = _copy(out, at, text, piece[_TO_END, _START], piece[_TO_END, _STOP])
            decisions[row, _STOP] = at
            out[at] = _LINE_END
            at += 1
        score = score_end + 1
    return at


def write_allows(screening: Screening, is_wanted: Flags, now_ms: int | None) -> Written:
    """Write the records of some calls that are simply allowed. Called once for each batch; linear in the bytes.

    Args:
        screening: What was decided, of calls with `texts`.
        is_wanted: Which calls, shape (n,); each is plain (`Calls.plain`) and simply allowed.
        now_ms: Time of decision, epoch milliseconds; None takes each call's own setup time.

    Raises:
        ValueError: The calls have no texts: they have to be answered one by one.
    """
    calls, texts = screening.calls, screening.calls.texts
    if texts is None:
        raise ValueError("calls without texts have to be encoded one by one")
    count = len(is_wanted)
    scores = np.frombuffer(_SCORES.encode(screening.scores.tolist()), np.uint8)
    templates, most = _templates(screening.versions)
    decided_ms = calls.reported_ms if now_ms is None else np.full(count, now_ms)
    lengths = int((texts.spans[:, :, _STOP] - texts.spans[:, :, _START]).sum())
    out = np.empty(count * (most + 1) + lengths + len(scores), np.uint8)
    decisions, keys = np.zeros((count, 2), np.int64), np.zeros((count, 2), np.int64)
    brought = _Calls(
        texts.data,
        texts.spans,
        calls.digests,
        key_fields(texts.spans),
        calls.reported_ms,
        decided_ms,
        is_wanted,
        screening.is_shadow,
    )
    end = _write(brought, scores, templates, out, decisions, keys)
    return Written(out[:end].tobytes(), decisions, keys, is_wanted)
