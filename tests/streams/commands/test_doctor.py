"""`robocall doctor` against real servers and their absence: states, sentences, exit status."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer
from kafka import KafkaAdminClient

from detector.columns.hashing import name_of
from detector.features.schemas import F4
from streams.commands.doctor import doctor
from streams.kafka import fleet_secret, topics
from streams.local.services import free_ports
from streams.settings import load_settings
from tests.models.small_model import save_small_model
from tests.streams.trust.signed_calls import trusting

pytestmark = pytest.mark.kafka

Run = Callable[..., Result]


@pytest.fixture
def run(kafka_bootstrap: str, redis_url: str) -> Run:
    """Run doctor with the test services configured; keyword arguments are further settings."""

    def call(**settings: str) -> Result:
        services = {"ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap, "ROBOCALL_REDIS_URL": redis_url}
        others = {f"ROBOCALL_{name.upper()}": value for name, value in settings.items()}
        return CliRunner().invoke(doctor, ["--json"], env={**os.environ, **services, **others})

    return call


def findings(result: Result) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(result.stdout)["findings"]:
        found.setdefault(finding["subject"], []).append(finding)
    return found


def nowhere() -> str:
    (port,) = free_ports(1)
    return f"127.0.0.1:{port}"


def test_servers_and_topics_in_order_are_ok(run: Run, fresh_topics: Callable[..., list[str]]) -> None:
    fresh_topics(partitions=2)
    found = findings(run(partitions="2"))
    assert [finding["state"] for finding in found["kafka"] + found["topics"] + found["policy"][:1]] == ["ok"] * 3
    assert [finding["state"] for finding in found["policy"][1:]] == ["warning"]
    assert "redress.url is the placeholder" in found["policy"][1]["text"]
    assert "1 broker(s)" in found["kafka"][0]["text"]
    assert found["redis"][0]["state"] == "ok"


def test_without_redis_it_warns_and_says_what_a_worker_does(run: Run, fresh_topics: Callable[..., list[str]]) -> None:
    fresh_topics(partitions=2)
    (redis,) = findings(run(partitions="2", redis_url=f"redis://user:secret@{nowhere()}/0"))["redis"]
    assert redis["state"] == "warning"
    assert "trunk_view: local" in redis["text"]
    assert "secret" not in redis["text"]


def test_without_kafka_it_is_broken(run: Run) -> None:
    servers = nowhere()
    result = run(kafka_bootstrap_servers=servers)
    assert result.exit_code == 1
    (kafka,) = findings(result)["kafka"]
    assert kafka["state"] == "broken"
    assert servers in kafka["text"]
    assert json.loads(result.stdout)["status"] == "broken"


def test_a_missing_topic_is_broken_and_a_wrong_one_a_warning(
    run: Run, fresh_topics: Callable[..., list[str]], delete_topic: Callable[[str], None]
) -> None:
    fresh_topics(partitions=2)
    assert {finding["state"] for finding in findings(run(partitions="3"))["topics"]} == {"warning"}
    delete_topic("call-events")
    result = run(partitions="2")
    assert result.exit_code == 1
    (topic,) = findings(result)["topics"]
    assert topic["state"] == "broken"
    assert topic["text"] == "call-events is missing: run `robocall topics create`"


def test_a_fleet_without_a_secret_is_a_warning_and_one_with_it_shows_its_name_alone(
    run: Run, fresh_topics: Callable[..., list[str]], kafka_bootstrap: str, kafka_admin: KafkaAdminClient
) -> None:
    """Workers decide without it."""
    fresh_topics(partitions=2)
    (before,) = findings(run(partitions="2"))["fleet secret"]
    settings = load_settings(kafka_bootstrap_servers=kafka_bootstrap)
    topics.create_secret(kafka_admin, settings, replication_factor=1)
    (after,) = findings(run(partitions="2"))["fleet secret"]

    seed = fleet_secret.seed_of(asyncio.run(fleet_secret.read(settings)))
    assert (before["state"], "run `robocall topics create`" in before["text"]) == ("warning", True)
    assert (after["state"], after["text"]) == ("ok", f"seed {name_of(seed)}")


def test_a_producer_with_another_partitioner_is_named(
    run: Run, fresh_topics: Callable[..., list[str]], kafka_bootstrap: str
) -> None:
    """What librdkafka does by default; with the partitioner of Kafka's Java client nothing is said."""
    fresh_topics(partitions=6)
    numbers = [f"+1202555{number:04d}" for number in range(200)]
    _produce(kafka_bootstrap, numbers, partitioner="murmur2")
    said = findings(run(partitions="6"))
    assert "partitioner" not in said
    assert said["call ends"][0]["text"].startswith("0 ends beside 200 set-ups")

    _produce(kafka_bootstrap, numbers, partitioner="consistent_random")
    (found,) = findings(run(partitions="6"))["partitioner"]
    assert found["state"] == "warning"
    assert "switch_id 'sbc-1'" in found["text"]
    assert "partitioner=murmur2" in found["text"]


def _produce(servers: str, numbers: list[str], **options: str) -> None:
    producer = Producer({"bootstrap.servers": servers, **options})
    for number in numbers:
        producer.produce("call-events", key=number, value=json.dumps({"type": "call_setup", "switch_id": "sbc-1"}))
    producer.flush()


def test_a_wrong_policy_and_a_wrong_model_are_broken(run: Run, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("mode: sometimes\n", encoding="utf-8")
    result = run(policy_file=str(policy), model_dir=str(tmp_path))
    assert result.exit_code == 1
    found = findings(result)
    assert (found["policy"][0]["state"], found["model"][0]["state"]) == ("broken", "broken")
    assert str(policy) in found["policy"][0]["text"]


def test_a_policy_that_nobody_has_saved_yet_is_a_warning(run: Run, tmp_path: Path) -> None:
    """Workers start by the defaults: that may be a new volume, or one that lost its file."""
    first, *_ = findings(run(policy_file=str(tmp_path / "policy.yaml")))["policy"]
    assert first["state"] == "warning"
    assert f"from the shipped default: nobody has saved {tmp_path / 'policy.yaml'} yet" in first["text"]


def test_a_misspelt_setting_is_named(run: Run) -> None:
    (setting,) = findings(run(redis_urll="x"))["settings"]
    assert (setting["state"], setting["text"]) == (
        "warning",
        "ROBOCALL_REDIS_URLL is not a setting: did you mean ROBOCALL_REDIS_URL?",
    )


def test_a_setting_out_of_its_bounds_is_broken(run: Run) -> None:
    result = run(web_port="99999")
    assert result.exit_code == 1
    (setting,) = findings(result)["settings"]
    assert "ROBOCALL_WEB_PORT" in setting["text"]


@pytest.mark.usefixtures("run")
def test_people_get_a_table_on_standard_error_and_nothing_on_standard_output() -> None:
    result = CliRunner().invoke(doctor, [], env={"ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": "not an address"})
    assert (result.exit_code, result.stdout) == (1, "")
    assert "is not host:port" in " ".join(result.stderr.split())


def test_a_clock_that_differs_from_that_of_redis_is_a_warning(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "clock" not in findings(run())
    monkeypatch.setattr("streams.commands.doctor.time", SimpleNamespace(time=lambda: time.time() + 3.0))
    (clock,) = findings(run())["clock"]
    assert clock["state"] == "warning"
    assert "ahead of that of redis://127.0.0.1:" in clock["text"]


def test_open_doors_are_warnings(run: Run) -> None:
    said = findings(run(web_host="0.0.0.0"))["security"]
    assert [(one["state"], "/metrics" in one["text"]) for one in said] == [("warning", True)]


def test_do_not_originate_lists_are_told_of_where_a_place_is_named(run: Run, tmp_path: Path) -> None:
    """Calls pass without them, so that nothing about them is worse than a warning."""
    assert "dno lists" not in findings(run())
    place = tmp_path / "numbers"
    assert [finding["state"] for finding in findings(run(numbers_url=str(place)))["dno lists"]] == ["ok"]

    place.mkdir()
    (place / "bad.dno").write_bytes(b"nothing")
    assert [finding["state"] for finding in findings(run(numbers_url=str(place)))["dno lists"]] == ["warning"]
    (away,) = findings(run(numbers_url=str(place / "bad.dno")))["dno lists"]
    assert away["state"] == "warning"
    assert away["text"].endswith("workers keep those that they have")


def test_raw_set_ups_and_lists_of_trust_are_told_of_where_they_are_used(
    run: Run, fresh_topics: Callable[..., list[str]], tmp_path: Path
) -> None:
    """Calls pass without them, so that nothing about them is worse than a warning."""
    fresh_topics(partitions=2)
    assert {"verify", "trust"} & set(findings(run(partitions="2"))) == set()
    trust = {f"trust_{name}": value for name, value in trusting(tmp_path).items()}
    found = findings(run(partitions="2", verify_topic="nobody-made-it", **trust))
    (missing,), (none,) = found["verify"], found["trust"]
    assert (missing["state"], missing["text"]) == ("warning", "nobody-made-it is missing: run `robocall topics create`")
    assert (none["state"], none["text"][:21]) == ("warning", "anchors: none is kept")


def test_assigned_codes_are_told_of_where_a_model_learnt_with_others(run: Run, tmp_path: Path) -> None:
    """By the model that workers begin with; without a file and such a model there is nothing to say."""
    codes = tmp_path / "assigned.csv"
    codes.write_text("".join(f"212{office}\n" for office in range(200, 400)))
    model = save_small_model(tmp_path / "model", schema=F4, codes=("aa",))

    with_both = findings(run(model_dir=str(model), assigned_codes_file=str(codes)))["assigned codes"]
    without_file = findings(run(model_dir=str(model)))["assigned codes"]

    assert [one["state"] for one in with_both] == ["ok", "warning"]
    assert [one["state"] for one in without_file] == ["warning"]
    assert "learnt with assigned codes aa, and none is set" in without_file[0]["text"]
    assert "assigned codes" not in findings(run())
