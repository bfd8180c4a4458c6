"""Parts of the transport that need no broker: what to do with doubtful fetches, and what is committed."""

import asyncio
from typing import Any

import pytest
from faust.types import TP

from streams.kafka import transport
from streams.kafka.fetched import Poll, Rows, Unreadable, nothing
from streams.kafka.locating import Mark, Place
from streams.kafka.plugs import Plugs
from streams.wire.refusals import Code
from tests.streams.kafka.transport_case import CALLS, rows


def test_offsets_without_a_record_count_as_answered_behind_those_that_wait(consumer: Any) -> None:
    """A marker at the end of a quiet partition is nothing unread; nor may it be committed before what is before it."""
    ticket = consumer.watermarks.open([(CALLS, 8)])

    consumer._move_on(CALLS, nothing(8, 9))
    assert consumer.watermarks.watermark(CALLS) is None
    consumer.watermarks.close(ticket)

    assert consumer.watermarks.watermark(CALLS) == 9
    assert consumer.watermarks.in_flight == 0


def test_a_batch_that_cannot_be_read_is_passed_over_and_somebody_is_told(consumer: Any) -> None:
    """What is said of it is offered before the watermark moves, so that a commit waits for it as for all of that."""
    told: list[Any] = []
    consumer._plugs = Plugs(on_unreadable=lambda *one: told.append(one))
    unreadable = Unreadable(4, 8, Code.BATCH_DAMAGED, "The batch is damaged.")

    consumer._move_on(CALLS, nothing(4, 9, unreadable))

    assert told == [(CALLS, unreadable)]
    assert consumer.watermarks.watermark(CALLS) == 9


@pytest.mark.parametrize("rows", [nothing(4, 4), nothing(4, 8), nothing(12, 12)])
def test_offsets_that_were_handed_out_before_move_nothing(consumer: Any, rows: Rows) -> None:
    """A fetch that came twice, and one that is left for the next."""
    consumer.watermarks.close(consumer.watermarks.open([(CALLS, 8)]))

    consumer._move_on(CALLS, rows)

    assert consumer.watermarks.watermark(CALLS) == 8


def unread(consumer: Any, fetched: Rows) -> list[int]:
    found: Rows = consumer._unread(CALLS, fetched)
    assert found.values() == [b"%d" % offset for offset in found.offsets()]
    return found.offsets()


def test_records_that_were_handed_out_before_are_left_out(consumer: Any) -> None:
    """A seek back to the committed offset fetches what is still in flight once more."""
    consumer.watermarks.open([(CALLS, 8)])

    assert unread(consumer, rows(5, 12)) == list(range(8, 12))
    assert unread(consumer, rows(5, 8)) == []
    assert consumer._thread.sought == []


def test_a_gap_in_the_log_is_no_reason_to_read_again(consumer: Any) -> None:
    """Compaction, retention and transactions leave holes."""
    consumer.watermarks.expect(CALLS, 4)

    assert unread(consumer, rows(9, 12)) == list(range(9, 12))
    assert consumer._thread.sought == []


def test_a_fetch_that_overlapped_a_seek_is_read_again_from_where_it_must_go_on(consumer: Any) -> None:
    """Its records may come from before the seek; taking them would skip what lies between."""
    consumer.watermarks.expect(CALLS, 4)
    consumer._doubtful.add(CALLS)

    assert unread(consumer, rows(9, 12)) == []
    assert consumer._thread.sought == [(CALLS, 4)]


def test_a_fetch_that_overlapped_a_seek_and_still_fits_is_taken(consumer: Any) -> None:
    """It begins exactly where reading must go on."""
    consumer.watermarks.expect(CALLS, 9)
    consumer._doubtful.add(CALLS)

    assert unread(consumer, rows(9, 12)) == list(range(9, 12))
    assert consumer._thread.sought == []


def test_a_fetch_that_overlapped_a_seek_and_has_no_record_is_read_again_too(consumer: Any) -> None:
    """It may say that reading goes on behind what was never read."""
    consumer.watermarks.expect(CALLS, 4)
    consumer._doubtful.add(CALLS)

    consumer._move_on(CALLS, consumer._unread(CALLS, nothing(9, 12)))

    assert consumer.watermarks.watermark(CALLS) is None
    assert consumer._thread.sought == [(CALLS, 4)]


def test_a_partition_is_read_again_once_only(consumer: Any) -> None:
    """Behind the seek there may be a gap in the log itself; asking for what is not there would never end."""
    consumer.watermarks.expect(CALLS, 4)
    consumer._doubtful.add(CALLS)

    assert unread(consumer, rows(9, 12)) == []
    assert unread(consumer, rows(9, 12)) == list(range(9, 12))
    assert consumer._thread.sought == [(CALLS, 4)]


def fetch(consumer: Any) -> None:
    """Ask the driver for what there is: nothing."""
    asyncio.new_event_loop().run_until_complete(consumer._getmany({CALLS}, 0.01))


def polled(consumer: Any, fetched: Rows, *, is_located: bool = True) -> list[int]:
    """Offsets that one poll hands out, of what the driver fetched."""

    async def wait_next_records(timeout_s: float) -> Any:
        del timeout_s
        return {CALLS: fetched}, {CALLS}

    async def poll() -> list[int]:
        messages = [message async for _, message in consumer.getmany(1.0)]
        return [offset for message in messages for _, part in message.value.parts for offset in part.offsets()]

    consumer._wait_next_records = wait_next_records
    consumer.locator.located = {CALLS} if is_located else set()
    return asyncio.new_event_loop().run_until_complete(poll())


def handed_out(consumer: Any, fetched: Rows) -> Any:
    """A message in flight, as a poll of that fetch makes it."""
    ticket = consumer.watermarks.open([(CALLS, fetched.end)])
    return Poll(ticket, [(CALLS, fetched)]).message(generation=1)


def test_what_comes_before_the_flow_resumes_is_read_again(consumer: Any) -> None:
    """A fetch that waited through the rebalance takes the first records after the seek; nobody gets them."""
    consumer.watermarks.expect(CALLS, 4)
    consumer.flow_active = False
    assert polled(consumer, rows(4, 9)) == []

    consumer.flow_active = True
    fetch(consumer)
    assert consumer._thread.sought == [(CALLS, 4)], "at once: the partition may have fallen quiet"
    assert polled(consumer, rows(4, 12)) == list(range(4, 12))


def test_what_was_fetched_before_the_partition_had_to_be_restored_is_read_again(consumer: Any) -> None:
    """Handed out it would be counted while its windows are being put back."""
    consumer.watermarks.expect(CALLS, 4)
    consumer._plugs = Plugs(is_ready=lambda _: False)
    assert polled(consumer, rows(4, 9)) == []

    fetch(consumer)
    assert consumer._thread.sought == [], "not before it may be read"
    consumer._plugs = Plugs()
    fetch(consumer)
    assert consumer._thread.sought == [(CALLS, 4)]


def test_nothing_is_handed_out_before_it_is_known_where_partitions_stand(consumer: Any) -> None:
    """A rebalance that begins while the one before is being finished resumes the flow all the same."""
    consumer.watermarks.expect(CALLS, 4)
    assert polled(consumer, rows(4, 9), is_located=False) == []

    consumer.locator.located = {CALLS}
    fetch(consumer)
    assert consumer._thread.sought == [(CALLS, 4)]


def test_a_process_that_was_frozen_asks_the_group_before_it_goes_on(consumer: Any) -> None:
    """Others may have its partitions: it would decide the same calls beside them."""
    consumer.watermarks.expect(CALLS, 4)
    consumer.committed[CALLS] = 4
    consumer._awake_s -= consumer.app.conf.broker_session_timeout
    consumer._thread.is_member = False
    assert polled(consumer, rows(4, 9)) == []
    assert polled(consumer, rows(4, 9)) == [], "asked once more, and refused again"

    consumer._thread.is_member = True
    fetch(consumer)
    assert polled(consumer, rows(4, 9)) == list(range(4, 9))


def test_a_new_group_that_was_frozen_before_its_first_commit_asks_too(consumer: Any) -> None:
    """It can say no more than where it began, which is true whatever was answered since."""
    consumer._thread.read_from = consumer._thread.seek
    consumer._settle(CALLS, Place(7, is_new=True), True)
    assert polled(consumer, rows(7, 9)) == [7, 8]
    consumer._awake_s -= consumer.app.conf.broker_session_timeout
    consumer._thread.is_member = False
    assert polled(consumer, rows(9, 12)) == []
    assert consumer._thread.offered == {CALLS: 7}

    consumer._thread.is_member = True
    fetch(consumer)
    assert polled(consumer, rows(9, 12)) == [9, 10, 11]


def test_a_process_that_was_frozen_asks_with_all_that_it_has_answered(consumer: Any) -> None:
    """A commit may have been taken and nobody said so: with less the group would go back."""
    consumer.watermarks.expect(CALLS, 4)
    consumer.committed[CALLS] = 4
    consumer.watermarks.close(consumer.watermarks.open([(CALLS, 8)]))
    consumer._awake_s -= consumer.app.conf.broker_session_timeout

    polled(consumer, rows(8, 9))

    assert consumer._thread.offered == {CALLS: 8}


def test_what_was_fetched_of_a_doubtful_log_is_read_again(consumer: Any) -> None:
    """The fetch that brought the doubt may have brought records with it."""
    consumer.watermarks.expect(CALLS, 4)
    consumer._thread.doubts = [CALLS]
    assert polled(consumer, rows(4, 9)) == []
    assert consumer.locator.mark_of(CALLS) == Mark(4, None, 3)

    consumer.locator.located = {CALLS}
    fetch(consumer)
    assert consumer._thread.sought == [(CALLS, 4)]


def test_clocks_are_compared_by_what_ends_its_partition(consumer: Any) -> None:
    """What comes before the end may have waited in the log, and so may what ends it for the first time."""
    consumer.watermarks.expect(CALLS, 4)
    for first, end in ((4, 9), (9, 12)):
        polled(consumer, rows(first, end))
        assert consumer.clock.is_due(consumer._awake_s)
    polled(consumer, rows(12, 14))
    assert not consumer.clock.is_due(consumer._awake_s)


def test_only_the_watermark_is_offered_for_commit(consumer: Any) -> None:
    """Acknowledged out of order: nothing, until the gap closes."""
    first = handed_out(consumer, rows(0, 2))
    second = handed_out(consumer, rows(2, 3))

    assert consumer.ack(second)
    assert list(consumer._filter_tps_with_pending_acks()) == []
    assert consumer._new_offset(CALLS) is None

    assert consumer.ack(first)
    assert not consumer.ack(first)
    assert list(consumer._filter_tps_with_pending_acks()) == [CALLS]
    assert list(consumer._filter_tps_with_pending_acks({"other"})) == []
    assert consumer._new_offset(CALLS) == 3


def test_whoever_is_plugged_in_is_awaited_before_each_commit(consumer: Any) -> None:
    """So that what was offered beside the decisions is safe when their events are done with."""
    order: list[str] = []

    async def before_commit() -> None:
        await asyncio.sleep(0)
        order.append("before")

    async def commit(offsets: dict[TP, int]) -> bool:
        assert offsets == {CALLS: 5}
        order.append("commit")
        return True

    consumer._plugs = Plugs(before_commit=before_commit)
    consumer._thread.commit = commit
    consumer._thread.assignment = lambda: {CALLS}
    consumer.loop.run_until_complete(consumer._commit_offsets({CALLS: 5}))

    assert order == ["before", "commit"]


def test_the_last_commit_has_what_was_answered_while_another_was_under_way(consumer: Any) -> None:
    """The driver waits for that one and leaves it at that: its offsets are those of before."""
    sent: list[int | None] = []
    may_end = asyncio.Event()

    async def force_commit(topics: Any = None, start_new_transaction: bool = True) -> bool:
        del topics, start_new_transaction
        sent.append(consumer._new_offset(CALLS))
        await may_end.wait()
        return True

    async def story() -> None:
        consumer.force_commit = force_commit
        consumer.ack(handed_out(consumer, rows(0, 1)))
        earlier = asyncio.create_task(consumer.commit())
        await asyncio.sleep(0)
        consumer.ack(handed_out(consumer, rows(1, 2)))
        last = asyncio.create_task(consumer.commit_and_end_transactions())
        await asyncio.sleep(0)
        may_end.set()
        await asyncio.gather(earlier, last)

    consumer.loop.run_until_complete(story())

    assert sent == [1, 2]


def test_beyond_the_bound_nothing_more_is_set_aside(consumer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays in flight, so that reading stops; what is set aside keeps no fetch in memory, and is acknowledged."""
    monkeypatch.setattr(transport, "MAX_ASIDE_BYTES", 5)
    first, second, third = (handed_out(consumer, rows(at, at + 3)) for at in (0, 3, 6))
    for message in (first, first, second):
        consumer.set_aside(message)

    assert (consumer.watermarks.in_flight, consumer.watermarks.aside_bytes) == (2, 3)
    assert (first.value.parts, len(second.value.parts)) == ([], 1)
    assert consumer.ack(first)
    consumer.set_aside(first)
    consumer.set_aside(second)
    assert (consumer.watermarks.in_flight, consumer.watermarks.aside_bytes) == (1, 3)
    assert consumer.ack(third)
    assert (consumer.watermarks.watermark(CALLS), consumer.watermarks.answered(CALLS)) == (3, 9)
    assert consumer.ack(second)
    assert consumer.watermarks.watermark(CALLS) == 9
