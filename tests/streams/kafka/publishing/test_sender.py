"""Produce requests and responses are those of aiokafka; who shares a request, and who hears of an error."""

import asyncio
import time
from io import BytesIO
from typing import Any, cast

import pytest
from aiokafka import errors
from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v7, ProduceResponse_v7
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.publishing.identity import Identities
from streams.kafka.publishing.outbox import Fate, Outbox
from streams.kafka.publishing.sender import PackedProduce, PackedProduceRequest, ProduceAnswer, Sender, read_answer
from tests.waiting import until

TOPICS = st.text(st.characters(max_codepoint=0x24F), min_size=1, max_size=20)
INT16, INT32, INT64 = (st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (16, 32, 64))
BATCHES = st.lists(st.tuples(INT32, st.binary(max_size=40)), max_size=4)
ANSWERS = st.lists(st.tuples(INT32, INT16, INT64, INT64, INT64), max_size=4)
NOT_LEADER = errors.NotLeaderForPartitionError.errno


@given(st.lists(st.tuples(TOPICS, BATCHES), max_size=3), st.sampled_from([-1, 1]), st.integers(0, 60_000))
def test_a_request_is_the_bytes_that_aiokafka_sends(
    topics: list[tuple[str, list[tuple[int, bytes]]]], acks: int, timeout_ms: int
) -> None:
    """Version 7, without a transaction."""
    packed = PackedProduce(None, acks, timeout_ms, topics).prepare({0: (3, 12)})
    slow = ProduceRequest(None, acks, timeout_ms, topics).prepare({0: (3, 7)})

    assert isinstance(packed, PackedProduceRequest)
    assert type(slow) is ProduceRequest_v7
    assert packed.encode() == slow.encode()
    assert packed.build_request_header(7, "us").encode() == slow.build_request_header(7, "us").encode()


def test_a_broker_that_does_not_speak_our_version_gets_one_that_it_speaks() -> None:
    """As aiokafka chooses it."""
    assert type(PackedProduce(None, 1, 5_000, []).prepare({0: (0, 5)})) is type(
        ProduceRequest(None, 1, 5_000, []).prepare({0: (0, 5)})
    )


@given(st.lists(st.tuples(TOPICS, ANSWERS), max_size=3))
def test_a_response_is_read_as_aiokafka_reads_it(topics: list[tuple[str, list[tuple[int, ...]]]]) -> None:
    """Partitions and error codes; of the rest we make no use."""
    body = b"head" + ProduceResponse_v7(topics, 0).encode()
    expected = [(topic, [one[:2] for one in ProduceResponse_v7.decode(BytesIO(body[4:])).topics[place][1]])
                for place, (topic, _) in enumerate(topics)]  # fmt: skip
    assert read_answer(body, 4).topics == expected


class Cluster:
    """Answers what the test says, when it says so. It stands for the client's connections, not for a broker."""

    def __init__(self) -> None:
        self.cluster = self
        self.leaders: dict[TopicPartition, int] = {}
        self.unauthorized_topics: set[str] = set()
        self.asked: list[tuple[int, list[tuple[int, bytes]]]] = []
        self.answers: list[asyncio.Future[ProduceAnswer]] = []
        self.updates = 0

    def leader_for_partition(self, tp: TopicPartition) -> int | None:
        return self.leaders.get(tp)

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return {tp.partition for tp in self.leaders if tp.topic == topic} or None

    def force_metadata_update(self) -> None:
        self.updates += 1

    async def send(self, node: int, request: Any) -> ProduceAnswer:
        self.asked.append((node, dict(request._topics).get("calls", [])))
        answer: asyncio.Future[ProduceAnswer] = asyncio.get_running_loop().create_future()
        self.answers.append(answer)
        return await answer


class Box:
    """An outbox of one partition with some batches, enlisted again while it has one."""

    def __init__(self, sender: Sender, partition: int, *batches: bytes | None) -> None:
        self.topic, self.partition = "calls", partition
        self.told: list[Exception | None] = []
        self._batches = list(batches)
        self._sender = sender
        sender.enlist(self)

    def fill(self) -> bytearray | None:
        batch = self._batches.pop(0)
        return None if batch is None else bytearray(batch)

    def settle(self, error: Exception | None) -> None:
        self.told.append(error)
        if self._batches:
            self._sender.enlist(self)


async def _turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def _told(partitions: int, story: Any) -> Cluster:
    """Run a story with a sender whose client has this many partitions of `calls`, led by node 1."""

    async def run() -> Cluster:
        cluster = Cluster()
        cluster.leaders = {TopicPartition("calls", partition): 1 for partition in range(partitions)}
        sender = Sender(cast("Any", cluster), acks=-1, timeout_ms=5_000)
        await story(cluster, sender)
        await sender.stop()
        return cluster

    return asyncio.run(run())


def test_what_is_ready_in_one_turn_shares_a_request_and_what_comes_later_the_next() -> None:
    """One request at a time for a broker."""

    async def story(cluster: Cluster, sender: Sender) -> None:
        first = [Box(sender, 0, b"0", b"0 again"), Box(sender, 1, b"1")]
        await _turn()
        later = [Box(sender, partition, b"%d" % partition) for partition in (2, 3)]
        await _turn()
        assert [asked for _, asked in cluster.asked] == [[(0, b"0"), (1, b"1")]]
        cluster.answers[0].set_result(ProduceAnswer([("calls", [(0, 0), (1, 0)])]))
        await _turn()
        cluster.answers[1].set_result(ProduceAnswer([("calls", [(3, 0), (2, 0), (0, 0)])]))
        await _turn()
        assert [box.told for box in (*first, *later)] == [[None, None], [None], [None], [None]]

    requests = [asked for _, asked in _told(4, story).asked]
    assert requests == [[(0, b"0"), (1, b"1")], [(2, b"2"), (3, b"3"), (0, b"0 again")]]


def test_a_request_leaves_in_the_turn_after_its_records_came() -> None:
    """Once the broker's task runs, nothing of the loop's other work comes between."""

    async def story(cluster: Cluster, sender: Sender) -> None:
        Box(sender, 0, b"0")
        await _turn()
        cluster.answers[0].set_result(ProduceAnswer([("calls", [(0, 0)])]))
        await _turn()
        Box(sender, 1, b"1")
        await asyncio.sleep(0)
        assert len(cluster.asked) == 2

    _told(2, story)


def test_an_outbox_without_a_batch_is_left_out() -> None:
    """It has said why itself, and is told nothing."""

    async def story(cluster: Cluster, sender: Sender) -> None:
        boxes = [Box(sender, 0, None), Box(sender, 1, b"1")]
        await _turn()
        cluster.answers[0].set_result(ProduceAnswer([("calls", [(1, 0)])]))
        await _turn()
        assert [box.told for box in boxes] == [[], [None]]
        Box(sender, 0, None)
        await _turn()

    assert [asked for _, asked in _told(2, story).asked] == [[(1, b"1")]]


def test_an_error_is_told_to_the_batch_that_it_belongs_to() -> None:
    """Its neighbour is safe; the leader may have moved, and is looked for."""

    async def story(cluster: Cluster, sender: Sender) -> None:
        good, bad = (Box(sender, partition, b"") for partition in (0, 1))
        await _turn()
        cluster.answers[0].set_result(ProduceAnswer([("calls", [(0, 0), (1, NOT_LEADER)])]))
        await _turn()
        assert good.told == [None]
        assert [type(told) for told in bad.told] == [errors.NotLeaderForPartitionError]

    assert _told(2, story).updates == 1


@pytest.mark.parametrize("error", [errors.KafkaConnectionError("gone"), KeyError("a bug")])
def test_a_request_that_broke_is_told_to_all_its_batches_and_the_next_one_leaves(error: Exception) -> None:
    """Nobody waits for ever."""

    async def story(cluster: Cluster, sender: Sender) -> None:
        sent = [Box(sender, partition, b"") for partition in (0, 1)]
        await _turn()
        next_one = Box(sender, 2, b"")
        await _turn()
        cluster.answers[0].set_exception(error)
        await _turn()
        assert [box.told for box in sent] == [[error]] * 2
        cluster.answers[1].set_result(ProduceAnswer([("calls", [(2, 0)])]))
        await _turn()
        assert next_one.told == [None]

    assert len(_told(3, story).asked) == 2


def test_a_batch_that_the_answer_does_not_mention_is_not_safe() -> None:
    """Silence is no promise."""

    async def story(cluster: Cluster, sender: Sender) -> None:
        good, bad = (Box(sender, partition, b"") for partition in (0, 1))
        await _turn()
        cluster.answers[0].set_result(ProduceAnswer([("calls", [(0, 0)])]))
        await _turn()
        assert good.told == [None]
        assert [type(told) for told in bad.told] == [errors.KafkaConnectionError]

    _told(2, story)


def test_a_partition_without_a_leader_is_an_error_that_may_pass() -> None:
    """And the leader is looked for."""

    async def story(cluster: Cluster, sender: Sender) -> None:
        box = Box(sender, 7)
        assert box.told == []
        await _turn()
        assert [type(told) for told in box.told] == [errors.LeaderNotAvailableError]
        assert cluster.asked == []

    assert _told(1, story).updates == 1


@pytest.mark.parametrize(
    ("is_forbidden", "error"),
    [(False, errors.UnknownTopicOrPartitionError), (True, errors.TopicAuthorizationFailedError)],
)
def test_a_topic_that_is_gone_or_forbidden_is_told_from_one_without_a_leader(
    *, is_forbidden: bool, error: type[errors.KafkaError]
) -> None:
    """Brokers hide a topic from who may not see it; all three have no leader."""

    async def story(cluster: Cluster, sender: Sender) -> None:
        cluster.leaders.clear()
        cluster.unauthorized_topics = {"calls"} if is_forbidden else set()
        box = Box(sender, 0)
        await _turn()
        assert [type(told) for told in box.told] == [error]

    assert _told(1, story).asked == []


def test_what_lingers_shares_a_request_with_what_comes_meanwhile() -> None:
    """The first waits for company, and so does what is there when its request is answered: none leaves at once."""

    async def story(cluster: Cluster, sender: Sender) -> None:
        sender._linger_s = 0.01
        Box(sender, 0, b"0")
        await _turn()
        Box(sender, 1, b"1")
        await until(lambda: len(cluster.asked) == 1)
        Box(sender, 2, b"2")
        cluster.answers[0].set_result(ProduceAnswer([("calls", [(0, 0), (1, 0)])]))
        await _turn()
        Box(sender, 3, b"3")
        await until(lambda: len(cluster.asked) == 2)

    assert [asked for _, asked in _told(4, story).asked] == [[(0, b"0"), (1, b"1")], [(2, b"2"), (3, b"3")]]


def test_a_batch_that_waited_for_a_request_goes_to_where_its_leader_is_by_then() -> None:
    """The broker before it may hang for seconds, and lose its partitions meanwhile."""

    async def story(cluster: Cluster, sender: Sender) -> None:
        first = Box(sender, 0, b"0")
        await _turn()
        moved = Box(sender, 1, b"1")
        cluster.leaders[TopicPartition("calls", 1)] = 2
        cluster.answers[0].set_exception(errors.RequestTimedOutError())
        await _turn()
        cluster.answers[1].set_result(ProduceAnswer([("calls", [(1, 0)])]))
        await _turn()
        assert [type(told) for told in first.told] == [errors.RequestTimedOutError]
        assert moved.told == [None]

    assert _told(2, story).asked == [(1, [(0, b"0")]), (2, [(1, b"1")])]


def test_whatever_ends_the_task_of_a_broker_the_next_batch_starts_it_again() -> None:
    """Nobody waits for ever, neither whose batch was on its way nor who came meanwhile."""

    async def story(cluster: Cluster, sender: Sender) -> None:
        first = Box(sender, 0, b"0")
        await _turn()
        meanwhile = Box(sender, 1, b"1")
        cluster.answers[0].cancel()
        await _turn()
        cluster.answers[1].set_result(ProduceAnswer([("calls", [(1, 0)])]))
        await _turn()
        assert [type(told) for told in first.told] == [errors.KafkaConnectionError]
        assert meanwhile.told == [None]

    assert len(_told(2, story).asked) == 2


class Heard:
    """What an outbox told, and whoever waits for its records."""

    def __init__(self) -> None:
        self.since: list[float] = []
        self.recoveries = self.settled_records = 0

    def settled(self, records: int) -> None:
        self.settled_records += records

    def arrived(self, records: int) -> None:
        assert records

    def set_aside(self, records: int) -> None:
        pytest.fail(f"{records} records are set aside")

    def undelivered(self, outbox: Outbox, records: int, error: Exception, since: float) -> Fate:
        del outbox, records
        assert isinstance(error, errors.LeaderNotAvailableError)
        self.since.append(since)
        return Fate.AGAIN

    def recovered(self, outbox: Outbox) -> None:
        del outbox
        self.recoveries += 1


def test_an_outbox_without_a_leader_is_in_trouble_since_it_had_something_to_send() -> None:
    """And sends it, in order, once there is one."""
    heard = Heard()

    async def story(cluster: Cluster, sender: Sender) -> None:
        place = TopicPartition("calls", 0)
        cluster.leaders[place] = -1
        outbox = Outbox(sender, "calls", 0, heard, Identities(), lambda: 0)
        before_s = time.monotonic()
        outbox.put([(b"k", b"first")], heard)
        await _turn()
        outbox.put([(b"k", b"second")], heard)
        assert len(heard.since) == 1
        assert before_s <= heard.since[0] <= time.monotonic()
        cluster.leaders[place] = 1
        await until(lambda: cluster.answers)
        cluster.answers[0].set_result(ProduceAnswer([("calls", [(0, 0)])]))
        await _turn()

    ((_, batches),) = _told(1, story).asked
    ((_, batch),) = batches
    assert batch.index(b"first") < batch.index(b"second")
    assert (heard.recoveries, heard.settled_records) == (1, 2)


def test_nothing_is_sent_after_the_end() -> None:
    """Nor does anybody hear of it: what waits is read again by whoever comes next."""

    async def story(cluster: Cluster, sender: Sender) -> None:
        box = Box(sender, 0, b"0")
        await _turn()
        await sender.stop()
        sender.enlist(box)
        await _turn()
        assert box.told == []
        assert len(cluster.asked) == 1

    _told(1, story)


def test_a_request_is_printed_without_what_it_carries() -> None:
    """Aiokafka logs requests at debug level, and batches hold phone numbers."""
    assert (
        repr(PackedProduceRequest(-1, 1_000, [("calls", [(0, b"secret"), (1, b"secret")])]))
        == "PackedProduceRequest(2 partitions)"
    )
