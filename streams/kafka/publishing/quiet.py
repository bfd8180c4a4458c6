"""What aiokafka would say in many lines comes back as one error that says what to do: meanwhile its log is silent."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LOGGER = logging.getLogger("aiokafka")


class _Silence:
    """Threads may be silent at the same time: the last one that ends gives the log its level back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._level = logging.NOTSET

    def begin(self) -> None:
        with self._lock:
            if not self._users:
                self._level = LOGGER.level
                LOGGER.setLevel(logging.CRITICAL)
            self._users += 1

    def end(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                LOGGER.setLevel(self._level)


_SILENCE = _Silence()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep aiokafka's log silent."""
    _SILENCE.begin()
    try:
        yield
    finally:
        _SILENCE.end()
