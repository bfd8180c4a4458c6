"""From record bytes to decision bytes: the one path that the worker, the replay and the demo share.

It conducts the walk and knows no topic, clock or socket: times are arguments. Each room is entered once for a batch:
records are read (`streams.wire`), made columns, counted in windows, scored and decided (`detector`, `models`), and
answered (`streams.screening.answers`).

Windows count every readable event of a batch once, whatever fails: only steps without a trace are ever repeated.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from detector.columns.batch_columns import BatchColumns, columns_of
from detector.columns.clocks import ClockTolerance
from detector.contract.decisions import Outcome
from detector.contract.events import CallSetup
from detector.policy.screening import Screener, Screening, fail_open
from detector.windows import WindowEngine
from models.watch.watched import unwatched
from streams.screening.answers import answer
from streams.screening.batch import Batch
from streams.screening.lateness import Waiting
from streams.screening.one_by_one import Prepared, decode_apart, prepare_at_once, prepare_one_by_one, without
from streams.screening.repeats import Repeats, placeholders
from streams.wire.reading import Reading
from streams.wire.record_columns import Records

MAX_BATCH = 4_096
"""Records that a replay hands over at once: nobody waits there, so what a batch costs by itself is shared by many.

A worker has a setting for it, `max_batch_events`, since heartbeats wait for every batch.
"""

OnFailure = Callable[[Exception], None]


class Pipeline:
    """Reads, screens and answers; an internal error allows the calls concerned and is reported, never raised.

    All methods run to their end on the thread that calls them, and on one thread at a time.

    Attributes:
        screener: As it was given.
        repeats: The latest events of each partition and what was answered to them.

    Args:
        screener: Holds windows, model, policy and lists.
        seed: Of the hashes of keys; the same for every worker of a group.
        on_failure: Told about each internal error, before the method returns.
        clock: How wrong the clock of a switch may be where arrivals are known; None corrects none.
    """

    def __init__(
        self, screener: Screener[WindowEngine], *, seed: int, on_failure: OnFailure, clock: ClockTolerance | None = None
    ) -> None:
        self.screener = screener
        self.repeats = Repeats(seed)
        self._seed = seed
        self._on_failure = on_failure
        self._clock = clock

    def process(self, records: Records, *, decided_time_ms: int | None, waiting: Waiting | None = None) -> Batch:
        """Answer every `call_setup` among the records. Called once for each batch, in order; never raises.

        Args:
            records: As they came. Where their arrivals are not known (replay), clocks are not corrected.
            decided_time_ms: Epoch milliseconds; None takes each call's own setup time (replay).
            waiting: What to do about calls that have waited; None judges all.
        """
        prepared = self._prepare(records)  # bytes to events, and events to columns
        prepared, screening, ends_again = self._screen(prepared, waiting)  # columns to outcomes
        reading, is_setup = prepared.reading, prepared.reading.facts.is_setup
        answers = answer(
            screening, reading.positions[is_setup], reading.arrivals_ms[is_setup], waiting, decided_time_ms
        )
        for failure in answers.failures:
            self._on_failure(failure)
        poison = [*prepared.poison, *answers.poison]
        return Batch(records, reading, prepared.columns, answers.screening, answers, poison, ends_again)

    def catch_up(self, records: Records) -> None:
        """Bring windows and policy memory to where deciding the records brings them; nothing is to be published.

        Called for records that were decided before, by a worker that takes their partition over. Never raises. Drift
        and the shadow model see none of it: they count what is published, each call once.
        """
        watched = self.screener.classifier
        self.screener.classifier = unwatched(watched)
        try:
            _, screening, _ = self._screen(self._prepare(records), None)
            self.screener.standing.reached_again(screening.entity_changes)
        finally:
            self.screener.classifier = watched

    def warm_up(self, records: Records) -> None:
        """Count the records in the windows and judge nothing. Called where there is no snapshot; never raises."""
        prepared = self._prepare(records)
        if prepared.columns is None:
            return
        try:
            self.repeats.look(prepared.columns)
            self.screener.engine.count(prepared.columns.events)
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            self._on_failure(error)

    def _prepare(self, records: Records) -> Prepared:
        """Read the records and make columns of them, at once; where that raises, one by one."""
        try:
            return prepare_at_once(records, self._columns)
        except Exception:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            return prepare_one_by_one(records, self._columns, self._on_failure)

    def _columns(self, reading: Reading) -> BatchColumns:
        facts, events = reading.facts, reading.events
        return columns_of(facts, events, reading.partitions, reading.arrivals_ms, seed=self._seed, clock=self._clock)

    def _screen(self, prepared: Prepared, waiting: Waiting | None) -> tuple[Prepared, Screening, int]:
        """Screen all events once. Where that fails, every call passes that can be answered at all.

        Returns:
            The batch, what was made of it, and how many of its ends had come before.
        """
        columns = prepared.columns
        if columns is not None:
            try:
                screening, ends_again = self._screen_once(columns, _passed(prepared, waiting))
                for failure in screening.failures:
                    self._on_failure(failure)
                return prepared, self._with_unbuilt(screening, prepared), ends_again
            except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
                self._on_failure(error)
        reading, lost = decode_apart(prepared.reading)
        for one in lost:
            self._on_failure(one.error)
        passing = replace(prepared, reading=reading, columns=None, poison=(*prepared.poison, *lost))
        return passing, fail_open(_setups(reading), self.screener.versions, self.screener.policy.mode), 0

    def _screen_once(self, columns: BatchColumns, passed: dict[int, Outcome]) -> tuple[Screening, int]:
        """Screen what is new, and answer what came before as it was answered then."""
        again = self.repeats.look(columns)
        held = {} if self.screener.lists is None else placeholders(again)  # until lists are known every call passes
        screening = self.screener.screen(columns, {**held, **passed})
        self.repeats.settle(screening, again, again.rows if self.screener.lists is None else passed)
        if again.rows:
            screening = replace(screening, repeats=frozenset(again.rows))
        return screening, again.looked.ends

    def _with_unbuilt(self, screening: Screening, prepared: Prepared) -> Screening:
        """Put the setups that could not be made columns back in their places; they pass."""
        is_setup = prepared.reading.facts.is_setup
        for index in prepared.unbuilt:  # ascending, so that each finds its place
            if is_setup[index]:
                setup = cast("CallSetup", prepared.reading.events[index])
                row = int(is_setup[:index].sum())
                screening = screening.with_failed(row, setup, self.screener.policy.mode)
        return screening


def _passed(prepared: Prepared, waiting: Waiting | None) -> dict[int, Outcome]:
    """Outcome by row of the calls that have waited too long to be judged."""
    if waiting is None:
        return {}
    built = without(prepared.reading, prepared.unbuilt)
    return waiting.passed(built.arrivals_ms[built.facts.is_setup])


def _setups(reading: Reading) -> list[CallSetup]:
    is_setup = reading.facts.is_setup.tolist()
    return [cast("CallSetup", event) for event, setup in zip(reading.events, is_setup, strict=True) if setup]
