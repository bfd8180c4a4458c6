"""The policy memory of a partition and its latest answers as bytes, for its snapshot: typed, bounded, never executed.

An outer msgpack list holds groups of entries, each encoded by itself: msgspec keeps the interpreter for as long as one
call takes, and the event loop is not to wait for a hundred thousand entries of another thread.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated, TypeVar

import msgspec

from detector.contract.decisions import Action, Mode
from detector.policy.held import Held
from detector.policy.standing import MAX_TRUNKS, PolicyMemory, StandingDecision
from streams.screening.repeats import Remembered
from streams.state.repeats_memory import Entries, packed, unpacked
from streams.state.snapshot_errors import SnapshotRefused

GROUP = 500
"""Entries at a time, well under a millisecond."""
MAX_BYTES = 256 * 1024 * 1024
MAX_BLOCKS = 1_000
"""Of a number, the most that a policy can count (`StandingBlocks.after_blocks`)."""

T = TypeVar("T")
Name = Annotated[str, msgspec.Meta(max_length=1_024)]
Instant = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class HeldEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`Held` of a caller."""

    caller: Name
    action: Action
    expires_ms: Instant
    blocks_ms: Annotated[tuple[Instant, ...], msgspec.Meta(max_length=MAX_BLOCKS)]


class StandingEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`StandingDecision`, field by field."""

    entity: Name
    action: Action
    category: Name
    since_ms: Instant
    expires_ms: Instant
    source: Name
    mode: Mode
    decision_id: Name | None
    trunk_group_ids: Annotated[tuple[Name, ...], msgspec.Meta(max_length=MAX_TRUNKS)] = ()
    is_vouched: bool = False
    led_to_by: Annotated[tuple[Name | None, ...], msgspec.Meta(max_length=MAX_TRUNKS + 1)] = ()
    """Builds of before pass over it."""


class _Groups(msgspec.Struct, frozen=True, array_like=True):
    held: tuple[msgspec.Raw, ...]
    standing: tuple[msgspec.Raw, ...]
    repeats: Entries | None = None
    """None in snapshots of builds of before, which do not look at it either."""


def encode(memory: PolicyMemory, remembered: Remembered) -> bytes:
    """Encode a memory: 100,000 callers take about 5 MB, the latest answers some 0.3 MB.

    Raises:
        SnapshotRefused: `decode` would refuse it; one sentence. It is better to keep the snapshot before.
    """
    held = (HeldEntry(caller, h.action, h.expires_ms, h.blocks_ms) for caller, h in memory.held.items())
    standing = (
        StandingEntry(*(getattr(decision, name) for name in StandingEntry.__struct_fields__))
        for decision in memory.standing
    )
    try:
        groups = _Groups(tuple(_grouped(held, HeldEntry)), tuple(_grouped(standing, StandingEntry)), packed(remembered))
    except msgspec.ValidationError as error:
        raise SnapshotRefused(f"policy memory is not written: an entry is beyond its bounds ({error})") from error
    content = msgspec.msgpack.encode(groups)
    if len(content) > MAX_BYTES:
        raise SnapshotRefused(f"policy memory of {len(content)} bytes is not written: the most is {MAX_BYTES}")
    return content


def decode(content: bytes) -> tuple[PolicyMemory, Remembered]:
    """Decode what `encode` made.

    Raises:
        SnapshotRefused: it is larger than `MAX_BYTES`, or no memory; one sentence.
    """
    if len(content) > MAX_BYTES:
        raise SnapshotRefused(f"policy memory of {len(content)} bytes is skipped: the most is {MAX_BYTES}")
    try:
        groups = msgspec.msgpack.decode(content, type=_Groups)
        held = {entry.caller: _held(entry) for entry in _entries(groups.held, HeldEntry)}
        standing = tuple(_standing(entry) for entry in _entries(groups.standing, StandingEntry))
        remembered = unpacked(groups.repeats)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotRefused(f"policy memory is skipped: it is damaged ({error})") from error
    return PolicyMemory(held, standing), remembered


def _grouped(entries: Iterator[T], kind: type[T]) -> Iterator[msgspec.Raw]:
    decoder = msgspec.msgpack.Decoder(list[kind])  # type: ignore[valid-type]
    while group := list(islice(entries, GROUP)):
        encoded = msgspec.msgpack.encode(group)
        decoder.decode(encoded)  # structs are not checked when they are made
        yield msgspec.Raw(encoded)


def _entries(groups: Sequence[msgspec.Raw], kind: type[T]) -> Iterator[T]:
    decoder = msgspec.msgpack.Decoder(list[kind])  # type: ignore[valid-type]
    for group in groups:
        yield from decoder.decode(group)


def _held(entry: HeldEntry) -> Held:
    return Held(entry.action, entry.expires_ms, entry.blocks_ms)


def _standing(entry: StandingEntry) -> StandingDecision:
    return StandingDecision(*(getattr(entry, name) for name in StandingEntry.__struct_fields__))
