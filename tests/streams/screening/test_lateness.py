"""Who passes for having waited, and until when an answer holds.

Every call is drawn from its arrival (`*`) to the instant that is asked about (`|`); times in ms before the present.
"""

import pytest

from streams.screening.lateness import Waiting
from tests.streams.screening.answers_case import NOW_MS, WAITING, ints


@pytest.mark.parametrize(
    ("waited_ms", "code"),
    [
        # 2001   2000 .......... 501   500 ...... 0        -5
        #    .      .               .     .        |         *    from a clock that is ahead of ours
        (-5, None),
        #    .      .               .     .        *
        (0, None),
        #    .      .               .     *========|              the bound itself is still judged
        (500, None),
        #    .      .               *==============|
        (501, "overload"),
        #    .      *==============================|              the deadline itself is still overload
        (2_000, "overload"),
        #    *=====================================|
        (2_001, "late"),
        # an arrival of 0 is one that nobody knows: it did not wait
        (NOW_MS, None),
    ],
)
def test_how_long_a_call_waited_decides(waited_ms: int, code: str | None) -> None:
    """The call stands between one that waited 100 ms and one that did not wait."""
    passed = WAITING.passed(ints(NOW_MS - 100, NOW_MS - waited_ms, NOW_MS))

    assert list(passed) == ([] if code is None else [1])
    if code is not None:
        (reason,) = passed[1].reasons
        bound = 2_000 if code == "late" else 500
        assert (reason.code, reason.value, reason.threshold) == (code, waited_ms, bound)
        assert f"{waited_ms} ms" in reason.text
        assert f"{bound} ms" in reason.text


def test_a_limit_of_waiting_beyond_the_deadline_sheds_nobody() -> None:
    """Who would be shed is late already.

    9000          5000          1001 1000          0
      *=============+==============+===+===========|  late
                                   *===+===========|  late
                                       *===========|  judged
                    ^ shed_after_ms    ^ deadline_ms
    """
    waiting = Waiting(NOW_MS, deadline_ms=1_000, shed_after_ms=5_000)

    passed = waiting.passed(ints(NOW_MS - 1_000, NOW_MS - 1_001, NOW_MS - 9_000))

    assert {row: outcome.reasons[0].code for row, outcome in passed.items()} == {1: "late", 2: "late"}


def test_nobody_waits_in_an_empty_batch() -> None:
    """A batch of ends has no calls."""
    assert WAITING.passed(ints()) == {}


def test_an_answer_holds_until_the_deadline_of_its_call() -> None:
    """Counted from the arrival, whenever it was decided.

    arrival       decided                deadline
       *-------------+----------------------|----------->
                     |<- the answer holds ->|<- late form
    """
    assert WAITING.expires_ms(NOW_MS - 300) == NOW_MS + 1_700


def test_the_late_outcome_says_how_late() -> None:
    """In milliseconds since the arrival, not since the decision."""
    (reason,) = WAITING.late(NOW_MS - 300, NOW_MS + 1_800).reasons

    assert (reason.code, reason.value, reason.threshold) == ("late", 2_100, 2_000)
