"""Tell somebody, every few seconds, that a block of code still runs. It imports little: it speaks before all else."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

EVERY_S = 4.0
"""Between two signs of life. The promise is 5 s; a busy machine wakes a thread late."""
FIRST_S = 1.5
"""Until the first one of what is mostly done sooner."""


@contextlib.contextmanager
def told_every(interval_s: float, tell: Callable[[float], None], first_s: float | None = None) -> Iterator[None]:
    """Call `tell` again and again, from a thread, with the seconds since the block began; not after the block.

    The end of the block waits for a `tell` that is running.

    Args:
        interval_s: between two calls.
        tell: must be quick and must not raise.
        first_s: until the first call; one interval unless given.
    """
    done, began_s = threading.Event(), time.monotonic()

    def work() -> None:
        wait_s = interval_s if first_s is None else first_s
        while not done.wait(wait_s):
            tell(time.monotonic() - began_s)
            wait_s = interval_s

    thread = threading.Thread(target=work, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
