"""No background task ends unseen: the worker goes on and does its work, or it ends and says which task it was."""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import FreshTopics
from tests.faults.ending_worker import ENDED
from tests.integration.calls_case import Decided, names, place
from tests.processes import PATIENT, Worker
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

GO_ON = [
    "TrunkExchange", "ListFollower", "DecisionIndex", "ModelSwitch", "FeedbackReader", "Durability", "watch",
    "GroupCoordinator._heartbeat_routine", "Monitor._sampler",
]  # fmt: skip
"""Started again, or needed by no call."""
END = {
    "Fetcher._fetcher": "Fetcher._fetcher",
    "Recovery._restart_recovery": "Recovery._restart_recovery",
    "Consumer._commit_handler": "Consumer._commit_handler",
    "PollConsumer._locate_partitions": "PollConsumer._locate_partitions",
    "Conductor._subscriber": "Conductor._subscriber",
    "GroupCoordinator._coordination_routine": "group",
    "Fetcher._fetch_requests_routine": "fetching",
    "keep_metadata_coming.<locals>.keep": "metadata",
}
"""What is ended, and what the log calls it."""


@pytest.fixture
def environment(kafka_bootstrap: str, fresh_topics: FreshTopics, model: Path, tmp_path: Path) -> dict[str, str]:
    fresh_topics(2)
    return {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODEL_DIR": str(model),
        "ROBOCALL_CONSUMER_GROUP": f"ended-tasks-{time.time_ns()}",
        "ROBOCALL_SNAPSHOT_URL": str(tmp_path / "snapshots"),
        **PATIENT,
    }


@contextmanager
def ending(environment: dict[str, str], folder: Path, *tasks: str) -> Iterator[Worker]:
    """A worker whose tasks have been ended."""
    place(environment["ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"], names("before", 2), [0, 1])
    worker = Worker(environment, folder / "worker.log", ("-m", "tests.faults.ending_worker", *tasks))
    try:
        wait_until(lambda: ENDED in worker.log.read_text() or worker.process.poll() is not None, "tasks are ended")
        yield worker
    except BaseException:
        sys.stderr.write(worker.log.read_text(errors="replace")[-3_000:])
        raise
    finally:
        if worker.process.poll() is None:
            worker.kill()


def test_a_worker_whose_helpers_are_ended_goes_on(
    kafka_bootstrap: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """All of them at once; those that do something are started again."""
    decided, after = Decided(kafka_bootstrap), names("after", 4)
    with ending(environment, tmp_path, *GO_ON) as worker:
        ended = re.search(f"{ENDED}: (\\d+)", worker.log.read_text())
        assert ended is not None
        assert int(ended[1]) >= len(GO_ON)
        place(kafka_bootstrap, after, [0, 1])
        wait_until(lambda: set(after) <= decided.calls().keys(), "calls are decided")
        wait_until(lambda: worker.log.read_text().count("starting it again") == len(GO_ON) - 2, "jobs are started")
        wait_until(lambda: worker.health().get("status") == "ok", "all is well")
        assert worker.stop() == 0


@pytest.mark.parametrize("task", END)
def test_a_worker_that_lost_a_task_it_cannot_do_without_ends_and_says_so(
    environment: dict[str, str], tmp_path: Path, task: str
) -> None:
    """Status 1, and the name of the task in the log: whoever watches it starts another."""
    with ending(environment, tmp_path, task) as worker:
        assert worker.process.wait(HANG_S) == 1
        assert f"the background task {END[task]} ended" in worker.log.read_text()
