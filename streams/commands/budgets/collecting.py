"""What a replay tells of lawful calls: margins of the scored calls, who talked to whom, and how the traffic looked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.columns.call_columns import CallBatch, build_batch
from detector.columns.hashing import PUBLIC_SEED
from detector.columns.numbering import FOREIGN, VALID
from detector.contract.decisions import Step
from detector.contract.events import CallSetup
from detector.features.window_constants import HOUR_MS, SHORT_TALK_MS
from detector.policy.budgets import HOUR_S
from detector.policy.model_step import WINDOWS_AGE
from detector.policy.screening import Screening
from models.budgets.audit import LAWFUL, ROBOCALL, UNKNOWN, Answers
from models.budgets.references import Span
from models.errors import MeasureRefused
from models.serve.artifact import Model
from models.serve.reference import Reference
from models.serve.signing import Signing
from streams.commands.questions.answers import Answer
from streams.screening.batch import Batch

BEFORE_THE_MODEL = frozenset({Step.EMERGENCY, Step.ALLOW_LIST, Step.DNO, Step.SUBSCRIBER, Step.RULE, Step.FAIL_OPEN})
"""Steps whose calls never reach the model's. Standing blocks do not count: here they are the model's own."""
TRAFFIC_STRIDE = 4
"""One call in so many has its features counted."""
TALK_MS = SHORT_TALK_MS
"""An answered call longer than this is a talk."""

Column = list[NDArray[Any]]


@dataclass(slots=True)
class _Columns:
    """Arrays of batches; they are joined once, at the end."""

    call: Column = field(default_factory=list)
    calling: Column = field(default_factory=list)
    called: Column = field(default_factory=list)
    margins: Column = field(default_factory=list)
    at_ms: Column = field(default_factory=list)
    windows_s: Column = field(default_factory=list)
    talks: Column = field(default_factory=list)


class Collector:
    """Keeps what a measure needs: 44 bytes a scored call, 16 a talk. It takes no call whose windows are young.

    Args:
        model: That scores.
        windows_h: Least age of the windows of a call's trunk group, hours.

    Attributes:
        traffic: Histograms of the scored calls; None before the first, or where the model has no reference.
        scored: Calls kept so far.
    """

    def __init__(self, model: Model, windows_h: float) -> None:
        self._model = model
        self._windows_s = windows_h * HOUR_S
        self._columns = _Columns()
        self.traffic: Reference | None = None
        self.scored = 0

    def add(self, batch: Batch) -> None:
        """Keep what is of use of one batch; one that could not be judged as a whole tells nothing."""
        columns, screening = batch.columns, batch.screening
        if columns is None:
            return
        events, kept = columns.events, self._columns
        kept.talks.append(talks_of(events))
        if len(screening.calls) != len(columns.calls) or not len(screening.features):
            return
        setups = np.flatnonzero(events.is_setup)
        is_number = np.isin(events.number_class[setups], (VALID, FOREIGN))
        chosen = np.flatnonzero(is_wanted(screening, self._windows_s) & is_number)
        if not chosen.size:
            return
        rows, at = screening.features[chosen], setups[chosen]
        kept.call.append(events.call[at])
        kept.calling.append(events.calling[at])
        kept.called.append(events.called[at])
        kept.at_ms.append(columns.calls.now_ms[chosen])
        kept.margins.append(deciding(screening, chosen, self._model))
        kept.windows_s.append(np.maximum(rows[:, WINDOWS_AGE], 0.0))
        self._count(rows)
        self.scored += chosen.size

    def _count(self, rows: NDArray[np.float32]) -> None:
        some = rows[::TRAFFIC_STRIDE]
        if self._model.reference is not None:
            found = self._model.reference.counted(some, self._model.score(some))
            self.traffic = found if self.traffic is None else self.traffic.added(found)

    def span(self, judge_h: float | None = None) -> Span:
        """Everything that was kept.

        Args:
            judge_h: Hours at the end that count; None: all do.

        Raises:
            MeasureRefused: no call was scored in windows that are old enough.
        """
        if not self.scored:
            hours = self._windows_s / HOUR_S
            raise MeasureRefused(
                f"no call was scored in windows of {hours:g} h: give a longer span, or lower budgets.windows_h"
            )
        kept = self._columns
        at_ms = np.concatenate(kept.at_ms)
        late = np.ones(len(at_ms), np.bool_) if judge_h is None else at_ms >= at_ms.max() - judge_h * HOUR_MS
        call, calling, called, margins, windows_s = (
            np.concatenate(column)[late]
            for column in (kept.call, kept.calling, kept.called, kept.margins, kept.windows_s)
        )
        return Span(call, calling, called, margins, at_ms[late], windows_s, np.concatenate(kept.talks))


def answers_about(span: Span, said: Mapping[str, Answer]) -> Answers:
    """What a person who looked said of the calls of a span, as an audit has it; shape (n_calls,).

    Args:
        span: The calls. An id that several callers show says nothing of any.
        said: Answers by call id.
    """
    found = np.full(len(span.call), UNKNOWN, np.int8)
    if not said:
        return found
    keys = call_keys_of(list(said))
    order = np.argsort(keys)
    values = np.array([ROBOCALL if one.is_robocall else LAWFUL for one in said.values()], np.int8)[order]
    place = np.minimum(np.searchsorted(keys[order], span.call), len(keys) - 1)
    is_said = np.flatnonzero(keys[order][place] == span.call)
    is_said = is_said[is_of_one_caller(span, is_said)]
    found[is_said] = values[place[is_said]]
    return found


def is_of_one_caller(span: Span, places: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether no other caller shows the call id of a call; shape of `places`.

    Args:
        span: The calls.
        places: Of some of them.
    """
    alike = np.flatnonzero(np.isin(span.call, span.call[places]))
    pairs = np.unique(np.column_stack([span.call[alike], span.calling[alike]]), axis=0)
    ids, callers = np.unique(pairs[:, 0], return_counts=True)
    return np.isin(span.call[places], ids[callers == 1])


def secret_of(signing: Signing, model_version: str) -> bytes:
    """By what callers are drawn: nobody knows it where there is a key, else whoever knows the version of the model.

    Args:
        signing: Of the carrier.
        model_version: Of the model that scores.
    """
    return signing.sign("lot", model_version.encode()) or model_version.encode()


def deciding(screening: Screening, chosen: NDArray[np.intp], model: Model) -> NDArray[np.float64]:
    """The scores that decide, as the model's step formed them; see `margins_of`."""
    return _with_unasked(screening.group_scores, screening, chosen, model)


def margins_of(screening: Screening, chosen: NDArray[np.intp], model: Model) -> NDArray[np.float64]:
    """Margins of calls; shape of `chosen`.

    Args:
        screening: Of a batch.
        chosen: Calls from `is_wanted`.
        model: Asked for those that a standing decision of the replay's own kept from it.
    """
    return _with_unasked(screening.margins, screening, chosen, model)


def _with_unasked(
    values: NDArray[np.float64], screening: Screening, chosen: NDArray[np.intp], model: Model
) -> NDArray[np.float64]:
    found = values[chosen]
    unasked = np.flatnonzero(np.isnan(found))
    if unasked.size:
        found[unasked] = model.raw(screening.features[chosen[unasked]])
    return found


def talks_of(events: CallBatch) -> NDArray[np.int64]:
    """Calling and called party of each talk that ends in a batch, shape (n, 2)."""
    talks = np.flatnonzero(~events.is_setup & (events.talk_ms > TALK_MS))
    return np.column_stack([events.calling[talks], events.called[talks]])


def is_wanted(screening: Screening, windows_s: float) -> NDArray[np.bool_]:
    """Which calls reach the model's step for the first time, in windows that are old enough; shape (n_calls,).

    Args:
        screening: Of a batch whose calls were all judged.
        windows_s: Least age of the windows of a call's trunk group, seconds.
    """
    wanted = np.maximum(screening.features[:, WINDOWS_AGE], 0.0) >= windows_s
    for row, outcome in screening.decided.items():
        wanted[row] &= outcome.decided_by not in BEFORE_THE_MODEL and row not in screening.repeats
    return np.asarray(wanted)


def keys_of(numbers: list[str]) -> NDArray[np.int64]:
    """Keys of calling numbers, as columns have them; shape (n,)."""
    setups = [
        CallSetup(call_id="", setup_time_ms=0, calling_number=number, called_number="", trunk_group_id="")
        for number in numbers
    ]
    return build_batch(setups, [True] * len(setups), seed=PUBLIC_SEED).calling


def call_keys_of(call_ids: list[str]) -> NDArray[np.int64]:
    """Keys of call ids, as columns have them; shape (n,)."""
    setups = [
        CallSetup(call_id=one, setup_time_ms=0, calling_number="", called_number="", trunk_group_id="")
        for one in call_ids
    ]
    return build_batch(setups, [True] * len(setups), seed=PUBLIC_SEED).call
