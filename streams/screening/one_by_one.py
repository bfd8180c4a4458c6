"""From records to columns, at once or one by one, so that a record that makes our own code raise costs itself only.

The fast form stands beside it: the whole batch at once. Only when that raises, records are tried alone. Nothing here
leaves a trace, so a record may go through reading and columns more than once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from detector.columns.batch_columns import BatchColumns
from detector.policy import reasons
from streams.wire.reading import Reading, join, read
from streams.wire.record_columns import Records, records_of

Build = Callable[[Reading], BatchColumns]

INTERNAL_ERROR = reasons.INTERNAL_ERROR.code
"""Code of their dead letters: that of the reason why the call passes."""


@dataclass(frozen=True, slots=True)
class Poison:
    """A record that made our code raise.

    Attributes:
        position: Its index among the records.
        error: What it raised.
    """

    position: int
    error: Exception

    @property
    def message(self) -> str:
        """For a dead letter: the class alone, since what an error says may quote a phone number."""
        return f"internal error: {type(self.error).__name__}"


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A batch that is ready to be screened; nothing has a trace of it yet.

    Attributes:
        reading: The events that could be read, and what was refused.
        columns: Of those of its events that can be made columns; None where no screening is possible.
        unbuilt: Indexes in `reading` of the other events, ascending: setups among them pass, ends are lost.
        poison: Records that could not be read.
    """

    reading: Reading
    columns: BatchColumns | None
    unbuilt: tuple[int, ...] = ()
    poison: tuple[Poison, ...] = ()


def prepare_at_once(records: Records, build: Build) -> Prepared:
    """Read a batch and make its columns, all at once: the fast form. Called once for each batch.

    Args:
        records: The batch.
        build: Makes columns of events; leaves no trace.

    Raises:
        Exception: Any: a record makes our own code raise. `prepare_one_by_one` finds it.
    """
    reading = read(records)
    return Prepared(reading, build(reading))


def prepare_one_by_one(records: Records, build: Build, on_failure: Callable[[Exception], None]) -> Prepared:
    """Do the same record by record: the odd form, about a hundred times slower. Never raises.

    Called when the fast form has raised. What is right with a record gives the same as there.

    Args:
        records: The batch.
        build: As there.
        on_failure: Told what each record has raised.
    """
    reading, poison = read_apart(records)
    failures = [one.error for one in poison]
    unbuilt = unbuildable(reading, build)
    failures += unbuilt.values()
    columns = None
    try:
        columns = build(without(reading, tuple(unbuilt)))
    except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
        failures.append(error)
    for failure in failures:
        on_failure(failure)
    return Prepared(reading, columns, tuple(unbuilt), tuple(poison))


def without(reading: Reading, unbuilt: tuple[int, ...]) -> Reading:
    """What was read less some events, by index."""
    return reading.take(np.delete(np.arange(len(reading.positions)), unbuilt)) if unbuilt else reading


def read_apart(records: Records) -> tuple[Reading, list[Poison]]:
    """Read each record alone; one that makes the reader raise, which its refusals do not, is left out.

    Called when reading all of them at once has raised. Positions are those in the whole batch.
    """
    parts: list[tuple[int, Reading]] = []
    poison: list[Poison] = []
    for position in range(len(records)):
        try:
            parts.append((position, read(records_of([records.value(position)]))))
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            poison.append(Poison(position, error))
    return join(records, parts), poison


def unbuildable(reading: Reading, build: Build) -> dict[int, Exception]:
    """Make columns of each event alone; returns what those that made it raise have raised, by index in `reading`.

    Called when making columns of all of them at once has raised.
    """
    found: dict[int, Exception] = {}
    for index in range(len(reading.positions)):
        try:
            build(reading.take([index]))
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            found[index] = error
    return found


def decode_apart(reading: Reading) -> tuple[Reading, list[Poison]]:
    """Make every event; one that makes the decoder raise, which accepted it or was not asked before, is left out.

    Called when all calls of a batch have to pass: their answers need their events.
    """
    poison: list[Poison] = []
    kept: list[int] = []
    for index, position in enumerate(reading.positions.tolist()):
        try:
            reading.events[index]
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            poison.append(Poison(position, error))
        else:
            kept.append(index)
    return (reading.take(kept) if poison else reading), poison
