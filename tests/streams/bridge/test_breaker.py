"""The circuit breaker: twenty deadlines open it, ten decisions in time close it."""

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


def test_the_numbers_are_those_of_the_pages() -> None:
    """docs/switch-questions.md, docs/bridge.md."""
    assert (TIMEOUTS, ANSWERS) == (20, 10)


def test_twenty_calls_that_waited_for_less_are_a_doubt_and_open_nothing() -> None:
    breaker = closed()
    for _ in range(19):
        breaker.doubted()
    assert not breaker.is_doubtful
    breaker.doubted()
    assert (breaker.is_doubtful, breaker.is_closed) == (True, True)

    breaker.answered()
    assert not breaker.is_doubtful


def test_one_that_is_opened_asks_for_ten_answers() -> None:
    breaker = closed()
    breaker.open()

    for _ in range(9):
        breaker.answered()
    assert not breaker.is_closed
    breaker.answered()
    assert breaker.is_closed
