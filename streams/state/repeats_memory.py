"""The remembered events of a partition as a value for its snapshot: typed, bounded, looked at before it is believed."""

from itertools import islice
from typing import Annotated

import msgspec
import numpy as np

from streams.screening.repeats import Remembered, decode_outcome
from streams.screening.seen_events import KEPT
from streams.state.snapshot_errors import SnapshotRefused

GROUP = 500
"""Outcomes encoded at a time, well under a millisecond: msgspec keeps the interpreter for as long as one call takes."""
_DAMAGED = "remembered events are skipped: they are damaged"
Packed = Annotated[bytes, msgspec.Meta(max_length=8 * KEPT)]


class Entries(msgspec.Struct, frozen=True, array_like=True):
    """`Remembered`; arrays as little-endian bytes, outcomes in groups of pairs of place and bytes."""

    keys: Packed
    scores: Packed
    states: Packed
    outcomes: tuple[msgspec.Raw, ...]


def packed(remembered: Remembered) -> Entries:
    """Pack what is remembered."""
    outcomes = iter(remembered.outcomes.items())
    groups: list[msgspec.Raw] = []
    while group := dict(islice(outcomes, GROUP)):
        groups.append(msgspec.Raw(msgspec.msgpack.encode(group)))
    return Entries(
        remembered.keys.astype("<i8").tobytes(),
        remembered.scores.astype("<f8").tobytes(),
        remembered.states.tobytes(),
        tuple(groups),
    )


def unpacked(entries: Entries | None) -> Remembered:
    """Unpack what `packed` made; nothing is remembered where there is none, as in snapshots of builds of before.

    Raises:
        SnapshotRefused: it is damaged; one sentence.
        msgspec.MsgspecError: the same.
    """
    if entries is None:
        return Remembered.nothing()
    outcomes: dict[int, bytes] = {}
    for group in entries.outcomes:
        outcomes |= msgspec.msgpack.decode(group, type=dict[int, bytes])
    for outcome in outcomes.values():
        decode_outcome(outcome)
    try:
        keys, scores = np.frombuffer(entries.keys, "<i8"), np.frombuffer(entries.scores, "<f8")
    except ValueError as error:
        raise SnapshotRefused(f"{_DAMAGED} ({error})") from error
    found = Remembered(keys, scores, np.frombuffer(entries.states, np.uint8), outcomes)
    if not found.is_whole():
        raise SnapshotRefused(f"{_DAMAGED} (they do not add up)")
    return found
