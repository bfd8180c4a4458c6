"""A micro-batch of call events as columns: one numpy array per fact, made once, read by every kernel.

Text becomes keys here and nowhere else: a valid NANP number is its own key, anything else is a seeded hash.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.columns import numbering
from detector.columns.arrays import Bytes, Ints
from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.facts import (
    ABSENT,
    ANSWER_TIME,
    ATTESTATION,
    CALL_ID,
    CALLED,
    CALLING,
    END_TIME,
    FROM,
    HAS_DIVERSION,
    HAS_NAME,
    ORIGID,
    OWN_ATTESTATION,
    OWN_CAUSE,
    OWN_ORIGID,
    OWN_SIGNER,
    PRESENCE,
    ROLE,
    SETUP_TIME,
    SIGNER,
    SIP_STATUS,
    TREATMENT,
    TREATMENT_CODE,
    TRUNK,
    UPSTREAM,
    VERSTAT,
    WANTS_PRIVACY,
    Facts,
    Texts,
    facts_of,
)
from detector.columns.hashing import hash_bytes, hash_pair, hash_text, mix, same_bytes
from detector.columns.verdicts import SIGNER_SEED, VERSTAT_FAILED, VERSTAT_PASSED, signature_of, verstat_code
from detector.contract.events import CallSetup
from detector.features import window_constants

TRUNK_SALT, ORIGIN_SALT, BLOCK_SALT, CALLED_SALT, NUMBER_SALT, SETUP_SALT, END_SALT, SIGNER_SALT = range(1, 9)
"""Added to the seed, so that equal texts of different families get different keys."""
SHARED = -1
"""Partition of a key that all partitions share."""

OTHER_RELEASE, BAD_NUMBER, BUSY, NO_ANSWER, REJECTED = range(5)
"""Release classes: why a call was not answered."""
RELEASE_CLASS = {
    **dict.fromkeys((404, 484, 604), BAD_NUMBER),
    **dict.fromkeys((486, 600), BUSY),
    **dict.fromkeys((480, 408, 487), NO_ANSWER),
    **dict.fromkeys((603, 607, 608), REJECTED),
}
"""Release class of a SIP status; those that are not here are `OTHER_RELEASE`."""
_RELEASE_CLASSES = np.array([RELEASE_CLASS.get(status, OTHER_RELEASE) for status in range(700)])
_BLOCKED = TREATMENT_CODE["block"]
_SEPARATOR = 0x1F
"""Between signer and origid: keeps ("ab", "c") and ("a", "bc") apart."""


@dataclass(frozen=True, slots=True)
class CallBatch:
    """Events of one poll in order, as columns of shape (n,).

    Attributes:
        n: Number of events.
        events: The events themselves; may be lazy, an event is then made when it is first asked for.
        is_setup: True for a `call_setup`, False for a `call_end`.
        time_ms: Event time: `setup_time_ms` of a setup, `end_time_ms` of an end.
        setup_time_ms: Set-up time of the call, of both kinds; `facts.ABSENT` of an end that does not say it.
        reported_ms: The same as the event says it, which a wrong clock leaves as it is: what an answer repeats.
        partition: Partition that the event came from.
        call: Seeded hash of the call id.
        calling: Key of the calling number: digits of a NANP number, else a hash.
        called: Key of the called number, likewise.
        trunk: Key of the trunk group.
        origin: Key of signer and `origid`, by our own verdict where there is one that passed, else as the switch says;
            0 where the call carries neither, and for ends.
        calling_digits: 11 digits of a NANP calling number, else 0.
        called_digits: 11 digits of a NANP called number, else 0.
        from_digits: 11 digits of a NANP number in From that is not the calling number, else 0.
        own_signer: Hash of the provider code of the signer that we verified (`signer_key`), else 0.
        signature: What our verdict says and who signed (`detector.features.signatures`); 0 of ends.
        calling_npanxx: NPA-NXX of the calling number, -1 where not NANP.
        called_npanxx: NPA-NXX of the called number, -1 where not NANP.
        number_class: What the calling number is, `detector.columns.numbering.VALID` and following.
        attestation: 0 none, 1 A, 2 B, 3 C.
        role: Where the switch stands, `facts.ROLE_CODE`.
        verstat: 0 absent, 1 passed, 2 failed, 3 `No-TN-Validation`.
        release: Release class of an end, see `RELEASE_CLASS`.
        talk_ms: Talk time of an end, at least 0; 0 where never answered.
        measures: What the event adds to its windows, bit n is measure n of `window_constants.MEASURES`. 0 of an event
            that is counted nowhere: one that came before, and the end of a call that
            the switch blocked, since how our own answer ended it says nothing about its caller.
        call_flags: What the call shows by itself, bit n is flag n of `window_constants.CALL_FLAGS`.
        presence: Which fields a set-up has, bits `facts.HAS_DIVERSION` and following; 0 of an end.
        texts: Texts that an answer repeats, as JSON writes them; None where the batch was made of Python events.
    """

    n: int
    events: Sequence[Any]
    is_setup: NDArray[np.bool_]
    time_ms: Ints
    setup_time_ms: Ints
    reported_ms: Ints
    partition: Ints
    call: Ints
    calling: Ints
    called: Ints
    trunk: Ints
    origin: Ints
    calling_digits: Ints
    called_digits: Ints
    from_digits: Ints
    own_signer: Ints
    signature: Ints
    calling_npanxx: Ints
    called_npanxx: Ints
    number_class: Ints
    attestation: Ints
    role: Ints
    verstat: Ints
    release: Ints
    talk_ms: Ints
    measures: Ints
    call_flags: Ints
    presence: Ints
    texts: Texts | None = None


_COLUMNS = (
    "time_ms", "setup_time_ms", "calling", "called", "trunk", "origin",
    "calling_digits", "called_digits", "calling_npanxx", "called_npanxx", "number_class",
    "attestation", "verstat", "release", "talk_ms", "measures", "call_flags", "from_digits", "role", "call",
    "own_signer", "presence", "signature",
)  # fmt: skip
(
    _TIME, _SETUP_TIME, _CALLING, _CALLED, _TRUNK, _ORIGIN,
    _NUMBERS, _, _, _, _,
    _ATTESTATION, _VERSTAT, _RELEASE, _TALK, _MEASURES, _FLAGS, _FROM_DIGITS, _ROLE, _CALL, _OWN_SIGNER, _PRESENCE,
    _SIGNATURE,
) = range(len(_COLUMNS))  # fmt: skip


@compiled_borrowing
def _setup_measures(attestation: int, verstat: int, number: tuple[int, ...]) -> int:
    bits = 1 << window_constants.ATTEMPTS
    calling, called = number[2], number[3]
    if calling >= 0 and calling == called:
        bits |= 1 << window_constants.NEIGHBOUR_NXX
    if calling >= 0 and calling // 1000 == called // 1000:
        bits |= 1 << window_constants.NEIGHBOUR_NPA
    if number[4] == numbering.INVALID:
        bits |= 1 << window_constants.INVALID
    if attestation > 0:
        bits |= 1 << (window_constants.ATTESTED_A + attestation - 1)
    if verstat == VERSTAT_FAILED:
        bits |= 1 << window_constants.VERIFICATION_FAILED
    return bits


@compiled_borrowing
def _call_flags(attestation: int, verstat: int, number: tuple[int, ...]) -> int:
    bits = 0
    if attestation > 0:
        bits |= 1 << (window_constants.FLAG_ATTESTED_A + attestation - 1)
    if verstat == VERSTAT_PASSED:
        bits |= 1 << window_constants.FLAG_VERIFIED
    if verstat == VERSTAT_FAILED:
        bits |= 1 << window_constants.FLAG_FAILED
    if number[4] == numbering.INVALID:
        bits |= 1 << window_constants.FLAG_INVALID
    if number[4] == numbering.FOREIGN:
        bits |= 1 << window_constants.FLAG_FOREIGN
    if number[4] == numbering.ANONYMOUS:
        bits |= 1 << window_constants.FLAG_ANONYMOUS
    if number[0] != 0 and number[0] == number[1]:
        bits |= 1 << window_constants.FLAG_SELF_CALL
    if number[0] != 0 and numbering.is_toll_free(number[0]):
        bits |= 1 << window_constants.FLAG_TOLL_FREE
    if number[2] >= 0 and number[2] == number[3]:
        bits |= 1 << window_constants.FLAG_NEIGHBOUR
    return bits


@compiled_borrowing
def _end_measures(release: int, talk_ms: int, answered: int) -> int:
    bits = 1 << window_constants.ENDED
    if answered:
        bits |= 1 << window_constants.ANSWERED
        if talk_ms <= window_constants.SHORT_TALK_MS:
            bits |= 1 << window_constants.SHORT
        if talk_ms > window_constants.LONG_TALK_MS:
            bits |= 1 << window_constants.LONG
    elif release == BAD_NUMBER:
        bits |= 1 << window_constants.BAD_NUMBER
    elif release == BUSY:
        bits |= 1 << window_constants.BUSY
    elif release == NO_ANSWER:
        bits |= 1 << window_constants.NO_ANSWER
    elif release == REJECTED:
        bits |= 1 << window_constants.REJECTED
    return bits


@compiled_inline
def _span(spans: Ints, row: np.uint64, field: int) -> tuple[int, int]:
    return spans[row, field, 0], spans[row, field, 1]


@compiled_inline
def _presence_flags(data: Bytes, spans: Ints, row: np.uint64, presence: int) -> int:
    """Call flags that say which fields the set-up has, whatever stands in them."""
    bits = 0
    if presence & HAS_DIVERSION:
        bits |= 1 << window_constants.FLAG_DIVERTED
    if presence & WANTS_PRIVACY:
        bits |= 1 << window_constants.FLAG_ANONYMOUS
    if presence & HAS_NAME:
        bits |= 1 << window_constants.FLAG_HAS_NAME
    start, stop = _span(spans, row, FROM)
    if start != ABSENT:
        calling, calling_stop = _span(spans, row, CALLING)
        if stop - start != calling_stop - calling or not same_bytes(data, start, data, calling, stop - start):
            bits |= 1 << window_constants.FLAG_FROM_DIFFERS
    return bits


@compiled_inline
def _number(data: Bytes, span: tuple[int, int], seed: int) -> tuple[int, int, int]:
    """Key of a telephone number, its digits and its NPA-NXX."""
    digits = numbering.nanp_digits(data, span[0], span[1])
    key = digits if digits != 0 else hash_bytes(data, span[0], span[1], seed)
    return key, digits, numbering.npa_nxx(digits)


@compiled_borrowing
def _fill(is_setup: NDArray[np.bool_], data: Bytes, spans: Ints, given: Ints, seed: int, columns: Ints) -> None:
    """Fill `columns`, shape (len(_COLUMNS), n), of zeros."""
    for event in range(len(is_setup)):
        row = np.uint64(event)  # a signed index costs a test for wrap-around
        span = _span(spans, row, CALLING)
        columns[_CALLING, row], calling_digits, calling_npanxx = _number(data, span, seed)
        columns[_CALLED, row], called_digits, called_npanxx = _number(data, _span(spans, row, CALLED), seed)
        number = (
            calling_digits,
            called_digits,
            calling_npanxx,
            called_npanxx,
            numbering.classify(data, span[0], span[1]),
        )
        for i in range(len(number)):
            columns[_NUMBERS + i, row] = number[i]
        start, stop = _span(spans, row, CALL_ID)
        columns[_CALL, row] = hash_bytes(data, start, stop, seed)
        start, stop = _span(spans, row, TRUNK)
        if stop > start:
            columns[_TRUNK, row] = hash_bytes(data, start, stop, seed + TRUNK_SALT)
        columns[_SETUP_TIME, row] = given[row, SETUP_TIME]
        if is_setup[row]:
            _fill_setup(data, spans, given, number, row, seed, columns)
        else:
            _fill_end(given, row, columns)


@compiled_inline
def _fill_setup(
    data: Bytes, spans: Ints, given: Ints, number: tuple[int, ...], row: np.uint64, seed: int, columns: Ints
) -> None:
    attestation = given[row, ATTESTATION]
    verstat = verstat_code(data, spans[row, VERSTAT, 0], spans[row, VERSTAT, 1])
    own, own_origid = _span(spans, row, OWN_SIGNER), _span(spans, row, OWN_ORIGID)
    is_ours = own[1] > own[0] or own_origid[1] > own_origid[0]
    signer, origid = (own, own_origid) if is_ours else (_span(spans, row, SIGNER), _span(spans, row, ORIGID))
    if signer[1] > signer[0] or origid[1] > origid[0]:
        columns[_ORIGIN, row] = hash_pair(data, signer, _SEPARATOR, origid, seed + ORIGIN_SALT)
    if own[1] > own[0]:
        columns[_OWN_SIGNER, row] = hash_bytes(data, own[0], own[1], SIGNER_SEED)
    cause, upstream = _span(spans, row, OWN_CAUSE), _span(spans, row, UPSTREAM)
    columns[_SIGNATURE, row] = signature_of(
        data, cause, own, upstream, verstat, (given[row, OWN_ATTESTATION], attestation)
    )
    columns[_TIME, row] = given[row, SETUP_TIME]
    columns[_ATTESTATION, row] = attestation
    columns[_ROLE, row] = given[row, ROLE]
    columns[_PRESENCE, row] = given[row, PRESENCE]
    columns[_VERSTAT, row] = verstat
    columns[_MEASURES, row] = _setup_measures(attestation, verstat, number)
    flags = _call_flags(attestation, verstat, number) | _presence_flags(data, spans, row, given[row, PRESENCE])
    columns[_FLAGS, row] = flags
    if flags & (1 << window_constants.FLAG_FROM_DIFFERS):
        columns[_FROM_DIGITS, row] = numbering.nanp_digits(data, spans[row, FROM, 0], spans[row, FROM, 1])


@compiled_inline
def _fill_end(given: Ints, row: np.uint64, columns: Ints) -> None:
    status, answer_ms = given[row, SIP_STATUS], given[row, ANSWER_TIME]
    answered = answer_ms != ABSENT
    release = _RELEASE_CLASSES[np.uint64(status)] if 0 <= status < len(_RELEASE_CLASSES) else OTHER_RELEASE
    talk_ms = max(0, given[row, END_TIME] - answer_ms) if answered else 0
    columns[_TIME, row] = given[row, END_TIME]
    columns[_RELEASE, row] = release
    columns[_TALK, row] = talk_ms
    if given[row, TREATMENT] != _BLOCKED:
        columns[_MEASURES, row] = _end_measures(release, talk_ms, answered)


def build_columns(facts: Facts, events: Sequence[Any], partitions: Ints | None = None, *, seed: int) -> CallBatch:
    """Turn facts to columns. Called once for each batch, by `columns_of`; linear, never blocks or raises.

    Args:
        facts: Of the events.
        events: The events, in order of arrival; they are not looked at.
        partitions: Partition of each, shape (n,), kept as it is; None = all 0.
        seed: Seed of the hashes; the window engine must have the same.
    """
    count = len(facts.is_setup)
    columns = np.zeros((len(_COLUMNS), count), dtype=np.int64)
    _fill(facts.is_setup, facts.data, facts.spans, facts.numbers, seed, columns)
    return CallBatch(
        n=count,
        events=events,
        is_setup=facts.is_setup,
        partition=np.zeros(count, np.int64) if partitions is None else partitions,
        reported_ms=columns[_SETUP_TIME],
        texts=facts.texts,
        **dict(zip(_COLUMNS, columns, strict=True)),
    )


def build_batch(
    events: Sequence[Any], is_setup: Sequence[bool], partitions: Sequence[int] | None = None, *, seed: int
) -> CallBatch:
    """Turn Python events to columns: for training and tests; from records it is far cheaper (`streams.wire`).

    Args:
        events: `CallSetup` and `CallEnd`, or wire records with the same attributes, in order of arrival.
        is_setup: Which of them are setups.
        partitions: Partition of each; None = all 0.
        seed: Seed of the hashes; the window engine must have the same.

    Raises:
        ValueError: The sequences differ in length.
    """
    of_each = None if partitions is None else np.array(partitions, dtype=np.int64)
    return build_columns(facts_of(events, is_setup), events, of_each, seed=seed)


def key_of_number(number: str, seed: int) -> int:
    """Key of a telephone number, as columns made with that seed have it."""
    data = np.frombuffer(number.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    digits = numbering.nanp_digits(data, 0, len(data))
    return int(digits) if digits else hash_text(number, seed=seed)


@compiled_borrowing
def scoped_key(kind: int, key: int, partition: int, seed: int) -> int:
    """Key of a slot: one for each kind, key and partition.

    Args:
        kind: One of the salts, so that equal keys of different families stay apart.
        key: Of a number, a trunk group or an origin; 0 is no key and stays 0.
        partition: The one that the event came from, or `SHARED`.
        seed: Seed of the hashes.
    """
    if key == 0:
        return 0
    return mix(seed + kind, key, partition + 1)


def any_call() -> CallBatch:
    """A set-up with a one in most columns; made without the code that makes columns, which another process compiles."""
    columns: dict[str, Any] = dict.fromkeys((field.name for field in fields(CallBatch)), np.ones(1, np.int64))
    columns |= {"n": 1, "partition": np.zeros(1, np.int64), "is_setup": np.ones(1, np.bool_)}
    call = CallSetup(call_id="", setup_time_ms=0, calling_number="0", called_number="0", trunk_group_id="0")
    return CallBatch(**columns | {"events": [call]})
