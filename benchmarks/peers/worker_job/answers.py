"""The job's answers to a whole batch, written into one buffer in one compiled pass: no object for any of them.

Call id and calling number are copied from the event, where they stand as JSON. Scores are the text that msgspec gives
all of them at once. Counts are written digit by digit.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.job import BLOCK_AT, N_WINDOWS
from detector.columns.arrays import Bytes, Ints
from detector.columns.compiled import compiled_borrowing
from detector.columns.decision_ids import put_digits
from detector.columns.facts import CALL_ID, CALLING
from streams.kafka.publishing.records import KEY_START, KEY_STOP, VALUE_START, VALUE_STOP, Packed

COUNTS = 5 * N_WINDOWS
_PIECES = tuple(
    np.frombuffer(text, np.uint8)
    for text in (b'{"call_id":"', b'","action":"', b"block", b"allow", b'","score":', b',"counts":[')
)
_TO_CALL_ID, _TO_ACTION, _BLOCK, _ALLOW, _TO_SCORE, _TO_COUNTS = range(len(_PIECES))
_TEXT = np.concatenate(_PIECES)
_ENDS = np.cumsum([len(piece) for piece in _PIECES])
_DIGITS = 20
_LONGEST = len(_TEXT) + COUNTS * _DIGITS
"""Bytes of an answer without its texts and its score, at most."""
_COMMA, _END, _BRACE = 44, 93, 125
_encode = msgspec.json.Encoder().encode


@compiled_borrowing
def _copy(out: Bytes, at: int, data: Bytes, start: int, stop: int) -> int:
    for position in range(start, stop):
        out[at] = data[position]
        at += 1
    return at


@compiled_borrowing
def _put(out: Bytes, at: int, piece: int) -> int:
    return _copy(out, at, _TEXT, _ENDS[piece - 1] if piece else 0, _ENDS[piece])


@compiled_borrowing
def _write(
    data: Bytes, texts: Ints, scores: NDArray[np.float64], score_text: Bytes, counts: Ints, out: Bytes, spans: Ints
) -> int:
    """Write all answers and where they and their keys stand; returns the end."""
    at, score = 0, 1  # behind the bracket
    for row in range(len(texts)):
        spans[row, KEY_START] = at
        at = _copy(out, at, data, texts[row, CALLING, 0], texts[row, CALLING, 1])
        spans[row, KEY_STOP] = spans[row, VALUE_START] = at
        at = _put(out, at, _TO_CALL_ID)
        at = _copy(out, at, data, texts[row, CALL_ID, 0], texts[row, CALL_ID, 1])
        at = _put(out, at, _TO_ACTION)
        at = _put(out, at, _BLOCK if scores[row] >= BLOCK_AT else _ALLOW)
        at = _put(out, at, _TO_SCORE)
        while score_text[score] != _COMMA and score_text[score] != _END:
            out[at] = score_text[score]
            at, score = at + 1, score + 1
        score += 1
        at = _put(out, at, _TO_COUNTS)
        for column in range(counts.shape[1]):
            at = put_digits(out, at, counts[row, column])
            out[at] = _COMMA
            at += 1
        out[at - 1] = _END
        out[at] = _BRACE
        at += 1
        spans[row, VALUE_STOP] = at
    return at


def answers(data: Bytes, texts: Ints, scores: NDArray[np.float64], counts: Ints) -> Packed:
    """Write the answers to some set-ups.

    Args:
        data: Holds the texts of the events, shape (bytes,).
        texts: Where those of each set-up stand, shape (n, texts, 2) (`detector.columns.facts.Texts`).
        scores: Of each, shape (n,).
        counts: Of each, shape (n, 20).

    Returns:
        One record for each: key is the calling number.
    """
    score_text = np.frombuffer(_encode(scores.tolist()), np.uint8)
    lengths = texts[:, (CALL_ID, CALLING), 1] - texts[:, (CALL_ID, CALLING), 0]
    out = np.empty(len(texts) * _LONGEST + int(lengths.sum()) + len(score_text), np.uint8)
    spans = np.empty((len(texts), 4), np.int64)
    end = _write(data, texts, scores, score_text, counts, out, spans)
    return Packed(out[:end].copy(), spans, {})
