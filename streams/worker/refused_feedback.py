"""What is said of feedback that cannot be used: somebody sent it for a reason, so it does not vanish into a counter."""

import time
from collections.abc import Callable

import structlog

from streams.kafka.topics import DEAD_LETTERS
from streams.running.clock import wall_clock_ms
from streams.wire.feedback import FeedbackRefused
from streams.wire.records import dead_letter
from streams.worker.feedback import FeedbackCounts
from streams.worker.reports import Informs

LETTERS_A_MINUTE = 60
"""A source that is wrong is wrong in all its records; the first ones say what is to be known."""
MINUTE_S = 60.0

log = structlog.get_logger(__name__)


class RefusedFeedback:
    """Counts refused records, and sends at most `LETTERS_A_MINUTE` a minute to `dead-letters`, each with a log line.

    Used on the event loop alone; no method blocks or raises.

    Args:
        counts: by code.
        side: takes dead letters.
        clock_s: seconds, monotonic.
    """

    def __init__(self, counts: FeedbackCounts, side: Informs, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._counts = counts
        self._side = side
        self._clock_s = clock_s
        self._began_s = -MINUTE_S
        self._letters = 0

    def tell(
        self, place: tuple[str, int, int], refused: FeedbackRefused, key: bytes | None, value: bytes | None
    ) -> None:
        """Tell of one record.

        Args:
            place: its topic, partition and offset.
            refused: why.
            key: of the record.
            value: of the record.
        """
        self._counts.invalid[refused.code] += 1
        if self._clock_s() - self._began_s >= MINUTE_S:
            self._began_s, self._letters = self._clock_s(), 0
        self._letters += 1
        _, partition, offset = place
        if self._letters <= LETTERS_A_MINUTE:
            log.warning(
                "feedback cannot be used",
                partition=partition,
                offset=offset,
                code=str(refused.code),
                cause=refused.message,
            )
            letter = dead_letter(place, refused.code, refused.message, value, wall_clock_ms(), key)
            self._side.offer(DEAD_LETTERS, [letter])
        elif self._letters == LETTERS_A_MINUTE + 1:
            log.warning("more feedback cannot be used: it is counted, the dead letters of this minute are used up")
