"""From record values to decision bytes: the one path that the worker, the replay and the demo share.

It reads the records (`streams.wire.reading`), builds columns and screens them (`detector`), and encodes the answers
(`streams.screening.answers`). It knows no topic, clock or socket: partitions and times are arguments.

Windows count every readable event of a batch once, whatever fails: only steps without a trace are ever repeated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TypeVar, cast

from detector.columns.call_columns import CallBatch
from detector.columns.clocks import ClockTolerance, set_right
from detector.contract.decisions import Mode
from detector.contract.events import CallSetup
from detector.policy.screening import Screener, Screening, fail_open
from detector.windows import WindowEngine
from models.watch.watched import unwatched
from streams.screening.answers import LateForm, Waiting, answer
from streams.screening.one_by_one import Poison, build_apart, decode_apart, read_apart
from streams.wire.reading import Intake

MAX_BATCH = 4_096
"""Records that a replay hands over at once: nobody waits there, so what a batch costs by itself is shared by many.

A worker has a setting for it, `max_batch_events`, since heartbeats wait for every batch.
"""

UNKNOWN = 0
"""Arrival of a record of which nobody knows when it arrived."""

OnFailure = Callable[[Exception], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Processed:
    """What became of one batch. Sequences run parallel to `screening.calls`, in input order, but for `poison`.

    Attributes:
        intake: the events read, and the records refused.
        screening: what was decided.
        decisions: encoded.
        keys: of the decisions.
        positions: index among the values of each call's record.
        late: by row, what to publish instead once the decision is late; none where it is allow anyway, or where nobody
            waits.
        poison: records that cannot be answered at all, by their index among the values.
        skewed: how many events had a clock that was put right.
    """

    intake: Intake
    screening: Screening
    decisions: Sequence[bytes]
    keys: Sequence[bytes]
    positions: list[int]
    late: dict[int, LateForm]
    poison: list[Poison]
    skewed: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """Columns of the events that can be made to columns, when each setup among them arrived, and the others."""

    columns: CallBatch
    setup_arrivals_ms: list[int]
    poison: list[Poison]
    skewed: int


class Pipeline:
    """Decode, screen, encode; an internal error allows the calls concerned and is reported, never raised.

    Args:
        screener: holds windows, model, policy and lists.
        seed: of the hashes of keys; the same for every worker of a group.
        on_failure: told about each internal error.
        clock: how wrong the clock of a switch may be where arrivals are known; None corrects none.
    """

    def __init__(
        self, screener: Screener[WindowEngine], *, seed: int, on_failure: OnFailure, clock: ClockTolerance | None = None
    ) -> None:
        self.screener = screener
        self._seed = seed
        self._on_failure = on_failure
        self._clock = clock

    def process(
        self,
        values: Sequence[bytes | None],
        partitions: Sequence[int],
        *,
        decided_time_ms: int | None,
        arrivals_ms: Sequence[int] | None = None,
        waiting: Waiting | None = None,
    ) -> Processed:
        """Answer every `call_setup` among the values.

        Args:
            values: record values as they came.
            partitions: of each value.
            decided_time_ms: epoch milliseconds; None takes each call's own setup time (replay).
            arrivals_ms: when each value arrived, epoch milliseconds; None where nobody knows (replay), then clocks are
                not corrected.
            waiting: what to do about calls that have waited; None judges all.
        """
        intake, poison = self._read(values)
        arrivals = [UNKNOWN] * len(values) if arrivals_ms is None else arrivals_ms
        intake, screening, lost, skewed = self._screen(intake, partitions, arrivals, waiting)
        at = list(compress(intake.positions, intake.is_setup))
        answers = answer(screening, at, _at(arrivals, at), waiting, decided_time_ms)
        for failure in answers.failures:
            self._on_failure(failure)
        return Processed(
            intake,
            answers.screening,
            answers.decisions,
            answers.keys,
            answers.positions,
            answers.late,
            poison + lost + answers.poison,
            skewed,
        )

    def catch_up(self, values: Sequence[bytes | None], partitions: Sequence[int], arrivals_ms: Sequence[int]) -> None:
        """Bring windows and policy memory to where deciding the values brings them; nothing is to be published.

        Drift and the shadow model see none of it: they count what is published, each call once.
        """
        intake, _ = self._read(values)
        watched = self.screener.classifier
        self.screener.classifier = unwatched(watched)
        try:
            self._screen(intake, partitions, arrivals_ms, None)
        finally:
            self.screener.classifier = watched

    def warm_up(self, values: Sequence[bytes | None], partitions: Sequence[int], arrivals_ms: Sequence[int]) -> None:
        """Count the values in the windows and judge nothing."""
        intake, _ = self._read(values)
        try:
            batch = self._build(intake, partitions, arrivals_ms)
            self.screener.engine.count(batch.columns)
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            self._on_failure(error)

    def _read(self, values: Sequence[bytes | None]) -> tuple[Intake, list[Poison]]:
        intake, poison = read_apart(values)
        for one in poison:
            self._on_failure(one.error)
        return intake, poison

    def _build(self, intake: Intake, partitions: Sequence[int], arrivals_ms: Sequence[int]) -> _Batch:
        of_events = _at(partitions, intake.positions)
        columns, kept, poison = build_apart(intake, of_events, seed=self._seed)
        for one in poison:
            self._on_failure(one.error)
        arrivals = _at(_at(arrivals_ms, intake.positions), kept)
        setup_arrivals = list(compress(arrivals, _at(intake.is_setup, kept)))
        skewed = 0
        if self._clock is not None:
            columns, skewed = set_right(columns, arrivals, self._clock)
        return _Batch(columns, setup_arrivals, poison, skewed)

    def _screen(
        self, intake: Intake, partitions: Sequence[int], arrivals_ms: Sequence[int], waiting: Waiting | None
    ) -> tuple[Intake, Screening, list[Poison], int]:
        """Screen all events; returns also the intake less those that nobody can answer, and how many clocks were wrong.

        Where the whole of it fails, every call passes.
        """
        mode = self.screener.policy.mode
        try:
            batch = self._build(intake, partitions, arrivals_ms)
            passed = {} if waiting is None else waiting.passed(batch.setup_arrivals_ms)
            screening = self.screener.screen(batch.columns, passed)
            for failure in screening.failures:
                self._on_failure(failure)
            return intake, _with_poison(screening, intake, batch.poison, mode), [], batch.skewed
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            self._on_failure(error)
        intake, lost = decode_apart(intake)
        for one in lost:
            self._on_failure(one.error)
        return intake, fail_open(_setups(intake), self.screener.versions, mode), lost, 0


def _at(values: Sequence[T], places: Sequence[int]) -> Sequence[T]:
    """Values at some places, ascending; nearly always all of them, which costs nothing then."""
    return values if len(places) == len(values) else [values[place] for place in places]


def _setups(intake: Intake) -> list[CallSetup]:
    return [
        cast("CallSetup", event) for event, is_setup in zip(intake.events, intake.is_setup, strict=True) if is_setup
    ]


def _with_poison(screening: Screening, intake: Intake, poison: Sequence[Poison], mode: Mode) -> Screening:
    """Put the setups that could not be made to columns back in their places; they pass."""
    for one in poison:  # in input order, so that each finds its place
        if intake.is_setup[one.position]:
            row = sum(intake.is_setup[: one.position])
            screening = screening.with_failed(row, cast("CallSetup", intake.events[one.position]), mode)
    return screening
