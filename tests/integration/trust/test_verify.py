"""`robocall verify` on a real broker: raw set-ups go on with their verdict, whatever is killed in between."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from kafka import KafkaAdminClient

from streams.kafka.topics import CALL_EVENTS
from streams.local.services import free_ports
from tests.processes import ROOT
from tests.streams.trust.https_server import Server, response, serving
from tests.streams.trust.signed_calls import live_provider, setup, signed_now, trust_environment, url_at
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
PARTITIONS = 4


class Verifier:
    """A process."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        (self.port,) = free_ports(1)
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.commands.main", "verify"],
                cwd=ROOT, env=os.environ | environment | {"ROBOCALL_VERIFY_WEB_PORT": str(self.port)},
                stdout=out, stderr=out,
            )  # fmt: skip

    def metrics(self) -> str:
        """The page."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=HANG_S) as page:
            return str(page.read().decode())


@contextmanager
def running(environment: dict[str, str], log: Path) -> Iterator[Verifier]:
    """One; what is left of it is killed."""
    verifier = Verifier(environment, log)
    try:
        yield verifier
    except BaseException:
        sys.stderr.write(log.read_text(errors="replace")[-3_000:])
        raise
    finally:
        if verifier.process.poll() is None:
            verifier.process.kill()
        verifier.process.wait()


class Topics:
    """Writes raw records to partitions, and reads what came of them."""

    def __init__(self, bootstrap: str, raw: str) -> None:
        self._raw = raw
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": f"reader-{time.time_ns()}", "auto.offset.reset": "earliest"}
        )
        self._consumer.subscribe([CALL_EVENTS])
        self._found: dict[int, list[tuple[bytes | None, bytes | None]]] = {n: [] for n in range(PARTITIONS)}

    def write(self, partition: int, key: bytes | None, value: bytes | None) -> None:
        self._producer.produce(self._raw, key=key, value=value, partition=partition)
        self._producer.poll(0)

    def partitions(self) -> int:
        """Of the topic of raw records, as the broker says now."""
        return len(self._producer.list_topics(self._raw, HANG_S).topics[self._raw].partitions)

    def flush(self) -> None:
        assert self._producer.flush(HANG_S) == 0

    def read(self) -> dict[int, list[tuple[bytes | None, bytes | None]]]:
        """All so far, by partition in order."""
        for message in self._consumer.consume(5_000, 0.2):
            if message.error() is None:
                self._found[message.partition() or 0].append((message.key(), message.value()))
        return self._found

    def close(self) -> None:
        self._consumer.close()

    def calls(self) -> dict[int, list[dict[str, Any]]]:
        """Set-ups and so on that can be read, by partition in order."""
        return {
            partition: [json.loads(value) for _, value in pairs if value and value.startswith(b"{")]
            for partition, pairs in self.read().items()
        }


@pytest.fixture
def raw(kafka_admin: KafkaAdminClient, fresh_topics: Callable[..., list[str]]) -> Iterator[str]:
    """A topic of raw set-ups beside those of the contract."""
    fresh_topics(PARTITIONS)
    name = f"unverified-{time.time_ns()}"
    kafka_admin.create_topics({name: {"num_partitions": PARTITIONS, "replication_factor": 1}})
    yield name
    kafka_admin.delete_topics([name])


@pytest.fixture
def environment(kafka_bootstrap: str, raw: str, tmp_path: Path) -> dict[str, str]:
    return {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ROBOCALL_SESSION_TIMEOUT_S": "6",
        "ROBOCALL_VERIFY_TOPIC": raw,
        "ROBOCALL_VERIFY_CONSUMER_GROUP": f"verify-{time.time_ns()}",
        "ROBOCALL_VERIFY_WAIT_MS": "5000",
        **trust_environment(tmp_path),
    }


async def certificates(path: str, writer: asyncio.StreamWriter) -> None:
    """One address has a certificate, all others have none."""
    found = path == "/shaken.pem"
    writer.write(response(live_provider().pem) if found else response(b"", status="404 Not Found"))


def first_of_each(calls: list[dict[str, Any]]) -> list[str]:
    """Call ids in the order in which they came first: a repeat after a crash is no disorder."""
    return list(dict.fromkeys(call["call_id"] for call in calls))


async def happened(claim: Callable[[], bool], what: str) -> None:
    """Wait in a thread: reading blocks, and certificates are served meanwhile."""
    await asyncio.to_thread(wait_until, claim, what)


async def first_calls(topics: Topics, server: Server) -> None:
    """Passed, not there, replayed, unsigned, poison; each in its partition, whatever its key says."""
    topics.write(0, b"k", b"is anybody there")  # what came before it began would not be waited for
    topics.flush()
    await happened(lambda: bool(topics.read()[0]), "it has begun")
    good = signed_now(url_at(server))
    topics.write(3, b"+12025550101", json.dumps(setup("passed", good, vendor=1)).encode())
    topics.flush()
    await happened(lambda: bool(topics.read()[3]), "the first call went on")
    topics.write(3, None, b"poison")
    topics.write(3, b"+12025550101", json.dumps(setup("replayed", good, own_names=["Bank"])).encode())
    topics.write(3, b"k", None)
    topics.write(1, b"+12025550101", json.dumps(setup("gone", signed_now(url_at(server, "gone.pem")))).encode())
    unsigned = json.dumps(setup("unsigned", identity=None)).encode()
    topics.write(1, b"+12025550101", unsigned)
    topics.flush()
    await happened(lambda: len(topics.read()[3]) == 4 and len(topics.read()[1]) == 2, "five more went on")

    (_, passed), poison, (_, replayed), null = topics.read()[3]
    assert (poison, null) == ((None, b"poison"), (b"k", None))
    call = json.loads(passed or b"")
    assert (call["own_verstat"], call["own_signer_spc"], call["vendor"]) == ("TN-Validation-Passed", "123A", 1)
    assert call["identity"] == [good]
    call = json.loads(replayed or b"")
    assert (call["own_cause"], "own_names" in call) == ("replayed", False)
    (_, gone), second = topics.read()[1]
    assert json.loads(gone or b"")["own_cause"] == "certificate_unavailable"
    assert second == (b"+12025550101", unsigned)


def test_every_raw_call_goes_on_in_order_whatever_is_killed(
    environment: dict[str, str], kafka_bootstrap: str, raw: str, tmp_path: Path
) -> None:
    """Kill -9 while calls come: the next process repeats what was not committed, and nothing is lost."""
    topics = Topics(kafka_bootstrap, raw)
    written: dict[int, list[str]] = {partition: [] for partition in range(PARTITIONS)}

    def write(server: Server, first: int, count: int) -> None:
        for number in range(first, first + count):
            partition, call_id = number % PARTITIONS, f"call-{number}"
            headers = [signed_now(url_at(server), origid=call_id)] if number % 3 == 0 else []
            topics.write(partition, f"+1202555{number:04}".encode(), json.dumps(setup(call_id, *headers)).encode())
            written[partition].append(call_id)
        topics.flush()

    def missing() -> bool:
        calls = topics.calls()
        return any(set(written[partition]) - {call["call_id"] for call in calls[partition]} for partition in written)

    async def whole() -> None:
        async with serving(certificates) as server:
            with running(environment, tmp_path / "first.log") as victim:
                await first_calls(topics, server)
                before = {partition: len(calls) for partition, calls in topics.calls().items()}
                for start in range(0, 600, 100):
                    write(server, start, 100)
                    await asyncio.sleep(0.05)
                victim.process.send_signal(signal.SIGKILL)
                victim.process.wait()
                write(server, 600, 100)
            with running(environment, tmp_path / "second.log") as survivor:
                await happened(lambda: not missing(), "every call went on")
                write(server, 700, 100)
                await happened(lambda: not missing(), "every call went on")
                page = survivor.metrics()
                survivor.process.terminate()
                assert survivor.process.wait(HANG_S) == 0
            assert 'robocall_trust_verdicts_total{cause="passed"}' in page
            assert 'robocall_verify_records_total{kind="other"}' in page
            for partition, calls in topics.calls().items():
                came = calls[before[partition] :]
                assert first_of_each(came) == written[partition]
                causes = {(bool(call.get("identity")), call.get("own_cause")) for call in came}
                assert causes <= {(True, "passed"), (True, "not_checked"), (False, None)}
                assert (True, "passed") in causes

    try:
        asyncio.run(whole())
    finally:
        topics.close()


def test_a_topic_that_grows_ends_it_in_one_line(
    environment: dict[str, str], kafka_admin: KafkaAdminClient, kafka_bootstrap: str, raw: str, tmp_path: Path
) -> None:
    """A record could not go where it belongs. How it starts with such topics: tests/streams/commands/trust."""
    topics = Topics(kafka_bootstrap, raw)

    with running(environment, tmp_path / "verify.log") as verifier:

        def has_ended() -> bool:
            topics.write(0, b"k", b"poison")
            topics.flush()
            return verifier.process.poll() is not None

        assert not has_ended()
        wait_until(lambda: topics.read()[0], "it has begun")
        kafka_admin.create_partitions({raw: PARTITIONS + 1})
        wait_until(has_ended, "it has ended")
        assert verifier.process.returncode == 1
    topics.close()
    assert f"has {PARTITIONS + 1} partitions and call-events {PARTITIONS}" in (tmp_path / "verify.log").read_text()
