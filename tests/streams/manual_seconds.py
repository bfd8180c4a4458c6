"""The twin in seconds of `detector.testing.ManualClock`."""


class ManualSeconds:
    """Tells a time that a test chooses; call it to read it.

    Args:
        now_s: seconds at the start.
    """

    def __init__(self, now_s: float = 1_000.0) -> None:
        self._now_s = now_s

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self._now_s

    def advance(self, by_s: float) -> None:
        """Move on by so many seconds."""
        self._now_s += by_s
