"""What a replay keeps to learn from: features and margins of calls, their keys, talks, and what was said of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.columns.call_columns import CallBatch
from detector.columns.numbering import ANONYMOUS, FOREIGN, VALID
from detector.features.schemas import SCHEMAS, own_columns
from detector.policy.budgets import HOUR_S
from detector.policy.model_step import WINDOWS_AGE
from models.adapt.calls import Calls
from models.adapt.rows import Rows
from models.data.joining import Joining
from models.errors import TrainingDataInvalid
from models.serve.artifact import Model
from models.traffic.truth import Truth
from streams.commands.budgets.collecting import call_keys_of, deciding, is_wanted, margins_of, talks_of
from streams.screening.batch import Batch

BLOCK_FACTOR = 1_000_003
"""Keys of trunk groups are hashes: a block's is that of its trunk group times this, and its six digits."""
_NAMES = ("at_ms", "call", "number", "called", "origin", "block", "windows_s", "is_number", "margins", "grouped")


class Gathering:
    """Keeps what is learnt from: 0.8 KB a call, 16 bytes a talk. It takes no call whose windows are young.

    Args:
        model: The base, or a copy of it with a group weight; asked for margins.
        windows_h: Least age of the windows of a call's trunk group, hours.
        joining: Looks at every call; None where nothing was said of any.

    Attributes:
        rows: Features of the calls kept so far.
    """

    def __init__(self, model: Model, windows_h: float, joining: Joining | None) -> None:
        self._model = model
        self._windows_s = windows_h * HOUR_S
        self._joining = joining
        self._columns: dict[str, list[NDArray[Any]]] = {name: [] for name in _NAMES}
        self._talks: list[NDArray[np.int64]] = []
        self._width = len(SCHEMAS[model.schema_id].names)
        self.rows = Rows(self._width)

    def add(self, batch: Batch) -> None:
        """Keep what is of use of one batch; one that could not be judged as a whole teaches nothing."""
        columns, screening = batch.columns, batch.screening
        if columns is None:
            return
        events, calls = columns.events, columns.calls
        self._talks.append(talks_of(events))
        if self._joining is not None and len(calls):
            texts = [calls.column(name) for name in ("call_id", "calling_number", "called_number")]
            for one in zip(*texts, calls.reported_ms.tolist(), strict=True):
                self._joining.take(*one)
        if len(screening.calls) != len(calls) or not len(screening.features):
            return
        chosen = np.flatnonzero(is_wanted(screening, self._windows_s))
        rows = own_columns(screening.features[chosen], self._width)
        at = np.flatnonzero(events.is_setup)[chosen]
        kept = {
            "at_ms": calls.now_ms[chosen],
            "windows_s": np.maximum(rows[:, WINDOWS_AGE], 0.0),
            "margins": margins_of(screening, chosen, self._model),
            "grouped": deciding(screening, chosen, self._model),
            **_keys(events, at),
        }
        for name, values in kept.items():
            self._columns[name].append(values)
        self.rows.add(rows)

    def calls(self) -> Calls:
        """Everything that was kept.

        Raises:
            TrainingDataInvalid: no call reached the model in windows that are old enough.
        """
        if not len(self.rows):
            hours = self._windows_s / HOUR_S
            raise TrainingDataInvalid(
                f"no call reached the model in windows of {hours:g} h: give a longer span, or a lower --windows-h"
            )
        whole: dict[str, Any] = {name: np.concatenate(parts) for name, parts in self._columns.items()}
        return Calls(rows=self.rows, talks=np.concatenate(self._talks), **whole)

    def said(self) -> dict[int, Truth]:
        """Labels of all calls that something was said of, by key of the call id; called once."""
        labels = dict(self._joining.labels()) if self._joining is not None else {}
        return dict(zip(call_keys_of(list(labels)).tolist(), labels.values(), strict=True))


def _keys(events: CallBatch, at: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """By what the setups at some places of a batch belong together."""
    number_class, npanxx = events.number_class[at], events.calling_npanxx[at]
    return {
        "call": events.call[at],
        "number": np.where(number_class == ANONYMOUS, 0, events.calling[at]),
        "called": events.called[at],
        "origin": events.origin[at],
        "block": np.where(npanxx >= 0, events.trunk[at] * BLOCK_FACTOR + npanxx, 0),
        "is_number": np.isin(number_class, (VALID, FOREIGN)),
    }
