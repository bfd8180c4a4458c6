"""Fixtures shared by all tests: a real Apache Kafka and Valkey, the topics of the contract, the reference data."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec

from streams.kafka import topics
from streams.local.services import KAFKA_VARIABLE, REDIS_VARIABLE, LocalServices, local_services
from streams.settings import load_settings
from tests import start_cache
from tests.valkey_process import ValkeyProcess
from tests.waiting import wait_until

# No property depends on how fast the machine is; one that fails prints what repeats it.
hypothesis.settings.register_profile(
    "any machine", deadline=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

if "PYTEST_XDIST_WORKER" in os.environ:
    # Threads that fit trees spin while they wait for each other: beside other processes they take ten times as long.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Begun in the background of a shell. Whatever these tests start would ignore Ctrl-C as well, and some press it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

MOST_AT_A_TIME = 4
"""Processes that `make test` runs tests in, each with a Kafka and a Valkey of its own: some 3 GB each."""
REFERENCE_VARIABLE = "ROBOCALL_REFERENCE_DATA"
REFERENCE_DATA = Path(os.environ.get(REFERENCE_VARIABLE) or Path(__file__).parents[2] / "shared" / "data")
"""What only tests read. Nothing that they start hears of it, for it would be an unknown setting there."""

FreshTopics = Callable[..., list[str]]


def pytest_xdist_auto_num_workers() -> int:
    """One for each processor; none beside this one where the tests share services that somebody configured."""
    if os.environ.get(KAFKA_VARIABLE) or os.environ.get(REDIS_VARIABLE):
        return 0
    return min(MOST_AT_A_TIME, len(os.sched_getaffinity(0)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: of several processes none has them left while the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def snapshots_of_this_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No worker of the tests leaves its windows in the home of whoever runs them, or waits for lists in a Redis.

    Most have no Redis. `tests/integration/test_lists.py` is about workers that await lists. Nor does a command of the
    tests record what it does, for most have no Kafka: `tests/streams/cases/test_recording.py` is about those that do.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(REFERENCE_VARIABLE, raising=False)
        patch.setenv("ROBOCALL_AWAIT_LISTS", "false")
        patch.setenv("ROBOCALL_CASES_RECORD", "false")
        patch.setenv("ROBOCALL_SNAPSHOT_URL", str(tmp_path_factory.mktemp("snapshots")))
        yield


@pytest.fixture(scope="session")
def services() -> Iterator[LocalServices]:
    """One Kafka and one Valkey for the whole run: the configured ones where the variables are set, else our own."""
    if not os.environ.get(KAFKA_VARIABLE):
        start_cache.make()
    with local_services(configured=True, quiet=True) as running:
        yield running


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyProcess]:
    """A store of the test's own, running: empty, and it may be killed."""
    process = ValkeyProcess(tmp_path)
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="session")
def kafka_bootstrap(services: LocalServices) -> str:
    """`host:port` of a real broker."""
    assert services.bootstrap_servers
    return services.bootstrap_servers


@pytest.fixture(scope="session")
def redis_url(services: LocalServices) -> str:
    """URL of a real Valkey or Redis."""
    assert services.redis_url
    return services.redis_url


@pytest.fixture
def kafka_admin(kafka_bootstrap: str) -> Iterator[KafkaAdminClient]:
    """An administration client of that broker."""
    with topics.admin_client(load_settings(kafka_bootstrap_servers=kafka_bootstrap)) as admin:
        yield admin


@pytest.fixture
def fresh_topics(kafka_admin: KafkaAdminClient) -> Iterator[FreshTopics]:
    """A function `(partitions=12) -> names` that gives the topics of the contract, empty; they are deleted afterwards.

    On a configured cluster it never deletes records that it finds: the test is skipped and says so.
    """

    def make(partitions: int = load_settings().partitions) -> list[str]:
        if os.environ.get(KAFKA_VARIABLE):
            _leave_records_alone(kafka_admin)
        delete_topics(kafka_admin, {*topics.TOPIC_BY_NAME, topics.FLEET_SECRET.name})
        made = topics.create(kafka_admin, partitions=partitions)
        wait_until(lambda: set(made) <= set(kafka_admin.list_topics()), "the broker tells of the topics")
        return made

    yield make
    delete_topics(kafka_admin, {*topics.TOPIC_BY_NAME, topics.FLEET_SECRET.name})


@pytest.fixture
def delete_topic(kafka_admin: KafkaAdminClient) -> Callable[[str], None]:
    """A function that deletes one topic of the contract and returns when it is gone."""
    return lambda name: delete_topics(kafka_admin, {name})


def _leave_records_alone(admin: KafkaAdminClient) -> None:
    for topic in admin.describe_topics(sorted(topics.existing(admin))):
        partitions = [TopicPartition(topic["name"], one["partition_index"]) for one in topic["partitions"]]
        ends: dict[Any, Any] = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        if any(end.offset > 0 for end in ends.values()):
            pytest.skip(
                f"{topic['name']} of the configured Kafka has records: unset {KAFKA_VARIABLE} to test on our own"
            )


def delete_topics(admin: KafkaAdminClient, names: set[str]) -> None:
    """Delete those of the topics that exist and wait until the broker has forgotten them."""
    present = set(admin.list_topics()) & names
    if not present:
        return
    admin.delete_topics(sorted(present))
    wait_until(lambda: not set(admin.list_topics()) & names, "the broker deletes the topics")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model that means nothing about calls, alone in the folder that a worker takes for its registry."""
    from tests.models.small_model import save_small_model  # noqa: PLC0415 - many tests need no scikit-learn

    return save_small_model(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder of the public reference data (not part of the repository); tests that need it are skipped without it."""
    if not REFERENCE_DATA.is_dir():
        pytest.skip(f"no reference data at {REFERENCE_DATA}: set {REFERENCE_VARIABLE}")
    return REFERENCE_DATA
