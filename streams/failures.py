"""Internal errors: every one counted, each cause logged once with its traceback, none of it with a record's content."""

import traceback
from collections.abc import Callable

import structlog

MAX_CAUSES = 1_000

log = structlog.get_logger(__name__)


class Failures:
    """Takes the internal errors of a pipeline.

    Args:
        count: told the class name of each error.
    """

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self._seen: set[tuple[str, str]] = set()

    def __call__(self, error: Exception) -> None:
        """Count it; log it when its class and the place that raised it are new."""
        name = type(error).__name__
        self._count(name)
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown"
        if (name, place) in self._seen or len(self._seen) >= MAX_CAUSES:
            return
        self._seen.add((name, place))
        # The message may quote a record, and with it a phone number: only where it happened is written.
        steps = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        log.error("internal error, the calls concerned are allowed", cause=name, place=place, trace=steps)
