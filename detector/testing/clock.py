"""A clock that moves only when a test moves it."""


class ManualClock:
    """Tells a time that a test chooses; call it to read it, as the parts call theirs.

    Args:
        now_ms: Epoch milliseconds at the start.
    """

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def __call__(self) -> int:
        """Return the time, epoch milliseconds."""
        return self._now_ms

    def advance(self, by_ms: int) -> int:
        """Move on and return the new time.

        Args:
            by_ms: Milliseconds, at least 0.

        Raises:
            ValueError: It would go back.
        """
        if by_ms < 0:
            raise ValueError("a clock does not go back: give milliseconds of at least 0")
        self._now_ms += by_ms
        return self._now_ms
