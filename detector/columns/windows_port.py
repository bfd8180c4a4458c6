"""What screening needs of the windows, as a protocol. It stands here, not in `contract.ports`: it speaks of columns."""

from typing import NamedTuple, Protocol

from detector.columns.arrays import Floats, Ints
from detector.columns.call_columns import CallBatch
from detector.contract.ports import FeatureMatrix
from detector.features.schemas import Schema

NO_KEY = -1


class Neighbours(NamedTuple):
    """What the model made of the calls of the last hour that have something in common with each of n calls.

    Attributes:
        mean: Mean margin of the calls of one key, the largest that there is, in log-odds; of few calls less than they
            have (`detector.windows.group_memory.shrunk_mean`). 0 where there are none. Shape (n,).
        key: Which key that is: 0 the calling number, 1 the origin, 2 the number block; `NO_KEY` where there are no
            calls. Shape (n,).
        calls: How many calls, the one itself left out, shape (n,).
        since_ms: How long before the call they began, to a few minutes, shape (n,).
    """

    mean: Floats
    key: Ints
    calls: Ints
    since_ms: Ints


class Windows(Protocol):
    """Sliding windows over call events. `detector.windows.WindowEngine` is the one that serves.

    Every window is half-open in event time: at `now` it holds what happened in `(now - length, now]`, so an event that
    is exactly `length` old has left it. A late event is counted at the time that it bears, as long as a window still
    reaches back to it. Batches come one after the other, from one thread, with the events of a key in order of arrival.
    """

    def update(self, batch: CallBatch) -> FeatureMatrix:
        """Count all events of a batch in order, and say what was known at each call setup.

        It is called once for each batch of which a call is to be judged. It must not block or wait: calls are waiting
        for it. If it raises, the whole batch passes unjudged.

        Returns:
            One row for each call setup, in order: shape (n_setups, n_features) float32. A row shows the call itself and
            every event before it, those earlier in the same batch included, and nothing after it. A feature that has
            too few calls to say anything is `NOT_ENOUGH_DATA`; none is NaN.
        """
        ...

    def count(self, batch: CallBatch) -> None:
        """Count all events of a batch as `update` does, and read nothing.

        It is called instead of `update` for events that nobody waits for: those that passed beforehand, and those that
        are counted again after a restart. The same rules hold.
        """
        ...

    def use(self, schema: Schema) -> Schema:
        """Give the features of a table from now on; what it wants and nobody remembered begins with nothing.

        Called when the model changes, and where it did not change, which does nothing.

        Returns:
            The table that is given from now on: that one, or one that has the same columns first.
        """
        ...

    def keep_margins(self, model: str) -> None:
        """Keep the margins of a model from now on; those of another one are forgotten.

        Called when the model changes, and where it did not change, which does nothing.

        Args:
            model: Its version; empty where none are wanted.
        """
        ...

    def add_margins(self, batch: CallBatch, rows: Ints, margins: Floats) -> Neighbours:
        """Say what was known before each of some calls, and add their margins, one after the other.

        Called at most once for each batch, after `update`, while calls wait, and only where margins are kept.

        Args:
            batch: As for `update`.
            rows: Which of its set-ups, ascending, shape (n,).
            margins: What the model made of these, log-odds, shape (n,).
        """
        ...
