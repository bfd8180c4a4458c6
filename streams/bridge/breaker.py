"""Whether it is worth waiting for decisions: callers should not wait for a deadline each while nobody answers. Pure."""

TIMEOUTS = 20
"""So many deadlines in a row, and nobody waits any more."""
ANSWERS = 10
"""So many decisions in time, and everybody waits again."""
ONE_IN = 100
"""Of the calls that come meanwhile, one in so many waits all the same."""


class Breaker:
    """Counts what became of the calls that waited. It begins open: the first decision in time closes it.

    As the page for switches says it (docs/switch-questions.md, circuit breaker).
    """

    __slots__ = ("_answers_left", "_passed", "_timeouts")

    def __init__(self) -> None:
        self._answers_left = 1
        self._passed = 0
        self._timeouts = 0

    @property
    def is_closed(self) -> bool:
        """Decisions come in time."""
        return self._answers_left == 0

    def may_wait(self) -> bool:
        """Whether the next call is to wait; asked once for each."""
        if self.is_closed:
            return True
        self._passed += 1
        return self._passed % ONE_IN == 0

    def answered(self) -> None:
        """Note a decision in time."""
        self._timeouts = 0
        self._answers_left = max(0, self._answers_left - 1)

    def timed_out(self) -> None:
        """Note a call that had no decision by its deadline."""
        self._timeouts += 1
        if self._timeouts == TIMEOUTS:
            self._answers_left = ANSWERS
