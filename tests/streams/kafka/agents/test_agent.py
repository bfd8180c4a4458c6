"""Every poll is answered; what fails ends the process, and the poll stays unanswered."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

from streams.kafka.agents.agent import add_agent


class App:
    """As much of an application as an agent sees; its stream ends after two polls."""

    def __init__(self) -> None:
        self.name = ""
        self.told: list[tuple[str, object]] = []
        self.consumer = SimpleNamespace(set_aside=lambda message: self.told.append(("aside", message)))
        self.body: Any = None

    def agent(self, source: object, *, name: str) -> Callable[[Any], None]:
        assert source == "call-events"
        self.name = name
        return lambda body: vars(self).update(body=body)

    def noack(self) -> "App":
        return self

    async def events(self) -> AsyncIterator[Any]:
        for poll in ("first", "second"):
            yield SimpleNamespace(
                value=poll, message=f"of {poll}", ack=lambda poll=poll: self.told.append(("ack", poll))
            )


def test_polls_are_answered_one_after_the_other_and_what_fails_is_told_and_not_acknowledged() -> None:
    app, failures = App(), list[BaseException]()
    broken = ArithmeticError("a bug")

    async def answer(
        poll: Any, acknowledge: Callable[[], object], set_aside: Callable[[], object] | None = None
    ) -> None:
        assert set_aside is not None
        set_aside()
        if poll == "first":
            raise broken
        acknowledge()

    add_agent(app, "call-events", "screen_calls", answer, failures.append)
    asyncio.run(app.body(app))
    assert app.name == "screen_calls"
    assert failures == [broken]
    assert app.told == [("aside", "of first"), ("aside", "of second"), ("ack", "second")]
