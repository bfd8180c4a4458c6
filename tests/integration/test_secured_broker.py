"""Workers, archive and commands on a broker that wants TLS and a password or a certificate; what a wrong one says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.commands.doctor import State, examine
from streams.settings import load_settings
from tests.integration.secured import PASSWORD, USER, Secured, secured_broker, secured_redis
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, Worker, robocall, run_robocall, workers
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_broker(tmp_path_factory.mktemp("secured")) as secured:
        yield secured


@pytest.fixture
def fresh_broker(tmp_path: Path) -> Iterator[Secured]:
    """One where no other test leaves calls that nobody decides."""
    with secured_broker(tmp_path) as secured:
        yield secured


def by_password(broker: Secured, mechanism: str = "SCRAM-SHA-512", **changed: str) -> dict[str, str]:
    return {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": broker.password,
        "ROBOCALL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "ROBOCALL_KAFKA_SASL_MECHANISM": mechanism,
        "ROBOCALL_KAFKA_SASL_USERNAME": USER,
        "ROBOCALL_KAFKA_SASL_PASSWORD": PASSWORD,
        "ROBOCALL_KAFKA_SSL_CAFILE": str(broker.folder / "authority.crt"),
    } | changed


def by_certificate(broker: Secured, **changed: str) -> dict[str, str]:
    return {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": broker.certificate,
        "ROBOCALL_KAFKA_SECURITY_PROTOCOL": "SSL",
        "ROBOCALL_KAFKA_SSL_CAFILE": str(broker.folder / "authority.crt"),
        "ROBOCALL_KAFKA_SSL_CERTFILE": str(broker.folder / "client.crt"),
        "ROBOCALL_KAFKA_SSL_KEYFILE": str(broker.folder / "client.key"),
    } | changed


def credentials(broker: Secured, way: str) -> dict[str, str]:
    return by_certificate(broker) if way == "certificate" else by_password(broker, way)


@pytest.mark.parametrize("way", ["SCRAM-SHA-512", "certificate"])
def test_a_worker_decides_what_the_generator_sends_and_the_archive_keeps_it(
    broker: Secured, way: str, tmp_path: Path
) -> None:
    """Administration, consumer, producer, feedback, generator and archive: each opens connections of its own."""
    secrets = credentials(broker, way)
    robocall("topics", "create", "--partitions", "2", environment=secrets)
    environment = secrets | {
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODEL_DIR": str(save_small_model(tmp_path / "small")),
        "ROBOCALL_PARTITIONS": "2",
        "ROBOCALL_CONSUMER_GROUP": f"detector-{way}",
        **PATIENT,
    }
    archive = secrets | {"ROBOCALL_ARCHIVE_URL": str(tmp_path / "archive"), "ROBOCALL_ARCHIVE_FLUSH_S": "0.2"}
    archive["ROBOCALL_ARCHIVE_CONSUMER_GROUP"] = f"archive-{way}"
    with workers(1, environment, tmp_path) as (worker,):
        wait_until(lambda: worker.health().get("status") == "ok", "the worker is healthy")
        robocall("simulate", "--kafka", "--rate", "100", "--hours", "0.001", environment=secrets)
        sink = Worker(archive, tmp_path / "sink.log", ("-m", "streams.commands.main", "archive", "run"))
        try:
            kept = tmp_path / "archive" / "call-decisions"
            wait_until(lambda: any(kept.rglob("*.parquet")), "decisions are archived")
        finally:
            assert sink.stop() == 0
        assert worker.stop() == 0


def test_the_commands_of_people_reach_it(fresh_broker: Secured) -> None:
    """What is said of calls, the auditor, and the kit that listens to a switch."""
    secrets = by_password(fresh_broker)
    robocall("topics", "create", "--partitions", "2", environment=secrets)

    robocall("feedback", "add", "robocall", "--calling", "+12025550123", environment=secrets)
    audited = json.loads(robocall("audit", "--since", "2m", "--settle", "1s", "--json", environment=secrets))
    heard = run_robocall("conformance", "producer", "--seconds", "1", "--json", environment=secrets)

    assert audited["is_clean"]
    assert json.loads(heard.stdout)["cases"], heard.stderr


def test_what_stands_about_a_number_ends_in_both(broker: Secured) -> None:
    """`release` and `erase`: Redis over TLS, and a null in `entity-decisions`."""
    secrets = by_password(broker)
    robocall("topics", "create", "--partitions", "2", environment=secrets)
    with secured_redis(broker.folder) as url:
        both = secrets | {
            "ROBOCALL_REDIS_URL": url,
            "ROBOCALL_REDIS_TLS_CAFILE": str(broker.folder / "authority.crt"),
        }
        assert "ended nothing" in robocall("release", "+12025550123", "--by", "M. Lee", environment=both)
        said = json.loads(robocall("erase", "+12025550123", "--yes", "--json", environment=both))

    erased = {place["place"]: (place["erased"], place["problem"]) for place in said["places"]}
    assert erased["Redis"] == (1, None)
    assert erased["topic entity-decisions"] == (1, None)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_other_mechanisms_open_it_too(broker: Secured, mechanism: str) -> None:
    """To both clients that we use: one administers, the other reads and writes."""
    secrets = by_password(broker, mechanism)
    robocall("topics", "create", "--partitions", "2", environment=secrets)
    robocall("simulate", "--kafka", "--rate", "100", "--hours", "0.001", environment=secrets)


WRONG = {
    "password": (by_password, {"ROBOCALL_KAFKA_SASL_PASSWORD": "not this one"}, "ROBOCALL_KAFKA_SASL_PASSWORD"),
    "authority": (by_password, {"ROBOCALL_KAFKA_SSL_CAFILE": "other.crt"}, "ROBOCALL_KAFKA_SSL_CAFILE"),
    "protocol": (by_password, {"ROBOCALL_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "SECURITY_PROTOCOL"),
    "no certificate": (
        by_certificate,
        {"ROBOCALL_KAFKA_SSL_CERTFILE": "", "ROBOCALL_KAFKA_SSL_KEYFILE": ""},
        "ROBOCALL_KAFKA_SSL_CERTFILE",
    ),
}

OTHERS = (
    "worker",
    "topics check",
    "feedback add robocall --calling +12025550123",
    "audit",
    "conformance producer --seconds 1",
)


@pytest.mark.parametrize(
    ("command", "wrong"),
    [*[("archive run", wrong) for wrong in WRONG], *[(name, "password") for name in OTHERS]],
)
def test_what_is_wrong_is_said_in_one_line(broker: Secured, command: str, wrong: str, tmp_path: Path) -> None:
    """It names what to look at; it was "no Kafka broker answers" whatever it was."""
    way, changed, named = WRONG[wrong]
    environment = way(broker, **changed)
    if environment["ROBOCALL_KAFKA_SSL_CAFILE"] == "other.crt":
        environment["ROBOCALL_KAFKA_SSL_CAFILE"] = str(broker.folder / "other.crt")
    done = run_robocall(*command.split(), environment=environment | {"ROBOCALL_ARCHIVE_URL": str(tmp_path)})

    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("robocall: the Kafka broker at 127.0.0.1:")
    assert named in last
    assert "not this one" not in done.stderr


def test_doctor_says_it_too(broker: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in by_password(broker, **WRONG["password"][1]).items():
        monkeypatch.setenv(name, value)
    (kafka,) = [finding for finding in examine(load_settings()) if finding.subject == "kafka"]
    assert kafka.state is State.BROKEN
    assert "ROBOCALL_KAFKA_SASL_PASSWORD" in kafka.text
