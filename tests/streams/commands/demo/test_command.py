"""How the demo ends."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from streams.commands.demo.command import ENDINGS, _until_told


@pytest.fixture
def handlers() -> Iterator[None]:
    """Those of the test run are there again afterwards."""
    before = {number: signal.getsignal(number) for number in ENDINGS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", ENDINGS)
def test_an_ending_cancels_the_work_and_nothing_that_it_still_uses(number: signal.Signals) -> None:
    """A producer whose own task has ended before it is closed leaves another one behind, and Python says so."""
    was_used_up = list[bool]()

    async def work() -> None:
        used = asyncio.create_task(asyncio.Event().wait())
        await asyncio.sleep(0)
        signal.raise_signal(number)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            was_used_up.append(used.done())

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_until_told(work()))

    assert was_used_up == [False]
    assert signal.getsignal(number) is signal.default_int_handler, "the next one ends what is done after the work"
