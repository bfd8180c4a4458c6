"""What a batch of events says, before it is looked at: texts as spans of one buffer, everything else as integers.

Two makers fill it, from Python events here and from record bytes in `streams.scan`; `detector.columns` reads it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

TEXT_FIELDS = ("call_id", "calling_number", "called_number", "trunk_group_id", "switch_id")
"""Texts that an answer repeats."""
SPAN_FIELDS = (*TEXT_FIELDS, "from_number", "verstat", "signer_spc", "origid")
CALL_ID, CALLING, CALLED, TRUNK, SWITCH, FROM, VERSTAT, SIGNER, ORIGID = range(len(SPAN_FIELDS))

NUMBER_FIELDS = ("setup_time_ms", "end_time_ms", "answer_time_ms", "sip_status", "attestation", "signs")
SETUP_TIME, END_TIME, ANSWER_TIME, SIP_STATUS, ATTESTATION, SIGNS = range(len(NUMBER_FIELDS))

DIVERTED, PRIVATE, NAMED, PRIORITY = 1, 2, 4, 8
"""Bits of `signs`: the field, or one of the fields, is there and not empty."""
SIGN_FIELDS = {
    "diversion": DIVERTED,
    "privacy": PRIVATE,
    "calling_name": NAMED,
    "priority": PRIORITY,
    "resource_priority": PRIORITY,
}

ABSENT = -1
ATTESTATION_CODE = {None: 0, "A": 1, "B": 2, "C": 3}


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of a batch as JSON writes them.

    Attributes:
        data: Shape (bytes,) uint8, read-only.
        spans: Shape (n, len(TEXT_FIELDS), 2) int64, contiguous: start and stop in `data` of what stands between the
            quotes when the text is written as compact JSON in UTF-8; `ABSENT` twice where there is none, or null.
    """

    data: Bytes
    spans: Ints


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of n events in order.

    Attributes:
        is_setup: Shape (n,).
        data: Shape (bytes,) uint8, read-only: the text that `spans` point to.
        spans: Shape (n, len(SPAN_FIELDS), 2) int64: start and stop of each text, UTF-8 without quotes and escapes;
            `ABSENT` twice where there is none. Fields that only a `call_setup` has mean nothing of a `call_end`.
        numbers: Shape (n, len(NUMBER_FIELDS)) int64. `end_time_ms`, `answer_time_ms` and `sip_status` mean nothing of
            a `call_setup`, `attestation` (see `ATTESTATION_CODE`) and `signs` nothing of a `call_end`;
            `answer_time_ms` is `ABSENT` where never answered.
        texts: As JSON writes them; None where nobody asked.
    """

    is_setup: NDArray[np.bool_]
    data: Bytes
    spans: Ints
    numbers: Ints
    texts: Texts | None = None

    def take(self, rows: Sequence[int] | Ints) -> "Facts":
        """Facts of some events; the bytes are shared."""
        at = np.array(rows, dtype=np.int64)
        texts = None if self.texts is None else replace(self.texts, spans=self.texts.spans[at])
        return replace(self, is_setup=self.is_setup[at], spans=self.spans[at], numbers=self.numbers[at], texts=texts)


def concatenate(parts: Sequence[Facts]) -> Facts:
    """The facts of several batches, one behind the other; their texts too, if all of them, one or more, have them."""
    data, spans = _joined([(part.data, part.spans) for part in parts])
    texts = [part.texts for part in parts if part.texts is not None]
    return Facts(
        np.concatenate([part.is_setup for part in parts]),
        data,
        spans,
        np.concatenate([part.numbers for part in parts]),
        Texts(*_joined([(one.data, one.spans) for one in texts])) if len(texts) == len(parts) else None,
    )


def _joined(parts: Sequence[tuple[Bytes, Ints]]) -> tuple[Bytes, Ints]:
    moved: list[Ints] = []
    start = 0
    for data, spans in parts:
        moved.append(np.where(spans == ABSENT, ABSENT, spans + start))
        start += len(data)
    joined = np.concatenate([data for data, _ in parts])
    joined.setflags(write=False)  # as all text is: what is compiled for it is compiled for one type
    return joined, np.concatenate(moved)


_SETUP_TEXTS = attrgetter(*SPAN_FIELDS)
_END_TEXTS = attrgetter(*TEXT_FIELDS)
_ONLY_SETUP = (None,) * (len(SPAN_FIELDS) - len(TEXT_FIELDS))


def join_texts(texts: Sequence[str | None]) -> tuple[Bytes, Ints]:
    """Join texts to one UTF-8 buffer; returns it with the span of each, shape (n, 2), `ABSENT` for None."""
    present = [text or "" for text in texts]
    joined = "".join(present).encode("utf-8", "surrogatepass")
    lengths = list(map(len, present))
    if sum(lengths) != len(joined):
        lengths = [len(text.encode("utf-8", "surrogatepass")) for text in present]
    spans = np.empty((len(texts), 2), dtype=np.int64)
    np.cumsum(lengths, out=spans[:, 1])
    spans[:, 0] = spans[:, 1] - lengths
    spans[[text is None for text in texts]] = ABSENT
    return np.frombuffer(joined, dtype=np.uint8), spans


def _texts_of(event: Any, is_setup: bool) -> tuple[str | None, ...]:
    found: tuple[str | None, ...] = _SETUP_TEXTS(event) if is_setup else _END_TEXTS(event) + _ONLY_SETUP
    return found


def _numbers_of(event: Any, is_setup: bool) -> tuple[int, ...]:
    if is_setup:
        signs = 0
        for name, sign in SIGN_FIELDS.items():
            if getattr(event, name):
                signs |= sign
        return event.setup_time_ms, 0, ABSENT, 0, ATTESTATION_CODE[event.attestation], signs
    answered = event.answer_time_ms
    return event.setup_time_ms, event.end_time_ms, ABSENT if answered is None else answered, event.sip_status, 0, 0


def facts_of(events: Sequence[Any], is_setup: Sequence[bool]) -> Facts:
    """Facts of Python events: `CallSetup` and `CallEnd`, or wire records with the same attributes.

    Raises:
        ValueError: The sequences differ in length.
    """
    pairs = list(zip(events, is_setup, strict=True))
    data, spans = join_texts(list(chain.from_iterable(_texts_of(event, setup) for event, setup in pairs)))
    numbers = [_numbers_of(event, setup) for event, setup in pairs]
    return Facts(
        np.array(is_setup, dtype=np.bool_),
        data,
        spans.reshape(len(pairs), len(SPAN_FIELDS), 2),
        np.array(numbers, dtype=np.int64).reshape(len(pairs), len(NUMBER_FIELDS)),
    )


def texts_of(facts: Facts, as_json: Callable[[str], bytes]) -> Facts:
    """The same facts with `texts`, each rewritten by `as_json`, which gives a JSON string with its quotes."""
    written: list[bytes] = []
    spans = np.full((len(facts.spans), len(TEXT_FIELDS), 2), ABSENT, dtype=np.int64)
    end = 0
    data = facts.data.tobytes()
    for row, name in zip(*np.nonzero(facts.spans[:, : len(TEXT_FIELDS), 0] != ABSENT), strict=True):
        start, stop = facts.spans[row, name].tolist()
        inside = as_json(data[start:stop].decode("utf-8", "surrogatepass"))[1:-1]
        spans[row, name] = end, end + len(inside)
        end += len(inside)
        written.append(inside)
    return replace(facts, texts=Texts(np.frombuffer(b"".join(written), dtype=np.uint8), spans))
