"""The circuit breaker, as the page for switches says it."""

from streams.bridge.breaker import ANSWERS, TIMEOUTS, Breaker


def closed() -> Breaker:
    breaker = Breaker()
    breaker.answered()
    return breaker


def test_nobody_waits_for_workers_that_nobody_has_heard_of_and_one_answer_is_enough() -> None:
    breaker = Breaker()
    assert not breaker.is_closed

    breaker.answered()
    assert breaker.is_closed


def test_twenty_deadlines_in_a_row_open_it_and_an_answer_between_them_counts_anew() -> None:
    breaker = closed()
    for _ in range(TIMEOUTS - 1):
        breaker.timed_out()
    breaker.answered()
    for _ in range(TIMEOUTS - 1):
        breaker.timed_out()
    assert breaker.is_closed

    breaker.timed_out()
    assert not breaker.is_closed


def test_while_it_is_open_ten_answers_close_it() -> None:
    breaker = closed()
    for _ in range(TIMEOUTS):
        breaker.timed_out()

    for _ in range(ANSWERS - 1):
        breaker.answered()
    assert not breaker.is_closed
    breaker.answered()
    assert breaker.is_closed
