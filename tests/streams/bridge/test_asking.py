"""Asking on a real broker: the decision comes back, and whatever is missing, the call passes and says why."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient

from detector.contract.events import MAX_RECORD_BYTES
from detector.trust.verdict import Cause
from streams.bridge.asking import CERTIFICATE_SHARE, Asked, Asker, FailOpen
from streams.bridge.breaker import ANSWERS, TIMEOUTS
from streams.bridge.metrics import BridgeMetrics
from streams.bridge.settings import BridgeSettings
from streams.errors import KafkaUnreachable, TopicMissing
from streams.kafka import topics
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.settings import load_settings
from streams.trust.setup_verifier import SetupVerifier
from tests.broker_process import broker_process
from tests.streams.bridge.asking_case import LONG_S, PlayedWorker, asking, setup
from tests.streams.trust import signed_calls
from tests.streams.trust.https_server import Answer, Server, response, sends
from tests.streams.trust.signed_calls import live_provider, signed_now, url_at
from tests.topic_reader import values
from tests.waiting import HANG_S, until

pytestmark = pytest.mark.kafka


@pytest.fixture
def bootstrap(kafka_bootstrap: str, fresh_topics: Callable[..., list[str]]) -> str:
    fresh_topics(4)
    return kafka_bootstrap


def test_each_call_gets_its_own_decision_and_its_end_follows_it(bootstrap: str) -> None:
    """Many at a time, with and without a switch; one partition has a number's calls, and the end comes after."""
    worker = PlayedWorker(bootstrap)

    async def run() -> list[Asked]:
        async with asking(bootstrap, worker) as asker:
            calls = [
                setup(
                    f"{n}@a", f"+131255501{n:02}", switch_id="sbc-1" if n % 2 else None, calling_number=f"+1202555{n}"
                )
                for n in range(100)
            ]
            found = await asyncio.gather(*(asker.ask(call, LONG_S) for call in calls))
            asker.publish({**calls[0], "type": "call_end", "end_time_ms": calls[0]["setup_time_ms"]})
            await until(lambda: len(worker.seen("0@a")) == 2)
            return found

    answers = asyncio.run(run())

    assert [answer.reason for answer in answers] == [None] * 100
    for number, answer in enumerate(answers):
        assert answer.decision is not None
        assert answer.decision.call_id == f"{number}@a"
        assert answer.decision.action == ("block" if number % 10 == 6 else "allow")
    assert [event["type"] for event in worker.seen("0@a")] == ["call_setup", "call_end"]
    assert all(key == event["calling_number"].encode() for key, event in worker.events)


def test_without_a_worker_calls_pass_at_once_and_are_published_all_the_same(bootstrap: str) -> None:
    """Nobody has answered yet, so nobody waits."""

    async def run() -> float:
        async with asking(bootstrap, None) as asker:
            assert asker.why_unhealthy == "no worker answers in time"
            began_s = time.monotonic()
            found = await asyncio.gather(*(asker.ask(setup(f"{n}@a"), LONG_S) for n in range(50)))
            assert set(found) == {Asked(None, FailOpen.UNHEALTHY)}
            return time.monotonic() - began_s

    assert asyncio.run(run()) < LONG_S
    names = {json.loads(value)["call_id"] for value in values(bootstrap, CALL_EVENTS, 50) if value and b"@a" in value}
    assert names == {f"{n}@a" for n in range(50)}


def test_a_worker_that_falls_silent_makes_calls_late_and_then_nobody_waits_until_it_answers(bootstrap: str) -> None:
    worker = PlayedWorker(bootstrap)

    async def run() -> None:
        async with asking(bootstrap, worker) as asker:
            worker.is_silent = True
            late = await asyncio.gather(*(asker.ask(setup(f"late-{n}@a"), 0.05) for n in range(TIMEOUTS)))
            assert set(late) == {Asked(None, FailOpen.LATE)}
            assert await asker.ask(setup("next@a"), LONG_S) == Asked(None, FailOpen.UNHEALTHY)

            worker.is_silent = False
            await until(lambda: asker.is_healthy)
            assert (await asker.ask(setup("last@a"), LONG_S)).decision is not None

    asyncio.run(run())


def test_workers_that_are_back_are_noticed_by_what_they_decide_of_calls_that_passed(bootstrap: str) -> None:
    """Ten decisions are enough, whoever asks for them: a call of our own is tried but once a second."""
    worker = PlayedWorker(bootstrap)

    async def run() -> None:
        async with asking(bootstrap, worker) as asker:
            worker.is_silent = True
            await asyncio.gather(*(asker.ask(setup(f"late-{n}@a"), 0.05) for n in range(TIMEOUTS)))
            await until(lambda: len([one for one in worker.events if "late-" in one[1]["call_id"]]) == TIMEOUTS)
            worker.is_silent = False
            tried = len(worker.events)
            passed = await asyncio.gather(*(asker.ask(setup(f"{n}@a"), LONG_S) for n in range(ANSWERS)))
            assert set(passed) == {Asked(None, FailOpen.UNHEALTHY)}
            await until(lambda: asker.is_healthy)
            assert len(worker.events) - tried < 2 * ANSWERS, "calls of our own alone would have taken ten seconds"

    asyncio.run(run())


def test_whoever_waits_for_less_than_he_should_stops_nobody_elses_waiting(bootstrap: str) -> None:
    """One client with a deadline of its own would else let all calls of all peers pass, as often as it likes."""
    worker = PlayedWorker(bootstrap)

    async def run() -> None:
        async with asking(bootstrap, worker) as asker:
            worker.is_silent = True
            asked = (asker.ask(setup(f"hasty-{n}@a"), 0.01, usual_s=LONG_S) for n in range(2 * TIMEOUTS))
            assert set(await asyncio.gather(*asked)) == {Asked(None, FailOpen.LATE)}
            assert asker.is_healthy

    asyncio.run(run())


def test_whoever_waits_for_longer_than_he_should_keeps_nobody_waiting(bootstrap: str) -> None:
    """Decisions that come too late for usual calls are no sign of workers that answer in time."""
    worker = PlayedWorker(bootstrap)

    async def run() -> None:
        async with asking(bootstrap, worker) as asker:
            worker.after_s = 0.1
            found = [await asker.ask(setup(f"patient-{n}@a"), LONG_S, usual_s=0.05) for n in range(TIMEOUTS)]
            assert None not in [one.decision for one in found]
            assert await asker.ask(setup("usual@a"), LONG_S, usual_s=0.05) == Asked(None, FailOpen.UNHEALTHY)

    asyncio.run(run())


def test_calls_that_wait_for_less_do_not_hide_dead_workers(bootstrap: str) -> None:
    """A call of our own tells: else each would wait in vain for as long as only such calls come."""
    worker = PlayedWorker(bootstrap)

    async def run() -> None:
        async with asking(bootstrap, worker, deadline_ms=2_000) as asker:
            worker.is_silent = True
            asked = (asker.ask(setup(f"hasty-{n}@a"), 0.01, usual_s=LONG_S) for n in range(TIMEOUTS))
            assert set(await asyncio.gather(*asked)) == {Asked(None, FailOpen.LATE)}
            assert asker.is_healthy
            await until(lambda: not asker.is_healthy)

            worker.is_silent = False
            await until(lambda: asker.is_healthy)

    asyncio.run(run())


def test_a_bound_passes_calls_and_so_does_what_no_broker_would_take(bootstrap: str) -> None:
    worker = PlayedWorker(bootstrap)

    async def run() -> None:
        async with asking(bootstrap, worker, max_waiting=10) as asker:
            worker.is_silent = True
            waiting = [asyncio.create_task(asker.ask(setup(f"{n}@a"), LONG_S)) for n in range(10)]
            await asyncio.sleep(0)
            assert await asker.ask(setup("more@a"), LONG_S) == Asked(None, FailOpen.NOT_PUBLISHED)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

            worker.is_silent = False
            await until(lambda: asker._unpublished() == 0)
            large = setup("large@a", trunk_group_id="x" * 20_000)
            assert await asker.ask(large, LONG_S) == Asked(None, FailOpen.NOT_PUBLISHED)
            assert await asker.ask({"call_id": "odd"}, LONG_S) == Asked(None, FailOpen.NOT_PUBLISHED)
            assert not asker.publish(large)
            assert asker.publish({"type": "call_end"}), "nobody need say again what is none"
            assert (await asker.ask(setup("last@a"), LONG_S)).decision is not None

    asyncio.run(run())


@pytest.mark.slow
def test_new_partitions_and_topics_that_are_made_again_are_noticed(
    bootstrap: str, kafka_admin: KafkaAdminClient, delete_topic: Callable[[str], None], fresh_topics: Callable[..., Any]
) -> None:
    worker = PlayedWorker(bootstrap)

    async def answered(asker: Asker, name: str) -> None:
        async with asyncio.timeout(HANG_S):
            while (await asker.ask(setup(f"{name}-{time.time_ns()}@a"), 2.0)).decision is None:
                await until(lambda: asker._is_connected)

    async def run() -> None:
        async with asking(bootstrap, worker) as asker:
            await asyncio.to_thread(kafka_admin.create_partitions, {CALL_EVENTS: 6, CALL_DECISIONS: 7})
            await until(lambda: asker._reader.partitions == {CALL_EVENTS: 6, CALL_DECISIONS: 7})
            await answered(asker, "more")

            await asyncio.to_thread(delete_topic, CALL_DECISIONS)
            await until(lambda: not asker.is_healthy)
            await asyncio.to_thread(fresh_topics, 3)
            await until(lambda: asker._reader.partitions == {CALL_EVENTS: 3, CALL_DECISIONS: 3})
            await answered(asker, "again")

    asyncio.run(run())


def test_a_missing_topic_and_a_missing_broker_are_said(bootstrap: str, delete_topic: Callable[[str], None]) -> None:
    delete_topic(CALL_DECISIONS)

    async def start(servers: str) -> None:
        asker = Asker(load_settings(kafka_bootstrap_servers=servers), BridgeSettings.load(), BridgeMetrics())
        await asker.start()

    with pytest.raises(TopicMissing, match="call-decisions"):
        asyncio.run(start(bootstrap))
    with pytest.raises(KafkaUnreachable):
        asyncio.run(start("127.0.0.1:1"))


@pytest.mark.slow
def test_without_a_broker_calls_pass_at_once_and_with_it_decisions_come_again(tmp_path: Path) -> None:
    """Killed, and started again with what it had; what was asked meanwhile is published then."""
    with broker_process(tmp_path / "kafka") as broker:
        with topics.admin_client(load_settings(kafka_bootstrap_servers=broker.bootstrap)) as admin:
            topics.create(admin, partitions=2)
        worker = PlayedWorker(broker.bootstrap)

        async def run() -> None:
            async with asking(broker.bootstrap, worker) as asker:
                assert (await asker.ask(setup("before@a"), LONG_S)).decision is not None
                broker.kill()
                await until(lambda: not asker.is_healthy)
                found = await asyncio.gather(*(asker.ask(setup(f"{n}@a"), HANG_S) for n in range(20)))
                assert set(found) == {Asked(None, FailOpen.UNHEALTHY)}

                broker.start()
                await until(lambda: asker.is_healthy)
                assert (await asker.ask(setup("after@a"), LONG_S)).decision is not None
                await until(lambda: all(worker.seen(f"{n}@a") for n in range(20)))

        asyncio.run(run())


@asynccontextmanager
async def verified(
    bootstrap: str, worker: PlayedWorker, folder: Path, answer: Answer
) -> AsyncIterator[tuple[Server, Asker]]:
    """An asker that verifies, with its authorities in force."""
    async with signed_calls.verifying(folder, answer) as (server, made):
        verifier = SetupVerifier(made)
        await verifier.start()
        try:
            await until(lambda: made.lists.anchors is not None)
            async with asking(bootstrap, worker, verifier) as asker:
                yield server, asker
        finally:
            await verifier.stop()


def own(events: list[dict[str, Any]]) -> list[Any]:
    return [(event["type"], event.get("own_cause")) for event in events]


def test_a_signed_call_is_published_once_with_its_verdict(bootstrap: str, tmp_path: Path) -> None:
    """And asked about like any other; an unsigned one is what it was."""
    worker = PlayedWorker(bootstrap)

    async def run() -> None:
        async with verified(bootstrap, worker, tmp_path, sends(live_provider().pem)) as (server, asker):
            one = signed_calls.setup("1@a", signed_now(url_at(server)))
            good = await asker.ask(one, LONG_S)
            bad = await asker.ask(signed_calls.setup("2@a", *one["identity"]), LONG_S)
            without = await asker.ask(setup("3@a"), LONG_S)

            assert None not in {good.decision, bad.decision, without.decision}
            assert good.verdict is not None
            assert bad.verdict is not None
            assert (good.verdict.cause, bad.verdict.cause, without.verdict) == (Cause.PASSED, Cause.REPLAYED, None)
            (event,) = worker.seen("1@a")
            own_of_it = {name: value for name, value in event.items() if name.startswith("own_")}
            assert {name: value for name, value in event.items() if name not in own_of_it} == one
            assert own_of_it == {
                "own_verstat": "TN-Validation-Passed",
                "own_cause": "passed",
                "own_attestation": "A",
                "own_signer_spc": "123A",
                "own_origid": "123e4567-e89b-12d3-a456-426655440000",
            }
            assert own(worker.seen("2@a")) == [("call_setup", "replayed")]
            assert own(worker.seen("3@a")) == [("call_setup", None)]

            odd = await asker.ask(signed_calls.setup("4@a", *one["identity"], nobody_knows=1), LONG_S)
            assert (odd.decision is None, odd.verdict) == (False, None), "an error of ours costs a verdict, no decision"

    asyncio.run(run())


def test_whoever_serves_a_certificate_slowly_escapes_no_decision(bootstrap: str, tmp_path: Path) -> None:
    """The call waits for a part of its time; the next one has the certificate."""
    worker = PlayedWorker(bootstrap)
    may = asyncio.Event()

    async def answer(_path: str, writer: asyncio.StreamWriter) -> None:
        await may.wait()
        writer.write(response(live_provider().pem))

    async def run() -> None:
        async with verified(bootstrap, worker, tmp_path, answer) as (server, asker):
            began_s, wait_s = time.monotonic(), 4.0
            slow = await asker.ask(signed_calls.setup("1@a", signed_now(url_at(server))), wait_s)
            assert wait_s * CERTIFICATE_SHARE <= time.monotonic() - began_s
            assert slow.verdict is not None
            assert (slow.verdict.cause, slow.reason) == (Cause.NOT_CHECKED, None)

            gone = asyncio.create_task(asker.ask(signed_calls.setup("2@a", signed_now(url_at(server))), LONG_S))
            await asyncio.sleep(0.1)
            gone.cancel()
            await until(lambda: own(worker.seen("2@a")) == [("call_setup", None)])

            may.set()
            assert asker._verifier is not None
            await until(lambda: asker._verifier._made.certificates.known(url_at(server)))  # type: ignore[union-attr]
            quick = await asker.ask(signed_calls.setup("3@a", signed_now(url_at(server))), LONG_S)
            assert quick.verdict is not None
            assert quick.verdict.cause is Cause.PASSED
            assert own(worker.seen("1@a")) == [("call_setup", "not_checked")]

    asyncio.run(run())


def test_calls_that_waited_for_certificates_stop_nobody_elses_waiting(bootstrap: str, tmp_path: Path) -> None:
    """Many new signers at once leave their calls little time for decisions, which tells nothing of workers."""
    worker = PlayedWorker(bootstrap)
    never = asyncio.Event()

    async def answer(_path: str, _writer: asyncio.StreamWriter) -> None:
        await never.wait()

    async def run() -> None:
        async with verified(bootstrap, worker, tmp_path, answer) as (server, asker):
            worker.is_silent = True
            calls = [signed_calls.setup(f"{n}@a", signed_now(url_at(server))) for n in range(2 * TIMEOUTS)]
            found = await asyncio.gather(*(asker.ask(one, 0.5) for one in calls))
            assert {one.reason for one in found} == {FailOpen.LATE}
            assert asker.is_healthy

            never.set()

    asyncio.run(run())


def test_headers_give_way_where_a_record_has_no_room_for_both(bootstrap: str, tmp_path: Path) -> None:
    """A caller cannot write so much that the call passes for want of room: what was found is kept."""
    worker = PlayedWorker(bootstrap)

    async def run() -> None:
        async with verified(bootstrap, worker, tmp_path, sends(live_provider().pem)) as (server, asker):
            one = signed_calls.setup("1@a", signed_now(url_at(server)))
            one["identity"] += ["x" * 8_000, "y" * (MAX_RECORD_BYTES - 8_010 - len(json.dumps(one)))]
            found = await asker.ask(one, LONG_S)
            assert found.decision is not None
            (event,) = worker.seen("1@a")
            assert "identity" not in event
            assert event["own_cause"] == "passed"

    asyncio.run(run())
