"""Tell somebody, every few seconds, that a block of code still runs. It imports little: it speaks before all else."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def told_every(interval_s: float, tell: Callable[[float], None]) -> Iterator[None]:
    """Call `tell` again and again, from a thread, with the seconds since the block began; not after the block.

    The end of the block waits for a `tell` that is running.

    Args:
        interval_s: between two calls; the first comes after one interval.
        tell: must be quick and must not raise.
    """
    done, began_s = threading.Event(), time.monotonic()

    def work() -> None:
        while not done.wait(interval_s):
            tell(time.monotonic() - began_s)

    thread = threading.Thread(target=work, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
