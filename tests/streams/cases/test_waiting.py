"""Cases that wait, counted from a real topic: what came since the last look, and a topic that was made again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from prometheus_client import CollectorRegistry

from streams.cases.changes import new_entry, opened
from streams.cases.redress import CLOCK_MS, GRANTED, Claim, answer_due_ms, decided_as, new_redress
from streams.cases.store import CaseStore
from streams.cases.waiting import WaitingCases
from streams.kafka import topics
from streams.kafka.topics import CASE_RECORDS
from streams.local.services import free_ports
from streams.metrics import Metric
from streams.settings import Settings, load_settings
from streams.wire.cases import Case, CaseEntry, CaseKind
from tests.processes import ROOT
from tests.waiting import HANG_S, wait_until

pytestmark = pytest.mark.kafka

NOW_MS = 1_790_000_000_000
DUE_OF = {CaseKind.REDRESS: answer_due_ms}


def entry(what: str, at_ms: int) -> CaseEntry:
    return new_entry(who="M. Lee", what=what, why="why", now_ms=at_ms)


def asked(at_ms: int) -> Case:
    return new_redress(entry("opened", at_ms), Claim(calling_number="+12025550171"), None)


def figures(waiting: WaitingCases) -> tuple[float | None, float | None]:
    registry = CollectorRegistry()
    registry.register(waiting)
    labels = {"kind": "redress"}
    return tuple(registry.get_sample_value(one, labels) for one in (Metric.CASES_WAITING, Metric.CASES_OVERDUE))  # type: ignore[return-value]


def test_figures_follow_the_cases(settings: Settings) -> None:
    """Waiting ones of the kind, and those that are late by the clock of now, without another look too."""
    clock = [NOW_MS]
    waiting = WaitingCases(settings, DUE_OF, clock=lambda: clock[0])

    async def work() -> None:
        store = CaseStore(settings)
        early, late = await store.open(asked(NOW_MS - CLOCK_MS - 1)), await store.open(asked(NOW_MS - CLOCK_MS))
        await store.open(opened(CaseKind.CHANGE, entry("list_added", NOW_MS), subject=None, details={}))
        assert figures(waiting) == (None, None)
        await waiting.look()
        assert figures(waiting) == (2, 1)
        clock[0] += 1
        assert figures(waiting) == (2, 2)

        await store.append(early.case_id, entry("granted", NOW_MS), lambda case: decided_as(case, GRANTED))
        await store.open(asked(NOW_MS))
        await waiting.look()
        assert figures(waiting) == (2, 1)
        await store.remove(late.case_id, lambda _: True)
        await waiting.look()
        assert figures(waiting) == (1, 0)

    asyncio.run(work())


def test_a_topic_that_was_made_again_is_read_again(
    settings: Settings, kafka_admin: KafkaAdminClient, delete_topic: Callable[[str], None]
) -> None:
    waiting = WaitingCases(settings, DUE_OF, clock=lambda: NOW_MS)

    async def fill(count: int) -> None:
        store = CaseStore(settings)
        for _ in range(count):
            await store.open(asked(NOW_MS))
        await waiting.look()

    asyncio.run(fill(3))
    assert figures(waiting) == (3, 0)
    delete_topic(CASE_RECORDS)
    topics.create(kafka_admin, partitions=2, replication_factor=1)
    asyncio.run(fill(0))
    assert figures(waiting) == (0, 0)


def test_archive_run_tells_them_on_its_page_and_ends_when_told(settings: Settings, tmp_path: Path) -> None:
    """The process as it is deployed: one case that is a day late."""
    (port,) = free_ports(1)
    asyncio.run(CaseStore(settings).open(asked(time.time_ns() // 1_000_000 - CLOCK_MS - 60_000)))
    environment = {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers, "ROBOCALL_ARCHIVE_URL": str(tmp_path),
        "ROBOCALL_ARCHIVE_WEB_PORT": str(port), "ROBOCALL_ARCHIVE_CONSUMER_GROUP": f"waiting-{tmp_path.name}",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.commands.main", "archive", "run"],
        cwd=ROOT, env=os.environ | environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def overdue() -> bool:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=HANG_S) as answer:
            return b'robocall_cases_overdue{kind="redress"} 1.0' in answer.read()
        return False

    try:
        wait_until(overdue, "the page tells the late case")
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_S) == 0
    finally:
        process.kill()
        process.wait()


def test_a_broker_that_is_away_changes_no_figure() -> None:
    waiting = WaitingCases(load_settings(kafka_bootstrap_servers="127.0.0.1:9"), DUE_OF, clock=lambda: NOW_MS)

    asyncio.run(waiting.look())

    assert figures(waiting) == (None, None)
