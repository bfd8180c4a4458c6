"""What a batch of events says, before it is looked at: texts as spans of one buffer, everything else as integers.

Two makers fill it, from Python events here and from record bytes in `streams.wire.scan`;
`detector.columns.call_columns` reads it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Bytes, Ints
from detector.contract.events import Role, Treatment

TEXT_FIELDS = ("call_id", "calling_number", "called_number", "trunk_group_id", "switch_id")
"""Texts that an answer repeats."""
SPAN_FIELDS = (
    *TEXT_FIELDS, "from_number", "verstat", "signer_spc", "origid", "own_signer_spc", "own_cause", "upstream_ocn",
    "own_origid",
)  # fmt: skip
(
    CALL_ID, CALLING, CALLED, TRUNK, SWITCH, FROM, VERSTAT, SIGNER, ORIGID, OWN_SIGNER, OWN_CAUSE, UPSTREAM,
    OWN_ORIGID,
) = range(len(SPAN_FIELDS))  # fmt: skip

NUMBER_FIELDS = (
    "setup_time_ms", "end_time_ms", "answer_time_ms", "sip_status", "attestation", "presence", "treatment", "role",
    "own_attestation",
)  # fmt: skip
SETUP_TIME, END_TIME, ANSWER_TIME, SIP_STATUS, ATTESTATION, PRESENCE, TREATMENT, ROLE, OWN_ATTESTATION = range(
    len(NUMBER_FIELDS)
)

HAS_DIVERSION, WANTS_PRIVACY, HAS_NAME, HAS_PRIORITY, HAS_OWN_NAMES = 1, 2, 4, 8, 16
"""Bits of `presence`: a call setup has the field, or one of the fields, and it is not empty."""
PRESENCE_BITS = {
    "diversion": HAS_DIVERSION,
    "privacy": WANTS_PRIVACY,
    "calling_name": HAS_NAME,
    "priority": HAS_PRIORITY,
    "resource_priority": HAS_PRIORITY,
    "own_priority": HAS_PRIORITY,
    "own_names": HAS_OWN_NAMES,
}

ABSENT = -1
ATTESTATION_CODE = {None: 0, "A": 1, "B": 2, "C": 3}
TREATMENT_CODE = {None: 0} | {str(treatment): code for code, treatment in enumerate(Treatment, 1)}
ROLE_CODE = {None: 0} | {str(role): code for code, role in enumerate(Role, 1)}
CHOICE_CODES: dict[str, dict[Any, int]] = {
    "attestation": ATTESTATION_CODE,
    "own_attestation": ATTESTATION_CODE,
    "treatment": TREATMENT_CODE,
    "role": ROLE_CODE,
}
"""Codes of the fields of fixed texts that are numbers here."""


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
            a `call_setup`, nor does `treatment` (see `TREATMENT_CODE`); both attestations (see `ATTESTATION_CODE`),
            `role` (see `ROLE_CODE`) and `presence` mean nothing of a `call_end`. `answer_time_ms` is `ABSENT` where
            never answered, `setup_time_ms` where an end does not say it.
        texts: As JSON writes them; None where nobody asked.
    """

    is_setup: NDArray[np.bool_]
    data: Bytes
    spans: Ints
    numbers: Ints
    texts: Texts | None = None

    def take(self, rows: Sequence[int] | Ints) -> "Facts":
        """Facts of some events, in the order of `rows`, shape (k,); the bytes are shared."""
        at = np.array(rows, dtype=np.int64)
        texts = None if self.texts is None else replace(self.texts, spans=self.texts.spans[at])
        return replace(self, is_setup=self.is_setup[at], spans=self.spans[at], numbers=self.numbers[at], texts=texts)


def put(facts: Facts, rows: Ints | Sequence[int], others: Facts) -> Facts:
    """Write other facts over some rows, in place; the result has the bytes of both, and replaces both.

    Args:
        facts: With texts.
        rows: Where to write, shape (k,).
        others: One for each of the rows, in the same order, with texts.

    Raises:
        ValueError: One of them has no texts.
    """
    mine, theirs = facts.texts, others.texts
    if mine is None or theirs is None:
        raise ValueError("both need texts: see texts_of")
    data, more = _joined([(facts.data, facts.spans[:0]), (others.data, others.spans)])
    written, more_written = _joined([(mine.data, mine.spans[:0]), (theirs.data, theirs.spans)])
    facts.is_setup[rows] = others.is_setup
    facts.spans[rows] = more
    facts.numbers[rows] = others.numbers
    mine.spans[rows] = more_written
    return replace(facts, data=data, texts=Texts(written, mine.spans))


def concatenate(parts: Sequence[Facts]) -> Facts:
    """Join the facts of several batches, one behind the other; bytes are copied.

    Args:
        parts: At least one. The result has texts if all of them have.
    """
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


_SETUP = attrgetter(*SPAN_FIELDS, "setup_time_ms", "attestation", "role", "own_attestation", *PRESENCE_BITS)
_END = attrgetter(*TEXT_FIELDS, "setup_time_ms", "end_time_ms", "answer_time_ms", "sip_status", "treatment")
_ONLY_SETUP = (None,) * (len(SPAN_FIELDS) - len(TEXT_FIELDS))
_BITS = tuple(PRESENCE_BITS.values())
_NEEDS_ESCAPE = np.zeros(256, dtype=np.bool_)
_NEEDS_ESCAPE[[*range(0x20), ord('"'), ord("\\")]] = True


def _join_texts(texts: Sequence[str | None]) -> tuple[Bytes, Ints]:
    """Join texts to one UTF-8 buffer; returns it with the span of each, shape (n, 2), `ABSENT` for None."""
    joined = "".join(filter(None, texts)).encode("utf-8", "surrogatepass")
    sizes = np.array([ABSENT if text is None else len(text) for text in texts], dtype=np.int64)
    if int(np.maximum(sizes, 0).sum()) != len(joined):
        encoded = (ABSENT if text is None else len(text.encode("utf-8", "surrogatepass")) for text in texts)
        sizes = np.fromiter(encoded, np.int64, len(texts))
    stops = np.maximum(sizes, 0).cumsum()
    spans = np.stack((stops - sizes, stops), axis=1)
    spans[sizes == ABSENT] = ABSENT
    return np.frombuffer(joined, dtype=np.uint8), spans


def _read_setup(event: Any, texts: list[str | None], numbers: list[int]) -> None:
    found = _SETUP(event)
    setup_time_ms, attestation, role, own, *values = found[len(SPAN_FIELDS) :]
    texts += found[: len(SPAN_FIELDS)]
    presence = 0
    for value, bit in zip(values, _BITS, strict=True):
        if value:
            presence |= bit
    numbers += (setup_time_ms, 0, ABSENT, 0, ATTESTATION_CODE[attestation], presence, 0, ROLE_CODE[role])
    numbers.append(ATTESTATION_CODE[own])


def _read_end(event: Any, texts: list[str | None], numbers: list[int]) -> None:
    found = _END(event)
    *times_ms, sip_status, treatment = found[len(TEXT_FIELDS) :]
    texts += found[: len(TEXT_FIELDS)] + _ONLY_SETUP
    numbers += (ABSENT if time_ms is None else time_ms for time_ms in times_ms)
    numbers += (sip_status, 0, 0, TREATMENT_CODE[treatment], 0, 0)


def facts_of(events: Sequence[Any], is_setup: Sequence[bool]) -> Facts:
    """Facts of Python events, without `texts`: see `texts_of`.

    Args:
        events: `CallSetup` and `CallEnd`, or wire records with the same attributes, in order of arrival.
        is_setup: Which of them are setups.

    Raises:
        ValueError: The sequences differ in length.
    """
    texts: list[str | None] = []
    numbers: list[int] = []
    for event, setup in zip(events, is_setup, strict=True):
        (_read_setup if setup else _read_end)(event, texts, numbers)
    data, spans = _join_texts(texts)
    return Facts(
        np.array(is_setup, dtype=np.bool_),
        data,
        spans.reshape(len(events), len(SPAN_FIELDS), 2),
        np.array(numbers, dtype=np.int64).reshape(len(events), len(NUMBER_FIELDS)),
    )


def texts_of(facts: Facts, as_json: Callable[[str], bytes]) -> Facts:
    """The same facts with `texts`, so that answers can repeat them. The bytes are shared where no text needs an escape.

    Args:
        facts: Of any events.
        as_json: Writes one text as a JSON string in UTF-8, with its quotes; asked for texts that need an escape only.
    """
    spans = facts.spans[:, : len(TEXT_FIELDS)].copy()
    escapes = np.concatenate(([0], _NEEDS_ESCAPE[facts.data].cumsum()))
    needed = np.argwhere(escapes[spans[..., 1]] > escapes[spans[..., 0]]).tolist()  # an absent one has none
    if not needed:
        return replace(facts, texts=Texts(facts.data, spans))
    data = facts.data.tobytes()
    pieces, end = [data], len(data)
    for row, name in needed:
        start, stop = spans[row, name].tolist()
        pieces.append(as_json(data[start:stop].decode("utf-8", "surrogatepass"))[1:-1])
        spans[row, name] = end, end + len(pieces[-1])
        end += len(pieces[-1])
    return replace(facts, texts=Texts(np.frombuffer(b"".join(pieces), dtype=np.uint8), spans))
