"""A switch with another partitioner is counted and named, by an agent with a real pipeline."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import structlog.testing
from faust.types import TP

from streams.kafka.fetched import Poll, rows_of
from streams.kafka.partitioner import partitions_of
from streams.kafka.topics import CALL_EVENTS
from tests.streams.worker.agent_case import NOW_MS, World

PARTITIONS = 6
NUMBERS = [f"+1202555{number:04d}" for number in range(600)]


def told(model: Path, places: list[int]) -> tuple[World, list[Any]]:
    """Screen a call of each number in the partition that it was put in; returns what was logged."""
    world = World(model)
    world.partitions = PARTITIONS
    with structlog.testing.capture_logs() as lines:
        for first in range(0, len(NUMBERS), 20):
            world.now_ms += 1_000
            _screen(world, list(zip(NUMBERS, places, strict=True))[first : first + 20])
    return world, [line for line in lines if line["log_level"] in {"warning", "info"}]


def _screen(world: World, placed: list[tuple[str, int]]) -> None:
    records: dict[int, list[tuple[int, int, bytes | None, bytes | None]]] = {}
    for index, (number, partition) in enumerate(placed):
        event = {
            "type": "call_setup",
            "call_id": f"call-{number}",
            "setup_time_ms": NOW_MS,
            "calling_number": number,
            "called_number": "+13125550145",
            "trunk_group_id": "tg-7",
            "switch_id": "sbc-1",
        }
        record = (index, world.now_ms, number.encode(), msgspec.json.encode(event))
        records.setdefault(partition, []).append(record)
    parts = [(TP(CALL_EVENTS, partition), rows_of(some)) for partition, some in sorted(records.items())]
    asyncio.run(world.screening.screen(Poll(1, parts), lambda: None))


def test_nothing_is_said_where_all_is_well(model: Path) -> None:
    world, lines = told(model, partitions_of([number.encode() for number in NUMBERS], PARTITIONS))

    assert world.figure("robocall_places_checked_total") == 4 * len(NUMBERS) // 20
    assert world.figure("robocall_stray_partitions_total") == 0
    assert lines == []


def test_another_partitioner_is_counted_and_its_switch_named_once_a_minute(model: Path) -> None:
    """All calls within 30 s of the worker's clock."""
    world, lines = told(model, [int(number[-4:]) % PARTITIONS for number in NUMBERS])

    assert world.figure("robocall_stray_partitions_total") > 0
    (line,) = lines
    assert "partitioner=murmur2" in line["remedy"]
    assert (line["switch_id"], line["trunk_group_id"]) == ("sbc-1", "tg-7")


def test_more_partitions_than_we_have_heard_of_are_no_stray(model: Path) -> None:
    world, lines = told(model, [PARTITIONS] * len(NUMBERS))

    assert world.figure("robocall_places_checked_total") == 0
    assert lines == []
