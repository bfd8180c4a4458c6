"""The agent of a Faust application, whatever it does with polls."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from streams.kafka.fetched import Poll


class Answers(Protocol):
    """What answers polls, one after the other."""

    async def __call__(
        self, poll: Poll, acknowledge: Callable[[], object], set_aside: Callable[[], object] | None = None, /
    ) -> None:
        """Answer everything in a poll.

        Args:
            poll: What the transport handed over.
            acknowledge: To be called once, when all answers are safe at the broker.
            set_aside: To be called once at most, before that: what is left waits for partitions that cannot be written
                to.
        """


def add_agent(app: Any, source: Any, name: str, answer: Answers, fail: Callable[[BaseException], object]) -> None:
    """Add an agent to an application; once.

    Args:
        app: The Faust application.
        source: The topic that it was made with.
        name: Of the agent.
        answer: Called with poll after poll.
        fail: Told what it raises: that poll stays unanswered for ever, so the process has to end.
    """

    async def answer_polls(stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                await answer(event.value, event.ack, partial(app.consumer.set_aside, event.message))
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing of this poll may be acknowledged
                fail(error)

    app.agent(source, name=name)(answer_polls)
