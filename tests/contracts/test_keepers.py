"""What screening may expect of whoever keeps decisions: the index in a real Valkey, and the one of the tests."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from streams.redis.connection import Guard, decision_key, entity_key
from streams.redis.decisions import DecisionIndex
from streams.worker.reports import KeepsDecisions
from tests.streams.worker.fakes import Keeper
from tests.valkey_process import ValkeyProcess, run

ENTITY = "number:+12025550123"
Read = Callable[[str], Awaitable[bytes | None]]


@dataclass
class Case:
    """A keeper, and what it has kept: a decision by its id, a standing decision by its entity."""

    port: KeepsDecisions
    decision: Read
    standing: Read


Story = Callable[[Case], Awaitable[None]]


def in_memory(folder: Path, story: Story) -> None:
    del folder
    keeper = Keeper()

    async def decision(identifier: str) -> bytes | None:
        return keeper.latest.get(identifier)

    async def standing(entity: str) -> bytes | None:
        return keeper.standing.get(entity)

    async def work(_: Redis) -> None:
        await story(Case(keeper, decision, standing))

    run(work, "redis://127.0.0.1:1/0")


def in_valkey(folder: Path, story: Story) -> None:
    process = ValkeyProcess(folder)
    process.start()

    async def work(client: Redis) -> None:
        index = DecisionIndex(client, Guard())

        async def read(key: str) -> bytes | None:
            while await index.flush():
                pass
            found: Any = await client.get(key)
            return bytes(found) if found is not None else None

        await story(Case(index, lambda one: read(decision_key(one)), lambda one: read(entity_key(one))))

    try:
        run(work, process.url)
    finally:
        process.kill()


of_every_keeper = pytest.mark.parametrize(
    "play", [pytest.param(in_memory), pytest.param(in_valkey, marks=pytest.mark.kafka)]
)
Play = Callable[[Path, Story], None]


@of_every_keeper
def test_a_later_decision_on_a_call_takes_the_place_of_the_one_before(play: Play, tmp_path: Path) -> None:
    """So a look-up shows what the switch was told in the end; another call is not touched."""

    async def story(case: Case) -> None:
        for identifier, payload in (("a" * 32, b"block"), ("b" * 32, b"label"), ("a" * 32, b"late")):
            case.port.offer(identifier, "+12025550123", payload)
        assert await case.decision("a" * 32) == b"late"
        assert await case.decision("b" * 32) == b"label"
        assert await case.decision("c" * 32) is None

    play(tmp_path, story)


@of_every_keeper
def test_a_standing_decision_stands_until_it_is_ended(play: Play, tmp_path: Path) -> None:
    async def story(case: Case) -> None:
        expires_ms = time.time_ns() // 1_000_000 + 3_600_000
        case.port.offer_entity(ENTITY, b"standing", expires_ms)
        assert await case.standing(ENTITY) == b"standing"
        case.port.offer_entity(ENTITY, None, expires_ms)
        assert await case.standing(ENTITY) is None

    play(tmp_path, story)


@of_every_keeper
def test_whatever_a_switch_calls_a_number_is_kept(play: Play, tmp_path: Path) -> None:
    """Half a surrogate pair included: an error here would stand on the way of a call."""

    async def story(case: Case) -> None:
        case.port.offer("d" * 32, "\ud800", b"odd")
        assert await case.decision("d" * 32) == b"odd"

    play(tmp_path, story)
