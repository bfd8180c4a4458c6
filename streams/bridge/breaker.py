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

    __slots__ = ("_answers_left", "_doubts", "_timeouts")

    def __init__(self) -> None:
        self._answers_left = 1
        self._doubts = 0
        self._timeouts = 0

    @property
    def is_closed(self) -> bool:
        """Decisions come in time."""
        return self._answers_left == 0

    def answered(self) -> None:
        """Note a decision in time, whether or not its call waited for it."""
        self._doubts = self._timeouts = 0
        self._answers_left = max(0, self._answers_left - 1)

    def timed_out(self) -> None:
        """Note a call that waited as long as calls do, and had no decision."""
        self._timeouts += 1
        if self._timeouts == TIMEOUTS:
            self.open()

    def doubted(self) -> None:
        """Note a call that had no decision, but waited for less than calls do."""
        self._doubts += 1

    @property
    def is_doubtful(self) -> bool:
        """Nothing but such calls came for a while: whether workers answer has to be tried."""
        return self._doubts >= TIMEOUTS

    def open(self) -> None:
        """Let nobody wait until workers answer in time again."""
        self._doubts = self._timeouts = 0
        self._answers_left = ANSWERS
