"""Lines that are no events are counted; where none is one, a command says that in place of an answer."""

import pytest

from streams.commands.events.lines import require_events
from streams.errors import ReplayFailed


def test_one_event_among_bad_lines_is_enough() -> None:
    require_events(read=3, bad=2)


@pytest.mark.parametrize(
    ("read", "bad", "said"), [(0, 0, "there are no call events"), (2, 2, "none of 2 lines is a call event: want JSON")]
)
def test_lines_without_an_event_are_refused(read: int, bad: int, said: str) -> None:
    with pytest.raises(ReplayFailed, match=said):
        require_events(read, bad)
