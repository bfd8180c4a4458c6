"""The log of the Kafka client is silent as long as somebody needs it to be, and speaks again afterwards."""

import logging
import threading

from streams.kafka.publishing.quiet import LOGGER, quiet


def test_the_last_thread_that_ends_gives_the_level_back() -> None:
    """Two at once, of which the first that began ends first: the log must not stay silent."""
    before = LOGGER.level
    may_end, began = threading.Event(), threading.Event()

    def other() -> None:
        with quiet():
            began.set()
            may_end.wait(60)

    thread = threading.Thread(target=other)
    with quiet():
        thread.start()
        assert began.wait(60)
    assert LOGGER.level == logging.CRITICAL
    may_end.set()
    thread.join()
    assert LOGGER.level == before
