"""How stories of an outbox are played."""

import asyncio

import pytest

from streams.kafka.publishing.outbox import Fate
from tests.streams.kafka.publishing.outbox_case import Play, Story, World


@pytest.fixture
def play() -> Play:
    """A function that plays a story on a running loop whose pauses end when the story says so.

    A refusal for good has the fate that is given.
    """

    def run(story: Story, refused: Fate = Fate.STUCK) -> World:
        world = World(refused)

        async def with_pauses() -> None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(asyncio.get_running_loop(), "call_later", world.call_later)
                story(world)

        asyncio.run(with_pauses())
        return world

    return run
