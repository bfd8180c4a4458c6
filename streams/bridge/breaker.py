"""Whether it is worth waiting for decisions: callers should not wait for a deadline each while nobody answers. Pure."""

TIMEOUTS = 20
"""So many deadlines in a row, and nobody waits any more."""
ANSWERS = 10
"""So many decisions in time, and everybody waits again."""


class Breaker:
    """Counts what became of calls. It begins open: the first decision in time closes it.

    As the page for switches says it (docs/switch-questions.md, circuit breaker), but for what it counts while it is
    open: decisions in time about calls that passed, instead of one call in a hundred that waits.
    """

    __slots__ = ("_answers_left", "_timeouts")

    def __init__(self) -> None:
        self._answers_left = 1
        self._timeouts = 0

    @property
    def is_closed(self) -> bool:
        """Decisions come in time."""
        return self._answers_left == 0

    def answered(self) -> None:
        """Note a decision in time, whether or not its call waited for it."""
        self._timeouts = 0
        self._answers_left = max(0, self._answers_left - 1)

    def timed_out(self) -> None:
        """Note a call that waited and had no decision by its deadline."""
        self._timeouts += 1
        if self._timeouts == TIMEOUTS:
            self._answers_left = ANSWERS
