"""Internal errors: every one counted, each cause logged once with its traceback, none of it with a record's content."""

import traceback
from collections.abc import Callable
from typing import Any

import structlog

MAX_CAUSES = 1_000

log = structlog.get_logger(__name__)


class Failures:
    """Takes the internal errors of a pipeline, each from where it was caught. It raises nothing itself.

    Args:
        count: told the class name of each error.
    """

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self._seen: set[tuple[str, str]] = set()

    def __call__(self, error: Exception) -> None:
        """Count it; log it when its class and the place that raised it are new."""
        found = described(error)
        self._count(found["cause"])
        seen = (found["cause"], found["trace"][-1] if found["trace"] else "")
        if seen in self._seen or len(self._seen) >= MAX_CAUSES:
            return
        self._seen.add(seen)
        log.error("internal error, the calls concerned are allowed", **found)


def described(error: BaseException) -> dict[str, Any]:
    """What may be logged of an error: its class and where it happened. Its message may quote a phone number."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "cause": type(error).__name__,
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
