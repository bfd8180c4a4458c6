"""Find the records that make our own code raise, so that each costs itself only.

A batch is done in one go; only when that raises is each record tried alone. All functions are free of side effects, so
a record may go through them twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from detector.columns.call_columns import CallBatch, build_columns
from streams.wire.reading import Intake, join, read

INTERNAL_ERROR = "internal_error"
"""Code of their dead letters."""


@dataclass(frozen=True, slots=True)
class Poison:
    """A record that made our code raise.

    Attributes:
        position: its index among the values, or of `build_apart` among the events.
        error: what it raised.
    """

    position: int
    error: Exception

    @property
    def message(self) -> str:
        """For a dead letter: the class alone, since what an error says may quote a phone number."""
        return f"internal error: {type(self.error).__name__}"


def read_apart(values: Sequence[bytes | None]) -> tuple[Intake, list[Poison]]:
    """Read values; a record that makes the reader raise, which its refusals do not, is left out."""
    try:
        return read(values), []
    except Exception:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
        poison: list[Poison] = []
    parts: list[tuple[int, Intake]] = []
    for position, value in enumerate(values):
        try:
            parts.append((position, read([value])))
        except Exception as error:  # noqa: BLE001 - see above
            poison.append(Poison(position, error))
    return join(parts), poison


def build_apart(intake: Intake, partitions: Sequence[int], *, seed: int) -> tuple[CallBatch, list[int], list[Poison]]:
    """Turn events to columns; an event that makes this raise is left out.

    Args:
        intake: the events.
        partitions: of each of its events.
        seed: of the hashes.

    Returns:
        The batch, the index in `intake.events` of each of its events, and what was left out.
    """
    everything = list(range(len(intake.events)))
    try:
        return _build(intake, everything, partitions, seed), everything, []
    except Exception:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
        poison: list[Poison] = []
    for index in everything:
        try:
            _build(intake, [index], partitions, seed)
        except Exception as error:  # noqa: BLE001 - see above
            poison.append(Poison(index, error))
    bad = {one.position for one in poison}
    kept = [index for index in everything if index not in bad]
    return _build(intake, kept, partitions, seed), kept, poison


def decode_apart(intake: Intake) -> tuple[Intake, list[Poison]]:
    """Make every event; one that makes the decoder raise, which accepted it or was not asked before, is left out."""
    poison: list[Poison] = []
    kept: list[int] = []
    for index, position in enumerate(intake.positions):
        try:
            intake.events[index]
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            poison.append(Poison(position, error))
        else:
            kept.append(index)
    return (intake.take(kept) if poison else intake), poison


def _build(intake: Intake, indexes: Sequence[int], partitions: Sequence[int], seed: int) -> CallBatch:
    if len(indexes) < len(intake.events):
        intake, partitions = intake.take(indexes), [partitions[index] for index in indexes]
    return build_columns(intake.scanned, intake.events, partitions, seed=seed)
