"""Lists of a worker: none is used before it is known, those of an earlier time hold, those of others come and go.

A real broker, and the real commands.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.kafka.topics import CALL_DECISIONS
from tests.integration.events_case import produce
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, Worker, robocall, workers
from tests.topic_reader import Reader
from tests.valkey_process import ValkeyProcess
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

LISTED, UNLISTED = "+10005550123", "+10005550124"
"""Two calling numbers that cannot exist, so that each of their calls is blocked unless a list says otherwise."""
POSSIBLE = "+12025550123"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyProcess]:
    """Not started yet."""
    process = ValkeyProcess(tmp_path)
    yield process
    process.kill()


class Case:
    """A worker that enforces, its broker, and what it decided."""

    def __init__(self, bootstrap: str, redis_url: str, folder: Path) -> None:
        self._bootstrap = bootstrap
        self._calls = 0
        self.environment = {
            "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "ROBOCALL_REDIS_URL": redis_url,
            "ROBOCALL_AWAIT_LISTS": "true",
            "ROBOCALL_MODE": "enforce",
            "ROBOCALL_ENFORCE_UNMEASURED": "the tests: no traffic is measured",
            "ROBOCALL_REDRESS_URL": "https://redress.carrier.example/",
            "ROBOCALL_PARTITIONS": "2",
            "ROBOCALL_SNAPSHOT_URL": str(folder / "snapshots"),
            "ROBOCALL_MODEL_DIR": str(save_small_model(folder / "models" / "small")),
            "ROBOCALL_CONSUMER_GROUP": f"lists-{time.time_ns()}",
            **PATIENT,
        }
        self._reader = Reader(bootstrap, CALL_DECISIONS)

    def decide(self, calling_number: str) -> tuple[str, str, str, int | None]:
        """Let a call come in: what was done with it, by which step, why, and the answer of a block."""
        self._calls += 1
        call_id = f"call-{self._calls}"
        event = {
            "type": "call_setup",
            "call_id": call_id,
            "setup_time_ms": time.time_ns() // 1_000_000,
            "calling_number": calling_number,
            "called_number": "+13125550188",
            "trunk_group_id": "t-1",
        }
        produce(self._bootstrap, [json.dumps(event).encode()])
        wait_until(lambda: call_id in self._reader.calls(), "the call is decided")
        found = next(record for _, record in self._reader.read() if record["call_id"] == call_id)
        why = next((reason["code"] for reason in found["reasons"]), "")
        return found["action"], found["decided_by"], why, (found["sip"] or {}).get("status")


@pytest.fixture
def case(kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], valkey: ValkeyProcess, tmp_path: Path) -> Case:
    fresh_topics(2)
    return Case(kafka_bootstrap, valkey.url, tmp_path)


def source(worker: Worker) -> str:
    return str(worker.health().get("lists", {}).get("source"))


PASSES = ("allow", "fail_open", "lists_unknown", None)
BLOCKED = ("block", "dno", "dno", 603)
EMERGENCY = ("allow", "emergency", "emergency_list", None)
ALLOWED = ("allow", "allow", "", None)


def test_until_lists_are_known_every_call_passes_and_health_says_so(
    case: Case, valkey: ValkeyProcess, tmp_path: Path
) -> None:
    """Redis is away from the start. Once it is there, and empty, that is known: calls are judged."""
    with workers(1, case.environment, tmp_path) as (worker,):
        wait_until(lambda: worker.health().get("status") == "lists_unknown", "the worker says what it lacks")
        assert case.decide(UNLISTED) == PASSES

        valkey.start()
        wait_until(lambda: worker.health().get("status") == "ok", "the lists are known")
        assert source(worker) == "redis"
        assert case.decide(UNLISTED) == BLOCKED
        assert worker.stop() == 0


def test_a_worker_that_starts_while_redis_is_away_goes_by_the_lists_of_an_earlier_time(
    case: Case, valkey: ValkeyProcess, tmp_path: Path
) -> None:
    """Killed between two runs of a worker: whoever was on the emergency list still is, and says how old that is."""
    valkey.start()
    robocall("lists", "add", "emergency", LISTED, environment=case.environment)
    with workers(1, case.environment, tmp_path) as (worker,):
        wait_until(lambda: source(worker) == "redis", "the lists are read")
        wait_until(lambda: [*(tmp_path / "snapshots").glob("kept-*.lists")], "the lists are kept")
        assert (case.decide(LISTED), case.decide(UNLISTED)) == (EMERGENCY, BLOCKED)
        assert worker.stop() == 0

    valkey.kill()
    with workers(1, case.environment, tmp_path) as (worker,):
        wait_until(lambda: worker.health().get("status") == "ok", "the worker is ready")
        assert (case.decide(LISTED), case.decide(UNLISTED)) == (EMERGENCY, BLOCKED)
        lists = worker.health()["lists"]
        assert (lists["source"], lists["emergency_held"]) == ("kept", False)
        assert lists["age_s"] > 0
        assert worker.stop() == 0
    assert worker.log.read_text().count("lists of an earlier time hold") == 1


def entries(worker: Worker) -> int:
    """Of do-not-originate lists of others in force; -1 before the worker says so."""
    return int(worker.health().get("dno", {}).get("entries", -1))


def test_a_list_takes_effect_and_ends_while_a_worker_runs(case: Case, valkey: ValkeyProcess, tmp_path: Path) -> None:
    """Imported, damaged where it lies, and removed: the worker says in `/health` what is in force."""
    valkey.start()
    place = tmp_path / "numbers"
    case.environment["ROBOCALL_NUMBERS_URL"] = str(place)
    (tmp_path / "list.csv").write_text("prefix\n202555,a bank\n")
    with workers(1, case.environment, tmp_path) as (worker,):
        wait_until(lambda: entries(worker) == 0, "the place is looked at")
        assert case.decide(POSSIBLE) == ALLOWED

        imported = ("dno", "import", str(tmp_path / "list.csv"), "--name", "registry", "--date", "2026-01-02")
        robocall(*imported, environment=case.environment)
        wait_until(lambda: entries(worker) == 1, "the list is in force")
        assert case.decide(POSSIBLE) == BLOCKED

        (place / "registry.dno").write_bytes(b"damaged")
        wait_until(lambda: worker.health()["dno"]["lists"][0]["problem"], "the damage is seen")
        assert case.decide(POSSIBLE) == BLOCKED

        robocall("dno", "remove", "registry", environment=case.environment)
        wait_until(lambda: entries(worker) == 0, "the list is gone")
        assert case.decide(POSSIBLE) == ALLOWED
        assert worker.stop() == 0
