"""Partitions take turns in the transport: what one has too much of waits, and is read again where it may be others'."""

from typing import Any

from faust.types import TP

from streams.kafka.fetched import Poll, Rows
from tests.streams.kafka.transport_case import CALLS, OTHERS, rows


class Driver:
    """Brings what waits for it, of the partitions that are asked for."""

    def __init__(self, consumer: Any) -> None:
        self.brings: dict[TP, Rows] = {}
        self.asked: list[set[TP]] = []
        consumer._thread.getmany = self.getmany
        consumer._get_active_partitions = lambda: {CALLS, OTHERS}
        consumer.locator.located = {CALLS, OTHERS}

    async def getmany(self, active_partitions: set[TP], timeout_s: float) -> dict[TP, Rows]:
        del timeout_s
        self.asked.append(active_partitions)
        return {tp: self.brings.pop(tp) for tp in active_partitions & self.brings.keys()}


def next_poll(consumer: Any) -> Any:
    """What the transport hands out next; None when that is nothing."""

    async def poll() -> Any:
        return [message.value async for _, message in consumer.getmany(0.01)]

    polls = consumer.loop.run_until_complete(poll())
    return polls[0] if polls else None


def test_what_is_fetched_meanwhile_does_not_wait_for_all_that_another_partition_has(consumer: Any) -> None:
    """The rest of it waits, is not asked for again, and goes on in the next poll beside what has come."""
    driver = Driver(consumer)
    consumer._turns.hand_out()(16)
    driver.brings = {CALLS: rows(0, 1_000)}
    first = next_poll(consumer)
    assert first.parts[0][1].offsets() == list(range(16))

    consumer.loop.call_later(0.01, first.screened, 16)
    driver.brings = {OTHERS: rows(0, 2), CALLS: rows(1_000, 1_001)}
    second = next_poll(consumer)

    assert {tp: part.offsets() for tp, part in second.parts} == {CALLS: list(range(16, 30)), OTHERS: [0, 1]}
    assert driver.asked == [{CALLS, OTHERS}, {OTHERS}]


def test_what_waits_is_read_again_after_a_rebalance(consumer: Any) -> None:
    """Others may have decided it meanwhile."""
    driver = Driver(consumer)
    consumer._turns.hand_out()(16)
    driver.brings = {CALLS: rows(0, 1_000)}
    consumer.ack(Poll.message(next_poll(consumer), generation=1))

    consumer.app.consumer_generation_id += 1
    assert next_poll(consumer) is None
    next_poll(consumer)

    assert consumer._thread.sought == [(CALLS, 16)]
    driver.brings = {CALLS: rows(16, 20)}
    assert next_poll(consumer).parts[0][1].offsets() == list(range(16, 20))
