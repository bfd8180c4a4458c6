"""Long work on the event loop in short slices, so that a decision on its way hardly waits for it."""

import asyncio
import time

SLICES_PER_PAUSE = 5


class TimeSlices:
    """Gives the event loop back whenever a slice is used up, and sums the processor time that was used, `busy_s`.

    Args:
        slice_s: Length of a slice, seconds.
        pauses: How many slices long a pause is.
    """

    def __init__(self, slice_s: float, *, pauses: int = SLICES_PER_PAUSE) -> None:
        self._slice_s = slice_s
        self._pause_s = pauses * slice_s
        self.busy_s = 0.0
        self.restart()

    def restart(self) -> None:
        """Begin a slice, after waiting for something else."""
        self._since_s, self._since_cpu_s = time.perf_counter(), time.thread_time()

    def stop(self) -> None:
        """End a slice, before waiting for something else."""
        self.busy_s += time.thread_time() - self._since_cpu_s

    async def breathe(self) -> None:
        """Let others run if this slice is used up.

        The pause is several slices long: a decision on its way takes a handful of turns of the loop, and meets one
        slice in all of them, not one in each.
        """
        if time.perf_counter() - self._since_s >= self._slice_s:
            self.stop()
            await asyncio.sleep(self._pause_s)
            self.restart()
