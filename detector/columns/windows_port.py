"""What screening needs of the windows, as a protocol. It stands here, not in `contract.ports`: it speaks of columns."""

from typing import Protocol

from detector.columns.call_columns import CallBatch
from detector.contract.ports import FeatureMatrix


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
