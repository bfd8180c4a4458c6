"""Workers as they say it themselves, partitions as Kafka says it: what needs somebody stands on *Now*, and why."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from streams.console.roles import Role
from streams.console.watching.fleet import MANY_BEHIND, Partition, looked_at
from streams.kafka.group_view import GroupLag
from streams.kafka.topics import CALL_EVENTS
from streams.redis.worker_reports import WorkerHealth, WorkerReport, tell
from tests.integration.console.console_stack import publish
from tests.streams.console.console_case import Browser, Played
from tests.streams.console.desk.desk_case import MakeDesk
from tests.valkey_process import ValkeyProcess, run
from tests.waiting import LOOK_EVERY_S


def report(worker: str, status: str = "ok", *stalled: str, **lags: int) -> WorkerReport:
    """What a worker says that reads the partitions `p0`, `p1`, ..."""
    read = {name.removeprefix("p"): lag for name, lag in lags.items()}
    return WorkerReport(worker, "gbt-1", 1_764_000_000_000, health=WorkerHealth(status, read, stalled))


def test_what_nobody_reads_stands_still_or_is_far_behind_is_named() -> None:
    """The farthest behind first; a few records between two commits are nothing."""
    lag = GroupLag(2, {0: 12, 1: MANY_BEHIND, 2: 40, 3: 5_000})
    reports = [report("w-1", "ok", p0=12, p1=900), report("w-2", "stalled", f"{CALL_EVENTS}/2", p2=40)]
    assert looked_at(lag, reports) == [
        Partition(3, "", 5_000, is_stalled=False, is_unread=True),
        Partition(1, "w-1", MANY_BEHIND, is_stalled=False, is_unread=False),
        Partition(2, "w-2", 40, is_stalled=True, is_unread=False),
    ]


def test_of_workers_that_do_not_say_what_they_read_nobody_complains() -> None:
    """Those of an earlier version, or no Redis: then it is not known who reads what."""
    earlier, far = WorkerReport("w-1", "gbt-1", 1), Partition(1, "", MANY_BEHIND, is_stalled=False, is_unread=False)
    assert looked_at(GroupLag(1, {0: 12, 1: 0}), [earlier]) == []
    assert looked_at(GroupLag(2, {0: 12, 1: 0}), [earlier, report("w-2", p0=12)]) == []
    assert looked_at(GroupLag(1, {0: 12, 1: MANY_BEHIND}), []) == [far]


@pytest.mark.kafka
def test_workers_and_partitions_are_shown_and_a_fleet_without_workers_is_told(
    make_desk: MakeDesk, valkey: ValkeyProcess
) -> None:
    """A topic that nobody reads has records that are not committed."""
    desk = make_desk()
    publish(desk.settings.kafka_bootstrap_servers, *[b"{}"] * 7, topic=CALL_EVENTS)
    said = report("w-9", "degraded", p0=7)

    async def tells(client: Redis) -> None:
        assert await tell(client, said)

    run(tells, valkey.url)

    def is_whole(page: str) -> bool:
        return "not committed" in page and "w-9" in page

    page = desk.played.run(Role.OPERATOR, lambda browser: until_shown(browser, is_whole))

    assert "Nobody is in the group robocall-detector: no call is decided." in page
    assert "1 partition, 7 records not committed" in page
    assert '<span class="label">degraded</span>' in page
    assert "<td>1</td><td>7</td>" in page


def test_what_is_away_is_said(tmp_path: Path) -> None:
    """Neither Kafka nor Redis: two sentences, and no table."""
    played = Played(tmp_path)
    page = played.run(Role.OPERATOR, lambda browser: until_shown(browser, lambda page: page.count('class="bad"') == 2))
    assert "Redis" in page
    assert "<table>" not in page
    assert "No worker tells" not in page


async def until_shown(browser: Browser, is_whole: Any) -> str:
    """The part once both have answered; it asks again every few seconds."""
    page = (await browser.get("/now/workers")).text
    while not is_whole(page):
        await asyncio.sleep(LOOK_EVERY_S)
        page = (await browser.get("/now/workers")).text
    return page
