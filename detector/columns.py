"""A micro-batch of call events as columns: one numpy array per fact, made once, read by every kernel.

Text becomes keys here and nowhere else: a valid NANP number is its own key, anything else is a seeded hash.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector import measures as spec
from detector import numbering
from detector.compiled import compiled
from detector.hashing import hash_bytes, mix

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

TRUNK_SALT, ORIGIN_SALT, BLOCK_SALT, CALLED_SALT = 1, 2, 3, 4
SHARED = -1
"""Partition of a key that all partitions share."""

ATTESTATION_CODE = {None: 0, "A": 1, "B": 2, "C": 3}
VERSTAT_ABSENT, VERSTAT_PASSED, VERSTAT_FAILED, VERSTAT_NONE = 0, 1, 2, 3
RELEASE_CLASS = {
    404: 1, 484: 1, 604: 1,
    486: 2, 600: 2,
    480: 3, 408: 3, 487: 3,
    603: 4, 607: 4, 608: 4,
}  # fmt: skip
"""SIP status to release class: 0 other, 1 bad number, 2 busy, 3 no answer, 4 rejected."""


@dataclass(frozen=True, slots=True)
class CallBatch:
    """Events of one poll in order, as columns of shape (n,).

    Attributes:
        n: Number of events.
        events: The events themselves.
        is_setup: True for a `call_setup`, False for a `call_end`.
        time_ms: Event time: `setup_time_ms` of a setup, `end_time_ms` of an end.
        setup_time_ms: Set-up time of the call, of both kinds.
        partition: Partition that the event came from.
        calling: Key of the calling number: digits of a NANP number, else a hash.
        called: Key of the called number, likewise.
        trunk: Key of the trunk group.
        origin: Key of signer and `origid`; 0 where the call carries neither, and for ends.
        calling_digits: 11 digits of a NANP calling number, else 0.
        called_digits: 11 digits of a NANP called number, else 0.
        calling_npanxx: NPA-NXX of the calling number, -1 where not NANP.
        called_npanxx: NPA-NXX of the called number, -1 where not NANP.
        number_class: What the calling number is, `detector.numbering.VALID` and following.
        attestation: 0 none, 1 A, 2 B, 3 C.
        verstat: 0 absent, 1 passed, 2 failed, 3 `No-TN-Validation`.
        release: Release class of an end, see `RELEASE_CLASS`.
        talk_ms: Talk time of an end, at least 0; 0 where never answered.
        measures: What the event adds to its windows, bits of `detector.measures.Measure`.
        call_flags: What the call shows by itself, bits of `detector.measures.CallFlag`.
    """

    n: int
    events: Sequence[Any]
    is_setup: NDArray[np.bool_]
    time_ms: Ints
    setup_time_ms: Ints
    partition: Ints
    calling: Ints
    called: Ints
    trunk: Ints
    origin: Ints
    calling_digits: Ints
    called_digits: Ints
    calling_npanxx: Ints
    called_npanxx: Ints
    number_class: Ints
    attestation: Ints
    verstat: Ints
    release: Ints
    talk_ms: Ints
    measures: Ints
    call_flags: Ints


def _text_column(texts: list[str]) -> tuple[Bytes, Ints]:
    """Join `texts` to one utf-8 buffer; returns it with the (n + 1,) offsets."""
    joined = "".join(texts).encode("utf-8", "surrogatepass")
    lengths = list(map(len, texts))
    if sum(lengths) != len(joined):
        lengths = [len(text.encode("utf-8", "surrogatepass")) for text in texts]
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(np.array(lengths, dtype=np.int64), out=offsets[1:])
    return np.frombuffer(joined, dtype=np.uint8), offsets


@compiled
def _number_columns(
    data: Bytes, offsets: Ints, seed: int, keys: Ints, digits: Ints, npanxx: Ints, classes: Ints
) -> None:
    for row in range(len(keys)):
        start, stop = offsets[row], offsets[row + 1]
        digits[row] = numbering.nanp_digits(data, start, stop)
        npanxx[row] = numbering.npa_nxx(digits[row])
        classes[row] = numbering.classify(data, start, stop)
        keys[row] = digits[row] if digits[row] != 0 else hash_bytes(data, start, stop, seed)


@compiled
def _hash_column(data: Bytes, offsets: Ints, seed: int, keys: Ints) -> None:
    for row in range(len(keys)):
        if offsets[row + 1] > offsets[row]:
            keys[row] = hash_bytes(data, offsets[row], offsets[row + 1], seed)


@compiled
def _complete(
    is_setup: NDArray[np.bool_], facts: Ints, numbers: Ints, answered: Ints, measures: Ints, flags: Ints
) -> None:
    """Fill measures and call flags. `numbers` rows: digits x 2, npanxx x 2, class; `facts`: see there."""
    for row in range(len(measures)):
        if is_setup[row]:
            measures[row] = _setup_measures(facts[0, row], facts[1, row], numbers[:, row])
            flags[row] |= _call_flags(facts[0, row], facts[1, row], numbers[:, row])
        else:
            measures[row] = _end_measures(facts[2, row], facts[3, row], answered[row])


@compiled
def _setup_measures(attestation: int, verstat: int, number: Ints) -> int:
    bits = 1 << spec.ATTEMPTS
    calling, called = number[2], number[3]
    if calling >= 0 and calling == called:
        bits |= 1 << spec.NEIGHBOUR_NXX
    if calling >= 0 and calling // 1000 == called // 1000:
        bits |= 1 << spec.NEIGHBOUR_NPA
    if number[4] == numbering.IMPOSSIBLE:
        bits |= 1 << spec.INVALID
    if attestation > 0:
        bits |= 1 << (spec.ATTESTED_A + attestation - 1)
    if verstat == VERSTAT_FAILED:
        bits |= 1 << spec.VERIFICATION_FAILED
    return bits


@compiled
def _call_flags(attestation: int, verstat: int, number: Ints) -> int:
    bits = 0
    if attestation > 0:
        bits |= 1 << (spec.FLAG_ATTESTED_A + attestation - 1)
    if verstat == VERSTAT_PASSED:
        bits |= 1 << spec.FLAG_VERIFIED
    if verstat == VERSTAT_FAILED:
        bits |= 1 << spec.FLAG_FAILED
    if number[4] == numbering.IMPOSSIBLE:
        bits |= 1 << spec.FLAG_INVALID
    if number[4] == numbering.FOREIGN:
        bits |= 1 << spec.FLAG_FOREIGN
    if number[4] == numbering.ANONYMOUS:
        bits |= 1 << spec.FLAG_ANONYMOUS
    if number[0] != 0 and number[0] == number[1]:
        bits |= 1 << spec.FLAG_SELF_CALL
    if number[0] != 0 and numbering.is_toll_free(number[0]):
        bits |= 1 << spec.FLAG_TOLL_FREE
    if number[2] >= 0 and number[2] == number[3]:
        bits |= 1 << spec.FLAG_NEIGHBOUR
    return bits


@compiled
def _end_measures(release: int, talk_ms: int, answered: int) -> int:
    bits = 1 << spec.ENDED
    if answered:
        bits |= 1 << spec.ANSWERED
        if talk_ms <= spec.SHORT_TALK_MS:
            bits |= 1 << spec.SHORT
        if talk_ms > spec.LONG_TALK_MS:
            bits |= 1 << spec.LONG
    elif release == 1:
        bits |= 1 << spec.BAD_NUMBER
    elif release == 2:  # noqa: PLR2004 - classes of RELEASE_CLASS
        bits |= 1 << spec.BUSY
    elif release == 3:  # noqa: PLR2004
        bits |= 1 << spec.NO_ANSWER
    elif release == 4:  # noqa: PLR2004
        bits |= 1 << spec.REJECTED
    return bits


def _verstat_code(verstat: str | None) -> int:
    if verstat is None:
        return VERSTAT_ABSENT
    if verstat.startswith("TN-Validation-Passed"):
        return VERSTAT_PASSED
    return VERSTAT_FAILED if verstat.startswith("TN-Validation-Failed") else VERSTAT_NONE


def _own_flags(event: Any) -> int:
    """Call flags that are presence of a field, not a number."""
    bits = 0
    if event.diversion:
        bits |= 1 << spec.FLAG_DIVERTED
    if event.privacy:
        bits |= 1 << spec.FLAG_ANONYMOUS
    if event.from_number is not None and event.from_number != event.calling_number:
        bits |= 1 << spec.FLAG_FROM_DIFFERS
    if event.calling_name:
        bits |= 1 << spec.FLAG_HAS_NAME
    return bits


_SETUP_FACTS = attrgetter("setup_time_ms", "attestation", "verstat", "signer_spc", "origid")
_END_FACTS = attrgetter("end_time_ms", "setup_time_ms", "sip_status", "answer_time_ms")


@dataclass(slots=True)
class _Facts:
    """Rows of plain Python values, before they become arrays."""

    time_ms: list[int]
    setup_time_ms: list[int]
    attestation: list[int]
    verstat: list[int]
    release: list[int]
    talk_ms: list[int]
    answered: list[int]
    call_flags: list[int]
    origin: list[str]

    def add_setup(self, event: Any) -> None:
        setup_time_ms, attestation, verstat, signer, origid = _SETUP_FACTS(event)
        self._add(setup_time_ms, setup_time_ms, ATTESTATION_CODE[attestation], _verstat_code(verstat), 0, 0, 0)
        self.call_flags.append(_own_flags(event))
        # The separator keeps ("ab", "c") and ("a", "bc") apart.
        self.origin.append(f"{signer or ''}\x1f{origid or ''}" if signer or origid else "")

    def add_end(self, event: Any) -> None:
        end_time_ms, setup_time_ms, sip_status, answer_time_ms = _END_FACTS(event)
        answered = answer_time_ms is not None
        talk_ms = max(0, end_time_ms - answer_time_ms) if answered else 0
        self._add(end_time_ms, setup_time_ms, 0, 0, RELEASE_CLASS.get(sip_status, 0), talk_ms, int(answered))
        self.call_flags.append(0)
        self.origin.append("")

    def _add(
        self, time: int, setup: int, attestation: int, verstat: int, release: int, talk: int, answered: int
    ) -> None:
        self.time_ms.append(time)
        self.setup_time_ms.append(setup)
        self.attestation.append(attestation)
        self.verstat.append(verstat)
        self.release.append(release)
        self.talk_ms.append(talk)
        self.answered.append(answered)


def _collect(events: Sequence[Any], is_setup: Sequence[bool]) -> _Facts:
    facts = _Facts([], [], [], [], [], [], [], [], [])
    add_setup: Callable[[Any], None] = facts.add_setup
    add_end: Callable[[Any], None] = facts.add_end
    for event, setup in zip(events, is_setup, strict=True):
        (add_setup if setup else add_end)(event)
    return facts


def _read_numbers(texts: list[str], seed: int) -> tuple[Ints, Ints, Ints, Ints]:
    keys, digits, npanxx, classes = np.zeros((4, len(texts)), dtype=np.int64)
    _number_columns(*_text_column(texts), seed, keys, digits, npanxx, classes)
    return keys, digits, npanxx, classes


def _read_hashes(texts: list[str], seed: int) -> Ints:
    keys = np.zeros(len(texts), dtype=np.int64)
    _hash_column(*_text_column(texts), seed, keys)
    return keys


def build_batch(
    events: Sequence[Any], is_setup: Sequence[bool], partitions: Sequence[int] | None = None, *, seed: int
) -> CallBatch:
    """Turn events to columns.

    Args:
        events: `CallSetup` and `CallEnd`, or wire structs with the same attributes, in order of arrival.
        is_setup: Which of them are setups.
        partitions: Partition of each; None = all 0.
        seed: Seed of the hashes; the window engine must have the same.

    Raises:
        ValueError: The sequences differ in length.
    """
    count = len(events)
    facts = _collect(events, is_setup)
    calling, calling_digits, calling_npanxx, number_class = _read_numbers([e.calling_number for e in events], seed)
    called, called_digits, called_npanxx, _ = _read_numbers([e.called_number for e in events], seed)
    coded = np.array((facts.attestation, facts.verstat, facts.release, facts.talk_ms), dtype=np.int64).reshape(4, count)
    setups = np.array(is_setup, dtype=np.bool_)
    measures = np.zeros(count, dtype=np.int64)
    call_flags = np.array(facts.call_flags, dtype=np.int64)
    numbers = np.stack((calling_digits, called_digits, calling_npanxx, called_npanxx, number_class))
    _complete(setups, coded, numbers, np.array(facts.answered, dtype=np.int64), measures, call_flags)
    return CallBatch(
        n=count,
        events=events,
        is_setup=setups,
        time_ms=np.array(facts.time_ms, dtype=np.int64),
        setup_time_ms=np.array(facts.setup_time_ms, dtype=np.int64),
        partition=np.zeros(count, np.int64) if partitions is None else np.array(partitions, dtype=np.int64),
        calling=calling,
        called=called,
        trunk=_read_hashes([e.trunk_group_id for e in events], seed + TRUNK_SALT),
        origin=_read_hashes(facts.origin, seed + ORIGIN_SALT),
        calling_digits=calling_digits,
        called_digits=called_digits,
        calling_npanxx=calling_npanxx,
        called_npanxx=called_npanxx,
        number_class=number_class,
        attestation=coded[0],
        verstat=coded[1],
        release=coded[2],
        talk_ms=coded[3],
        measures=measures,
        call_flags=call_flags,
    )


@compiled
def scoped_key(kind: int, key: int, partition: int, seed: int) -> int:
    """Key of a sampled family: `key` within `partition`, apart from other kinds; 0 stays 0 (no key)."""
    if key == 0:
        return 0
    return mix(seed + kind, key, partition + 1)
