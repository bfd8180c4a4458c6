"""A worker is killed before it could commit: what it decided is decided again, and says the same."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.kafka.topics import CALL_DECISIONS, SCORED_CALLS
from tests.integration.events_case import produce, setups
from tests.processes import PATIENT, Worker, workers
from tests.topic_reader import Reader
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

FreshTopics = Callable[..., list[str]]
PARTITIONS = 4
PART = 2_000
ENOUGH = 1_000
"""Repeated decisions that are compared."""
ENOUGH_ALIKE = 100
"""Of them, those with the same features."""
JUDGED = ("action", "would_be", "decided_by", "score", "margin", "group_score", "label", "reasons", "sip")
"""What follows from the features, and from what is held against the caller."""
OF_TRUNKS = ("trunk", "_level_")
"""In the name of each feature that reads the windows of the trunk group: a level is a share beside the group's."""
OF_A_NUMBER = {"number_distinct_trunks_1h", "number_distinct_trunks_24h"}


POLICY = """
categories:
  - name: automated_call
    label_text: Maybe automated
    when: []
    thresholds: {label_at: 0.08, label_clear: 0.05, block_at: 0.15, block_clear: 0.1}
"""


@pytest.fixture
def environment(kafka_bootstrap: str, tmp_path: Path) -> dict[str, str]:
    """Answers never grow old, offsets are committed every 10 s, and a worker keeps its partitions when it is back.

    Thresholds are where these calls are scored, so that many are labelled and some blocked.
    """
    (tmp_path / "policy.yaml").write_text(POLICY)
    return {
        "ROBOCALL_POLICY_FILE": str(tmp_path / "policy.yaml"),
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ROBOCALL_CONSUMER_GROUP": f"repeats-{time.time_ns()}",
        "ROBOCALL_SESSION_TIMEOUT_S": "60",
        "ROBOCALL_COMMIT_INTERVAL_S": "10",
        "ROBOCALL_SNAPSHOT_URL": str(tmp_path / "snapshots"),
        "ROBOCALL_SNAPSHOT_INTERVAL_S": "1",
        "ROBOCALL_SCORED_SAMPLE_RATIO": "1",
        "ROBOCALL_MODE": "enforce",
        "ROBOCALL_ENFORCE_UNMEASURED": "the tests: no traffic is measured",
        "ROBOCALL_REDRESS_URL": "https://redress.carrier.example/",
        **PATIENT,
    }


def parts() -> Iterator[list[bytes]]:
    """Traffic with robocalls among it, on and on."""
    for block in generate(TrafficSpec(seed=17, hours=24.0, calls_per_second=10.0)):
        lines = [line.encode() for line in block.json_lines()]
        for start in range(0, len(lines), PART):
            yield lines[start : start + PART]


class Said:
    """What was said of each call, in order, without the time at which it was said.

    Args:
        bootstrap: of the broker.
        topic: `call-decisions`, or `scored-calls`, which has the features too.
    """

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._reader = Reader(bootstrap, topic)

    def answered(self) -> set[str]:
        """Calls so far."""
        return set(self._reader.calls())

    def pairs(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Each repeat with what was said before it."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for _, record in self._reader.read():
            del record["decided_time_ms"]
            found[record["call_id"]].append(record)
        return [pair for answers in found.values() for pair in pairwise(answers)]


def differing(pairs: Iterable[tuple[dict[str, Any], dict[str, Any]]]) -> set[str]:
    """Names of what is not the same in all pairs."""
    return {name for first, second in pairs for name in first if first[name] != second[name]}


def unexplained(pairs: Iterable[tuple[dict[str, Any], dict[str, Any]]]) -> tuple[list[str], int]:
    """Calls whose repeat has the same features and is judged otherwise, and how many were compared.

    What is held against a number follows from its earlier calls. So of each number the pairs are compared in order of
    their calls, up to the first one with other features; there nothing else may differ than what follows from them.
    """
    moved: set[str] = set()
    found: list[str] = []
    compared = 0
    for first, second in sorted(pairs, key=lambda pair: int(pair[0]["setup_time_ms"])):
        assert {name for name in first if first[name] != second[name]} <= {"features", *JUDGED}
        if first["features"] != second["features"]:
            moved.add(first["calling_number"])
        if first["calling_number"] in moved:
            continue
        compared += 1
        if any(first[name] != second[name] for name in JUDGED):
            found.append(first["call_id"])
    return found, compared


def is_ready(running: Sequence[Worker], partitions: int) -> bool:
    return sum(int(one.health().get("partitions", 0)) for one in running) == partitions


def is_answered(said: Said, calls: set[str]) -> bool:
    return calls <= said.answered()


def kill_again_and_again(bootstrap: str, settings: dict[str, str], number: int, folder: Path) -> None:
    """Kill all workers after each part of the traffic that they have decided, until enough was repeated."""
    partitions = int(settings["ROBOCALL_PARTITIONS"])
    said, sent = Said(bootstrap, CALL_DECISIONS), set[str]()
    for part in parts():
        with workers(number, settings, folder) as running:
            wait_until(partial(is_ready, running, partitions), "every partition has a worker")
            produce(bootstrap, part)
            sent |= setups(part)
            wait_until(partial(is_answered, said, sent), "every call is decided")
            for worker in running:
                worker.kill()
        if len(said.pairs()) >= ENOUGH:
            return


def test_repeats_differ_in_what_other_partitions_say_of_a_trunk_group_and_in_nothing_else(
    kafka_bootstrap: str, redis_url: str, fresh_topics: FreshTopics, environment: dict[str, str], tmp_path: Path
) -> None:
    """Two workers. Windows and policy memory are those at the offset; trunk totals are those of this instant."""
    fresh_topics(PARTITIONS)
    with Redis.from_url(redis_url) as client:
        client.flushdb()
    settings = environment | {"ROBOCALL_REDIS_URL": redis_url, "ROBOCALL_PARTITIONS": str(PARTITIONS)}

    kill_again_and_again(kafka_bootstrap, settings, 2, tmp_path)

    decisions, scored = Said(kafka_bootstrap, CALL_DECISIONS), Said(kafka_bootstrap, SCORED_CALLS)
    wait_until(lambda: len(decisions.pairs()) >= ENOUGH, "all decisions are read")
    wait_until(lambda: len(scored.pairs()) >= ENOUGH // 2, "most features are read")
    features = differing((first["features"], second["features"]) for first, second in scored.pairs())
    assert {name for name in features if name in OF_A_NUMBER or not any(part in name for part in OF_TRUNKS)} == set()
    assert differing(decisions.pairs()) <= set(JUDGED)
    assert {first["action"] for first, _ in scored.pairs()} == {"allow", "label", "block"}
    contradictions, compared = unexplained(scored.pairs())
    assert contradictions == []
    assert compared >= ENOUGH_ALIKE


def test_of_one_partition_each_repeat_says_the_same(
    kafka_bootstrap: str, fresh_topics: FreshTopics, environment: dict[str, str], tmp_path: Path
) -> None:
    """Score, reasons and all: there is no other partition that could have gone on meanwhile."""
    fresh_topics(1)
    settings = environment | {"ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0", "ROBOCALL_PARTITIONS": "1"}

    kill_again_and_again(kafka_bootstrap, settings, 1, tmp_path)

    decisions = Said(kafka_bootstrap, CALL_DECISIONS)
    wait_until(lambda: len(decisions.pairs()) >= ENOUGH, "all decisions are read")
    assert differing(decisions.pairs()) == set()
