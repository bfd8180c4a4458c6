"""Names of faust, mode and aiokafka that the transport relies on and that no public interface promises.

When one fails after an upgrade: read the new source, adapt `streams.kafka.main_loop` and `streams.kafka.transport`,
then the table.
"""

import inspect
import re
from importlib.metadata import requires, version
from typing import Any

import mode
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher, FetchError, FetchResult, PartitionRecords
from aiokafka.consumer.group_coordinator import BaseCoordinator, GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import ConsumerStoppedError
from aiokafka.partitioner import DefaultPartitioner, murmur2
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v11
from aiokafka.protocol.produce import ProduceRequest
from faust import App, Event, Schema, Stream, Worker
from faust.agents.agent import Agent
from faust.assignor.partition_assignor import PartitionAssignor
from faust.tables.recovery import Recovery
from faust.transport import base, consumer
from faust.transport.conductor import Conductor
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage, Message, ack_lock
from mode.utils.futures import maybe_async, notify
from mode.utils.queues import FlowControlEvent
from packaging.requirements import Requirement

from streams.kafka.faust_app import VITAL
from streams.kafka.main_loop import MainLoopConsumer
from streams.kafka.transport import PollConsumer

SEAMS: list[tuple[type, str, list[str]]] = [
    # streams.kafka.main_loop
    (driver.AIOKafkaConsumerThread, "_create_worker_consumer", ["self", "transport"]),
    (driver.AIOKafkaConsumerThread, "on_start", ["self"]),
    (driver.AIOKafkaConsumerThread, "call_thread", ["self", "fun", "args", "kwargs"]),
    (driver.AIOKafkaConsumerThread, "cast_thread", ["self", "fun", "args", "kwargs"]),
    (driver.AIOKafkaConsumerThread, "crash", ["self", "exc"]),
    (driver.AIOKafkaConsumerThread, "_commit", ["self", "offsets"]),
    (driver.AIOKafkaConsumerThread, "set_shutdown", ["self"]),
    (driver.AIOKafkaConsumerThread, "_stopped_set", ["self"]),
    (driver.AIOKafkaConsumerThread, "_stop_children", ["self"]),
    (driver.AIOKafkaConsumerThread, "_stop_futures", ["self"]),
    (driver.AIOKafkaConsumerThread, "_stop_exit_stacks", ["self"]),
    (driver.AIOKafkaConsumerThread, "seek", ["self", "partition", "offset"]),
    (GroupCoordinator, "fetch_committed_offsets", ["self", "partitions"]),
    (ClusterMetadata, "leader_for_partition", ["self", "partition"]),
    (driver.AIOKafkaConsumerThread, "commit", ["self", "offsets"]),
    (driver.AIOKafkaConsumerThread, "_ensure_consumer", ["self"]),
    (consumer.Consumer, "_commit_offsets", ["self", "offsets", "start_new_transaction"]),
    (mode.Service, "_default_start", ["self"]),
    (mode.Service, "_default_stop_children", ["self"]),
    (mode.Service, "_default_stop_futures", ["self"]),
    (mode.Service, "_default_stop_exit_stacks", ["self"]),
    (
        driver.AIOKafkaConsumerThread,
        "_fetch_records",
        ["self", "consumer", "active_partitions", "timeout", "max_records"],
    ),
    # streams.kafka.fetch.fetcher
    (Fetcher, "_proc_fetch_request", ["self", "assignment", "node_id", "request"]),
    (Fetcher, "fetched_records", ["self", "partitions", "timeout", "max_records"]),
    (Fetcher, "_create_fetch_waiter", ["self"]),
    (Fetcher, "_notify", ["self", "future"]),
    (Fetcher, "close", ["self"]),
    (FetchError, "check_raise", ["self"]),
    (FetchResult, "calculate_backoff", ["self"]),
    # streams.kafka.fetch.batch_reader
    (
        PartitionRecords,
        "__init__",
        [
            "self",
            "tp",
            "records",
            "aborted_transactions",
            "fetch_offset",
            "key_deserializer",
            "value_deserializer",
            "check_crcs",
            "isolation_level",
        ],
    ),
    (FetchRequest, "prepare", ["self", "versions"]),
    (FetchRequest_v11, "build_request_header", ["self", "correlation_id", "client_id"]),
    # streams.kafka.transport
    (driver.Consumer, "_new_consumer_thread", ["self"]),
    (consumer.Consumer, "getmany", ["self", "timeout"]),
    (consumer.Consumer, "_drain_messages", ["self", "fetcher"]),
    (mode.Service, "wait_first", ["self", "coros", "timeout"]),
    (consumer.Consumer, "_wait_next_records", ["self", "timeout"]),
    (consumer.ThreadDelegateConsumer, "_getmany", ["self", "active_partitions", "timeout"]),
    (consumer.Consumer, "perform_seek", ["self"]),
    (consumer.Consumer, "ack", ["self", "message"]),
    (consumer.Consumer, "_filter_tps_with_pending_acks", ["self", "topics"]),
    (consumer.Consumer, "_new_offset", ["self", "tp"]),
    (consumer.Consumer, "on_partitions_revoked", ["self", "revoked"]),
    (consumer.Consumer, "verify_all_partitions_active", ["self"]),
    (consumer.Consumer, "wait_empty", ["self"]),
    (consumer.Consumer, "commit_and_end_transactions", ["self"]),
    (consumer.Consumer, "maybe_wait_for_commit_to_finish", ["self"]),
    (consumer.Consumer, "on_stop", ["self"]),
    (base.Transport, "create_consumer", ["self", "callback", "kwargs"]),
    (Schema, "loads_key", ["self", "app", "message", "loads", "serializer"]),
    (Schema, "loads_value", ["self", "app", "message", "loads", "serializer"]),
    (Event, "ack", ["self"]),
    (Stream, "noack", ["self"]),
    (Stream, "events", ["self"]),
    # streams.kafka.faust_app
    (PartitionAssignor, "assign", ["self", "cluster", "member_metadata"]),
    (PartitionAssignor, "_get_client_metadata", ["metadata"]),
    # streams.running.services
    (Worker, "stop", ["self"]),
    (Worker, "execute_from_commandline", ["self"]),
    # streams.kafka.publishing.publisher
    (AIOKafkaClient, "_wait_on_metadata", ["self", "topic"]),
    # streams.kafka.publishing.sender
    (AIOKafkaClient, "send", ["self", "node_id", "request", "group"]),
    (ProduceRequest, "prepare", ["self", "versions"]),
    (ProduceRequest, "__init__", ["self", "transactional_id", "required_acks", "timeout", "topics"]),
    (AIOKafkaClient, "force_metadata_update", ["self"]),
    # streams.kafka.client
    (AIOKafkaClient, "_md_synchronizer", ["self"]),
]


@pytest.mark.parametrize(("owner", "name", "expected"), SEAMS, ids=lambda part: getattr(part, "__name__", str(part)))
def test_the_method_exists_with_the_signature_we_override_or_call(owner: type, name: str, expected: list[str]) -> None:
    """A renamed or extended method would make an override silently dead."""
    assert list(inspect.signature(getattr(owner, name)).parameters) == expected


@pytest.mark.parametrize(
    ("ours", "theirs"), [(MainLoopConsumer, driver.AIOKafkaConsumerThread), (PollConsumer, driver.Consumer)]
)
def test_every_override_has_something_to_override(ours: type, theirs: type) -> None:
    """Private names of the parent that we define must exist there; new ones of ours are listed here."""
    own = {
        "_is_stale",
        "_wait_for_room",
        "_unread",
        "_move_on",
        "_rewind",
        "_give_up",
        "_locate_partitions",
        "_settle",
        "_ours",
        "_is_full",
        "_take_in",
        "_look_at_doubts",
        "_mark",
        "_exists",
        "_may_read",
        "_is_still_ours",
        "_commit_now",
    }
    private = {name for name in vars(ours) if name.startswith("_") and not name.startswith("__")} - own
    assert {name for name in private if not hasattr(theirs, name)} == set()


CONSUMER_ATTRIBUTES = [
    "_read_offset",
    "_committed_offset",
    "_unacked_messages",
    "_waiting_for_ack",
    "_buffered_partitions",
]


@pytest.mark.parametrize("attribute", CONSUMER_ATTRIBUTES)
def test_the_consumer_keeps_the_state_that_we_touch(attribute: str) -> None:
    """These are set by the driver's constructor or read by its drain loop."""
    assert attribute in inspect.getsource(consumer.Consumer)


def test_the_drain_loop_that_we_replace_does_nothing_else() -> None:
    """Gaps and commits in between are not for us; what is left is to hand on, and to note the offset."""
    source = inspect.getsource(consumer.Consumer._drain_messages)
    assert "await self.wait_first(" in source
    assert "callback(message), self.suspend_flow.wait()" in source
    assert "set_read_offset(tp, offset)" in source
    assert "except self.consumer_stopped_errors:" in source
    awaited = re.findall(r" await ([\w.]+)\(", source)
    assert awaited == ["self.sleep", "sleep", "self._add_gap", "self.commit", "self.wait_first"]
    assert "await consumer._drain_messages(self)" in inspect.getsource(consumer.Fetcher)


def test_the_consumer_stops_with_the_error_that_we_expect() -> None:
    """It is raised out of a poll while the connection closes."""
    assert driver.Consumer.consumer_stopped_errors == (ConsumerStoppedError,)


def test_handing_a_message_on_waits_for_the_lock_and_the_flow_only() -> None:
    """With the lock free and the flow active nothing can keep us: the buffer behind is far larger than our polls."""
    source = inspect.getsource(Conductor._compile_message_handler)
    assert source.count("async with self._tp_to_callback_lock:") == 2
    assert not App("app").flow_control.is_active()
    assert "if self._suspend.is_set():" in inspect.getsource(FlowControlEvent.acquire)


def test_the_stream_skips_messages_of_an_earlier_generation_without_acknowledging() -> None:
    """What is dropped at a rebalance must not count as answered."""
    assert "generation_id" in inspect.getsource(Stream._py_aiter)
    assert "generation_id" in inspect.signature(Message.__init__).parameters
    assert ConsumerMessage.on_final_ack is not Message.on_final_ack


def test_the_consumer_reads_the_wait_that_we_set_when_it_starts() -> None:
    """The driver hard-codes 1,500 ms; aiokafka hands the attribute to its fetcher in `start`."""
    assert "fetch_max_wait_ms=1500" in inspect.getsource(driver.AIOKafkaConsumerThread._create_worker_consumer)
    assert "self._fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer.start)


def test_the_fetcher_keeps_what_a_fetch_brought_where_we_put_ours() -> None:
    """It asks `calculate_backoff` of whatever it is, drops it by the partition, and clears all with the assignment."""
    source = inspect.getsource(Fetcher)
    assert "backoff = record.calculate_backoff()" in source
    assert "self._records.clear()" in source
    assert source.count("tp_state.position != fetch_offset") == 1
    assert "fetch_offsets[TopicPartition(topic, partition)] = offset" in source
    looked_at = inspect.getsource(Fetcher._proc_fetch_request)
    assert looked_at.count("await ") == 2, "the request, and the pause after an error: nothing changes in between"
    assert "partition, error_code, highwater, *part_data" in looked_at
    assert "lso = part_data[0]" in looked_at
    assert "part_data[3])" in looked_at
    assert "MemoryRecords(part_data[-1])" in looked_at
    assert "OffsetRequest(-1, self._isolation_level," in inspect.getsource(Fetcher._proc_offset_request)


def test_the_consumer_looks_for_its_fetcher_in_the_attribute_that_we_set() -> None:
    """`fetch_batches` puts ours there after `start`; the coordinator knows the subscription only."""
    assert "self._fetcher = Fetcher(" in inspect.getsource(AIOKafkaConsumer.start)
    assert "fetcher" not in inspect.getsource(GroupCoordinator.__init__)
    assert "fetcher = consumer._fetcher" in inspect.getsource(driver.AIOKafkaConsumerThread._fetch_records)
    assert "self._fetch_waiters = waiters" in inspect.getsource(SubscriptionState.register_fetch_waiters)


def test_a_connection_has_a_response_decoded_by_what_its_request_names() -> None:
    """`PackedFetchRequest` names itself."""
    source = inspect.getsource(AIOKafkaConnection._handle_frame)
    assert "resp_type = request.RESPONSE_TYPE" in source
    assert "response = resp_type.decode(resp)" in source
    assert "request_struct = request.prepare(self._versions)" in inspect.getsource(AIOKafkaConnection.send)


def test_the_client_starts_the_task_that_we_replace() -> None:
    """`keep_metadata_coming` sets the method on the client before it starts."""
    assert "create_task(self._md_synchronizer())" in inspect.getsource(AIOKafkaClient.bootstrap)
    assert "await self._client.bootstrap()" in inspect.getsource(AIOKafkaConsumer.start)


def test_a_commit_names_the_generation_that_is_current_when_it_is_sent() -> None:
    """Why `MainLoopConsumer` does not commit once it is no member: the driver tells the app its generation."""
    assert "self.generation" in inspect.getsource(GroupCoordinator._do_commit_offsets)
    assert "app.consumer_generation_id = generation" in inspect.getsource(driver.ConsumerRebalanceListener)


def test_a_seek_that_takes_too_long_ends_the_task_that_takes_assignments_in_silence() -> None:
    """Why `PollConsumer.perform_seek` waits for nothing."""
    source = inspect.getsource(Recovery)
    assert "consumer.perform_seek(), timeout=self.app.conf.broker_request_timeout" in source
    assert "raise ServiceStopped()" in inspect.getsource(Recovery._wait)
    assert "break  # service was stopped" in inspect.getsource(Recovery._restart_recovery.fun)


@pytest.mark.parametrize(
    ("owner", "attribute"),
    [
        (AIOKafkaClient, "self._sync_task = create_task("),
        (GroupCoordinator, "self._coordination_task = create_task("),
        (Fetcher, "self._fetch_task = create_task("),
        (mode.Service, "fut.__wrapped__ = coro"),
        (mode.Service, "self._futures.add(fut)"),
        (Agent, "aref.actor_task = task"),
    ],
    ids=["metadata", "group", "fetching", "coroutine", "futures", "agent"],
)
def test_tasks_are_kept_where_we_look_whether_they_run(owner: type, attribute: str) -> None:
    """What `endless_tasks` and `vital_tasks` find."""
    assert attribute in inspect.getsource(owner)


@pytest.mark.parametrize("name", VITAL)
def test_a_vital_task_is_one_of_its_service(name: str) -> None:
    """A coroutine that was renamed would be missed, and end the worker."""
    owner, task = name.split(".")
    services = (consumer.Fetcher, Conductor, Recovery, consumer.Consumer, PollConsumer)
    (service,) = (one for one in services if one.__name__ == owner)
    assert isinstance(vars(service)[task], mode.services.ServiceTask)


def test_helpers_are_where_we_import_them_from() -> None:
    """Small functions, each used as shown."""
    assert ack_lock.acquire(blocking=False)
    ack_lock.release()
    assert list(inspect.signature(notify).parameters) == ["fut", "result"]
    assert list(inspect.signature(maybe_async).parameters) == ["res"]
    assert murmur2(b"21") & 0x7FFFFFFF == 1173551340  # Apache Kafka, UtilsTest.testMurmur2: -973932308
    assert DefaultPartitioner()(b"21", list(range(12)), []) == 1173551340 % 12


@pytest.mark.parametrize("signal", ["on_partitions_assigned", "on_partitions_revoked", "on_rebalance_complete"])
def test_the_application_has_the_signal(signal: str) -> None:
    """`streams.worker.ownership` connects to it."""
    assert hasattr(App, signal)


@pytest.mark.parametrize("package", ["faust-streaming", "mode-streaming", "aiokafka"])
def test_the_installed_version_is_inside_of_the_pin(package: str) -> None:
    """All of the above was read in these versions."""
    pins = [Requirement(line) for line in requires("robocall-detector") or []]
    (pin,) = [pin for pin in pins if pin.name == package]
    assert pin.specifier.contains(version(package))
    assert any(part.operator == "<" for part in pin.specifier)


def test_revoked_partitions_are_committed_before_they_are_forgotten() -> None:
    """The driver's part of `on_partitions_revoked` awaits the application, which waits until all is acknowledged."""
    source: Any = inspect.getsource(App._on_partitions_revoked)
    assert source.index("stop_flow") < source.index("_consumer_wait_empty")
    assert "await T(self._on_partitions_revoked" in inspect.getsource(consumer.Consumer.on_partitions_revoked)


def test_a_member_without_a_group_subscription_watches_no_partitions() -> None:
    """What `watch_partitions` sets is what the listener of the metadata looks at."""
    source = inspect.getsource(BaseCoordinator)
    assert "and self._group_subscription is not None" in source
    assert "metadata_snapshot = self._get_metadata_snapshot()" in source
    assert "for topic in self._group_subscription" in source
