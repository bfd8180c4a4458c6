"""Worker and grouping together, on a real broker: suspect calls become a campaign, and later calls name it."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams.campaigns.records import CampaignRecord
from streams.campaigns.topic import campaigns_now
from streams.kafka.topics import CALL_DECISIONS
from streams.settings import load_settings
from tests.integration.events_case import produce
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, Worker, robocall, workers
from tests.topic_reader import Reader
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

RUN = ("-m", "streams.commands.main", "campaigns", "run")


def call(number: int, calling_number: str) -> bytes:
    """A set-up of this instant."""
    fields = {
        "type": "call_setup",
        "call_id": f"call-{number}",
        "setup_time_ms": time.time_ns() // 1_000_000,
        "calling_number": calling_number,
        "called_number": f"+13125550{number:03d}",
        "trunk_group_id": "t-1",
    }
    return json.dumps(fields).encode()


def grouped() -> list[CampaignRecord]:
    """The campaigns of the topic."""
    return list(campaigns_now(load_settings()).records.values())


def why(reader: Reader, number: int) -> dict[str, Any]:
    """The decision on a call, its reasons by code; empty before there is one."""
    found = [one for _, one in reader.read() if one["call_id"] == f"call-{number}"]
    return {reason["code"]: reason["text"] for reason in found[0]["reasons"]} if found else {}


def test_later_calls_of_a_campaign_name_it_until_it_is_cleared_and_allowed_ones_do_not(
    kafka_bootstrap: str, fresh_topics: Callable[[int], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers that cannot exist are blocked by the step `dno`, each by another number."""
    fresh_topics(2)
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    environment = {
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_PARTITIONS": "2",
        "ROBOCALL_MODEL_DIR": str(save_small_model(tmp_path / "small")),
        "ROBOCALL_CONSUMER_GROUP": f"campaigns-{time.time_ns()}",
        "ROBOCALL_CAMPAIGNS_CONSUMER_GROUP": f"grouping-{time.time_ns()}",
        "ROBOCALL_CAMPAIGNS_PUBLISH_S": "0.3",
        "ROBOCALL_NAME_CAMPAIGNS": "true",
        **PATIENT,
    }
    with workers(1, environment, tmp_path):
        grouping = Worker(environment, tmp_path / "grouping.log", RUN)
        try:
            produce(kafka_bootstrap, [call(number, f"+10005550{number:03d}") for number in range(12)])
            wait_until(lambda: [one.calls for one in grouped()] == [12], "it is grouped")
            [record] = grouped()
            reader = Reader(kafka_bootstrap, CALL_DECISIONS)
            number = 100

            def is_named() -> bool:
                nonlocal number
                number += 1
                produce(kafka_bootstrap, [call(number, f"+10005551{number:03d}")])
                wait_until(lambda: why(reader, number), "the call is decided")
                return "campaign" in why(reader, number)

            wait_until(is_named, "the worker knows the campaign")
            produce(kafka_bootstrap, [call(900, "+12025550123"), call(901, "+10005552901")])
            wait_until(lambda: why(reader, 901) and reader.calls()["call-900"], "the last calls are decided")
            said = [one for _, one in reader.read()]
            named, last = why(reader, number), why(reader, 901)

            robocall("campaigns", "clear", record.id, "--note", "a school", environment=environment)
            wait_until(lambda: not is_named(), "the worker knows that it is cleared")
            reader.close()
        finally:
            assert grouping.stop() == 0
    assert record.kind == "invalid_numbers"
    assert named["campaign"] == last["campaign"] == f"campaign {record.id}"
    assert [one["reasons"] for one in said if one["call_id"] == "call-900"] == [[]]
