"""Somebody hears again and again that a block still runs, and nothing afterwards."""

import threading

from streams.running.told_every import told_every


def test_it_is_told_again_and_again_until_the_block_ends() -> None:
    """The block itself ends when it has been told three times: no clock is read here."""
    told: list[float] = []
    enough = threading.Event()

    def tell(elapsed_s: float) -> None:
        told.append(elapsed_s)
        if len(told) == 3:
            enough.set()

    with told_every(0.001, tell):
        assert enough.wait(60)

    assert told == sorted(told)
    assert "progress" not in {thread.name for thread in threading.enumerate()}
