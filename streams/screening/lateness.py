"""Answers that come too late: who passes for having waited, until when an answer holds, and what replaces it.

It reads no clock: the present is an argument. In a picture, for one call, time running to the right:

    arrival        shed_after         deadline
       |----judged----|----overload-------|----late---->     its batch begins here: `Waiting.passed`
       |------------answer holds----------|--late form->     its answer leaves here: `Waiting.expires_ms`

Both bounds themselves still belong to the part before them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from detector.columns.arrays import Ints
from detector.contract.decisions import Outcome
from detector.policy import unjudged


@dataclass(frozen=True, slots=True)
class LateForm:
    """What replaces an answer that did not leave in time.

    Attributes:
        expires_ms: Last instant at which the answer itself may leave, epoch milliseconds.
        encode: Makes the bytes that leave after it, of the present in epoch milliseconds. Called at most once, by
            whoever sends, possibly much later. It may raise what encoding raises.
    """

    expires_ms: int
    encode: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Waiting:
    """When a batch begins, and how long its calls may have waited by then.

    Attributes:
        now_ms: Wall clock, epoch milliseconds.
        deadline_ms: A switch no longer waits for an answer that is older than this, milliseconds.
        shed_after_ms: A call that waited longer is not judged, so that those behind it need not wait; milliseconds.
    """

    now_ms: int
    deadline_ms: int
    shed_after_ms: int

    def passed(self, arrivals_ms: Ints) -> dict[int, Outcome]:
        """Outcome by row of the calls that are not judged. Called once for each batch, before it is screened.

        Args:
            arrivals_ms: Of each call, shape (n_setups,), epoch milliseconds; 0 or less where nobody knows: such a call
                did not wait.
        """
        waited_ms = self.now_ms - arrivals_ms
        has_waited = (waited_ms > min(self.deadline_ms, self.shed_after_ms)) & (arrivals_ms > 0)
        return {row: self._outcome(waited_ms.item(row)) for row in np.flatnonzero(has_waited).tolist()}

    def _outcome(self, waited_ms: int) -> Outcome:
        if waited_ms > self.deadline_ms:
            return unjudged.late(waited_ms, self.deadline_ms)
        return unjudged.overload(waited_ms, self.shed_after_ms)

    def expires_ms(self, arrival_ms: int) -> int:
        """Last instant at which the answer of a call may leave as it is, epoch milliseconds."""
        return arrival_ms + self.deadline_ms

    def late(self, arrival_ms: int, now_ms: int) -> Outcome:
        """Outcome of a call whose answer leaves after it expired, at `now_ms`."""
        return unjudged.late(now_ms - arrival_ms, self.deadline_ms)
