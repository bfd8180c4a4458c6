"""The call setups of a batch: columns for what looks at all of them, events and strings for what looks at one.

Nearly every call is allowed without anybody asking for its event, so events are made of their records only on demand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Flags, Ints
from detector.columns.call_columns import CallBatch
from detector.columns.compiled import compiled_borrowing
from detector.columns.decision_ids import DECISION_ID_BYTES, decision_id, identify
from detector.columns.facts import HAS_OWN_NAMES, HAS_PRIORITY, ROLE_CODE, TEXT_FIELDS, Texts
from detector.columns.impossible import may_be_impossible
from detector.columns.lazy_sequence import LazySequence
from detector.columns.membership import SEED, hash_spans, hash_texts
from detector.columns.numbering import FOREIGN, INVALID, NPA_WIDTH
from detector.columns.packing import pack
from detector.contract.events import CallSetup
from detector.contract.numbers import is_e164
from detector.features import signatures

MAY_BE_EMERGENCY, MAY_BE_IMPOSSIBLE, MAY_BE_PRIORITY, MAY_BE_FROM_911, IS_VOUCHED, IS_NAMED = 1, 2, 4, 8, 16, 32
"""Bits of `hints`: the called number may be an emergency number by its form, the calling number may be one that nobody
can have, a priority field is there, the calling number may be 911. A call without the bit needs no look at its texts.
Two are no guess: a verified signature of attestation A vouches for the calling number; `own_names` holds something."""
_PRIORITY_AREA, _EMERGENCY_AREA = 710, 911
LOTS = 10_000
"""Lots that callers draw."""
LOT_SEED = 0x10755
"""Of the hashes that lots are made of: the same everywhere, so that a caller draws the same on each machine."""


class Picked(LazySequence[Any]):
    """Some elements of a sequence that may be lazy itself.

    Args:
        whole: The sequence.
        at: Which of its elements, shape (n,).
    """

    __slots__ = ("_at", "_whole")

    def __init__(self, whole: Sequence[Any], at: Ints) -> None:
        self._whole = whole
        self._at = at

    def __len__(self) -> int:
        """Number of elements."""
        return len(self._at)

    def _make(self, index: int) -> Any:
        return self._whole[self._at.item(index)]


@dataclass(frozen=True, slots=True)
class Calls:
    """n call setups in order.

    One thread at a time: strings and hashes of a field are made when they are first asked for, and kept.

    Attributes:
        events: The setups themselves; an event may be made when it is first asked for.
        now_ms: When each was set up by a clock that is right, shape (n,): what policies go by.
        reported_ms: When each was set up as its event says, shape (n,): what answers repeat.
        digests: Decision ids, shape (n, 16) uint8.
        hints: What a step may find in the texts of a call, shape (n,), bits `MAY_BE_EMERGENCY` and following.
        all_hints: The bits that any of them may have.
        calling_digits: 11 digits of a NANP calling number, else 0, shape (n,).
        called_digits: The same of the called number.
        roles: Where the switch of each stands, `facts.ROLE_CODE`, shape (n,).
        from_digits: 11 digits of a NANP number in From that is not the calling number, else 0, shape (n,).
        own_signers: Key of each signer that we verified (`call_columns.signer_key`), else 0, shape (n,).
        plain: Which have texts without escapes and beyond ASCII, shape (n,); none where there are no `texts`.
        texts: What answers repeat, as JSON; None where the batch was made of Python events.
    """

    events: Sequence[CallSetup]
    now_ms: Ints
    reported_ms: Ints
    digests: NDArray[np.uint8]
    hints: Ints
    all_hints: int
    calling_digits: Ints
    called_digits: Ints
    roles: Ints
    from_digits: Ints
    own_signers: Ints
    plain: Flags
    texts: Texts | None = None
    _columns: dict[str, list[str]] = field(default_factory=dict, compare=False, repr=False)
    _single: dict[tuple[int, str], str] = field(default_factory=dict, compare=False, repr=False)
    _hashes: dict[str, Ints] = field(default_factory=dict, compare=False, repr=False)

    def __len__(self) -> int:
        """Number of calls."""
        return len(self.now_ms)

    def identifier(self, row: int) -> str:
        """Decision id of the call in row `row`: 32 hex digits."""
        return bytes(self.digests[row]).hex()

    def is_vouched(self, row: int) -> bool:
        """Whether a verified signature of attestation A vouches for the calling number of a call."""
        return bool(self.hints.item(row) & IS_VOUCHED)

    @property
    def lots(self) -> Ints:
        """First 32 bits of each decision id, shape (n,): for drawing a sample that is a function of the calls."""
        return self.digests[:, :4].copy().view(">u4")[:, 0].astype(np.int64)

    def caller_lots(self) -> Ints:
        """Draw a lot from 0 to `LOTS` - 1 for each call, shape (n,): all calls of a number draw the same, everywhere.

        Where the number is nobody's (withheld, a short code, malformed) each call draws its own, by its decision id.
        """
        drawn = self._hash("calling_number", LOT_SEED)
        may_be_nobody = (self.calling_digits == 0).nonzero()[0].tolist()
        nobody = [row for row in may_be_nobody if not is_e164(self.text(row, "calling_number"))]
        drawn[nobody] = self.lots[nobody]
        return drawn % LOTS

    def text(self, row: int, name: str) -> str:
        """One of `TEXT_FIELDS` of a call, empty where absent. It makes the event of a call that is not `plain`."""
        if name in self._columns:
            return self._columns[name][row]
        found = self._single.get((row, name))
        if found is None:
            found = self._single[row, name] = self._read_one(row, name)
        return found

    def column(self, name: str) -> list[str]:
        """One of `TEXT_FIELDS` of every call, empty where absent; made for all of them when first asked for."""
        if name not in self._columns:
            self._columns[name] = self._read(name)
        return self._columns[name]

    def hashes(self, name: str) -> Ints:
        """Hashes (`membership.hash_spans`) of one of `TEXT_FIELDS` of every call, shape (n,); made when asked for."""
        if name not in self._hashes:
            self._hashes[name] = self._hash(name, SEED)
        return self._hashes[name]

    def _hash(self, name: str, seed: int) -> Ints:
        if self.texts is None:
            return hash_texts(self.column(name), seed)
        found = hash_spans(self.texts.data, self.texts.spans[:, TEXT_FIELDS.index(name)], seed)
        odd = (~self.plain).nonzero()[0].tolist()
        if odd:
            found[odd] = hash_texts([self.text(row, name) for row in odd], seed)
        return found

    def _read_one(self, row: int, name: str) -> str:
        if self.texts is None or not self.plain[row]:
            return str(getattr(self.events[row], name) or "")
        spans, at = self.texts.spans, TEXT_FIELDS.index(name)
        return self.texts.data[spans.item(row, at, 0) : spans.item(row, at, 1)].tobytes().decode()

    def _read(self, name: str) -> list[str]:
        if self.texts is None:
            return [getattr(event, name) or "" for event in self.events]
        spans = self.texts.spans[:, TEXT_FIELDS.index(name)].copy()
        packed = np.empty(int((spans[:, 1] - spans[:, 0]).sum()), np.uint8)
        pack(self.texts.data, spans, packed, 0, 0)
        joined = packed.tobytes().decode("latin-1")  # a character for each byte, so that spans fit
        found = [joined[start:stop] for start, stop in spans.tolist()]
        for row in (~self.plain).nonzero()[0].tolist():
            found[row] = getattr(self.events[row], name) or ""
        return found

    def take(self, rows: slice | Sequence[int]) -> "Calls":
        """Some of the calls, in the order of `rows`; columns are copied, bytes of texts and events are shared."""
        at = np.arange(len(self))[rows]
        return Calls(
            Picked(self.events, at),
            self.now_ms[at],
            self.reported_ms[at],
            self.digests[at],
            self.hints[at],
            self.all_hints,
            self.calling_digits[at],
            self.called_digits[at],
            self.roles[at],
            self.from_digits[at],
            self.own_signers[at],
            self.plain[at],
            None if self.texts is None else replace(self.texts, spans=self.texts.spans[at]),
        )


def calls_in(batch: CallBatch) -> Calls:
    """The call setups of a batch, with their decision ids. Called once for each batch; linear, never blocks."""
    at = batch.is_setup.nonzero()[0]
    events, reported_ms = Picked(batch.events, at), batch.reported_ms[at]
    hints = np.zeros(len(at), np.int64)
    all_hints = _hint(at, _Hinting(*(getattr(batch, name) for name in _Hinting._fields)), hints)
    if batch.texts is None:
        digests, plain, texts = _digests_of(events), np.zeros(len(at), np.bool_), None
    else:
        texts = replace(batch.texts, spans=batch.texts.spans[at])
        digests, plain = identify(texts, reported_ms)
        for row in () if plain.all() else (~plain).nonzero()[0].tolist():
            digests[row] = np.frombuffer(bytes.fromhex(decision_id(events[row])), np.uint8)
    numbers = batch.calling_digits[at], batch.called_digits[at]
    others = batch.role[at], batch.from_digits[at], batch.own_signer[at]
    return Calls(events, batch.time_ms[at], reported_ms, digests, hints, all_hints, *numbers, *others, plain, texts)


def calls_of(events: Sequence[CallSetup]) -> Calls:
    """Call setups of which nothing is known but the events: good for an answer, not for the steps. Never blocks."""
    times_ms = np.array([event.setup_time_ms for event in events], np.int64)
    nothing = np.zeros(len(events), np.int64)
    roles = np.array([ROLE_CODE[event.role] for event in events], np.int64)
    plain = nothing.astype(np.bool_)
    hints = np.full(len(events), MAY_BE_IMPOSSIBLE, np.int64)  # their numbers were not looked at
    columns = nothing, nothing, roles, nothing, nothing
    return Calls(events, times_ms, times_ms, _digests_of(events), hints, MAY_BE_IMPOSSIBLE, *columns, plain)


def _digests_of(events: Sequence[CallSetup]) -> NDArray[np.uint8]:
    joined = bytes.fromhex("".join(map(decision_id, events)))
    return np.frombuffer(joined, np.uint8).reshape(len(events), DECISION_ID_BYTES).copy()


class _Hinting(NamedTuple):
    """The columns of a `CallBatch` that hints are made of."""

    called_digits: Ints
    calling_digits: Ints
    called_npanxx: Ints
    calling_npanxx: Ints
    number_class: Ints
    signature: Ints
    presence: Ints


@compiled_borrowing
def _hint(at: Ints, columns: _Hinting, hints: Ints) -> int:
    """Fill the hints of every call; returns all bits that are there."""
    all_hints = 0
    for row in range(len(at)):
        place = at[row]
        digits, block = columns.calling_digits[place], columns.calling_npanxx[place]
        if columns.called_digits[place] == 0 or columns.called_npanxx[place] // NPA_WIDTH == _PRIORITY_AREA:
            hints[row] |= MAY_BE_EMERGENCY
        if columns.number_class[place] != FOREIGN and may_be_impossible(digits, block):
            hints[row] |= MAY_BE_IMPOSSIBLE
        if columns.presence[place] & HAS_PRIORITY:
            hints[row] |= MAY_BE_PRIORITY
        if columns.presence[place] & HAS_OWN_NAMES:
            hints[row] |= IS_NAMED
        if columns.number_class[place] == INVALID and (digits == 0 or block // NPA_WIDTH == _EMERGENCY_AREA):
            hints[row] |= MAY_BE_FROM_911
        if columns.signature[place] & signatures.IS_VOUCHED:
            hints[row] |= IS_VOUCHED
        all_hints |= hints[row]
    return all_hints
