"""The agent with a real verifier and a real certificate server: order, partitions, patience, poison."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from streams.kafka.fetched import Poll, rows_of
from streams.kafka.publishing.publisher import Delivery
from streams.kafka.publishing.records import Perishable, Record
from streams.kafka.topics import CALL_EVENTS
from streams.running.failures import Failures
from streams.trust.setup_verifier import SetupVerifier
from streams.verifying import verify_calls
from streams.verifying.metrics import VerifyMetrics
from streams.verifying.verify_calls import CallVerifying
from tests.streams.trust.https_server import Answer, Server, response, sends
from tests.streams.trust.signed_calls import live_provider, now_ms, setup, signed_at, signed_now, url_at, verifying
from tests.waiting import HANG_S

Pair = tuple[bytes | None, bytes | None]


@dataclass
class Out:
    """Takes records by partition; the test says when they are safe."""

    records: dict[int, list[Record]] = field(default_factory=dict)
    unsafe: list[tuple[Delivery, int]] = field(default_factory=list)

    def publish_to(self, topic: str, partition: int, records: list[Record | Perishable], delivery: Delivery) -> None:
        """As a publisher does."""
        assert topic == CALL_EVENTS
        self.records.setdefault(partition, []).extend(one for one in records if not isinstance(one, Perishable))
        delivery.expect(len(records))
        self.unsafe.append((delivery, len(records)))

    def make_safe(self) -> None:
        """Say that all is at the broker."""
        for delivery, count in self.unsafe:
            delivery.arrived(count)


@dataclass
class Case:
    """A certificate server and an agent."""

    server: Server
    out: Out
    agent: CallVerifying
    broken: list[str]
    acknowledged: int = 0

    async def take(self, *parts: tuple[int, Sequence[Pair]], arrived_ms: int | None = None) -> None:
        """Give it a poll of these partitions."""
        at_ms = now_ms() if arrived_ms is None else arrived_ms
        rows = [
            (TP("unverified-calls", partition), rows_of((n, at_ms, *pair) for n, pair in enumerate(pairs)))
            for partition, pairs in parts
        ]
        await self.agent.take(Poll(0, rows), self._acknowledge)

    def _acknowledge(self) -> None:
        self.acknowledged += 1

    def causes(self, partition: int = 0) -> list[Any]:
        """Of what went on, in order."""
        return [json.loads(value or b"{}").get("own_cause") for _, value in self.out.records[partition]]


def run(folder: Path, work: Callable[[Case], Awaitable[None]], answer: Answer, wait_s: float = HANG_S) -> None:
    async def whole() -> None:
        async with verifying(folder, answer) as (server, made):
            verifier, out, broken = SetupVerifier(made), Out(), list[str]()
            await verifier.start()
            try:
                failed = Failures(broken.append)
                agent = CallVerifying(verifier, out, VerifyMetrics(), failed, wait_ms=int(wait_s * 1e3))
                await work(Case(server, out, agent, broken))
            finally:
                await verifier.stop()

    asyncio.run(whole())


def record(call_id: str, *identities: str, **more: Any) -> Pair:
    return b"+12025550101", json.dumps(setup(call_id, *identities, **more)).encode()


def test_everything_goes_on_in_order_to_its_own_partition(tmp_path: Path) -> None:
    """With its key, whatever that is; the poll is acknowledged once all of it is safe."""

    async def work(case: Case) -> None:
        url = url_at(case.server)
        poison: list[Pair] = [(b"k", b"junk"), (None, None), (b"", b"\xff")]
        plain = record("plain", identity=None)
        await case.take(
            (3, [record("a", signed_now(url, origid="a")), *poison, record("b", signed_now(url, origid="b"))]),
            (0, [plain, record("c", "junk")]),
        )
        first, *middle, last = case.out.records[3]
        assert middle == poison
        assert [json.loads(value or b"")["call_id"] for _, value in (first, last)] == ["a", "b"]
        assert case.causes(0) == [None, "identity_malformed"]
        assert case.out.records[0][0] == plain
        assert (first[0], last[0]) == (b"+12025550101", b"+12025550101")
        assert [json.loads(value or b"")["own_cause"] for _, value in (first, last)] == ["passed"] * 2
        assert case.acknowledged == 0
        case.out.make_safe()
        assert case.acknowledged == 1

    run(tmp_path, work, sends(live_provider().pem))


def test_nobody_waits_longer_than_the_bound_and_old_calls_not_at_all(tmp_path: Path) -> None:
    """The bound begins with the arrival: polls behind each other do not add up."""
    may = asyncio.Event()

    async def answer(_path: str, writer: asyncio.StreamWriter) -> None:
        await may.wait()
        writer.write(response(live_provider().pem))

    async def work(case: Case) -> None:
        url, began_s = url_at(case.server), time.monotonic()
        await case.take((0, [record("a", signed_now(url)), record("b", identity=None)]))
        assert time.monotonic() - began_s >= 0.5
        assert case.causes() == ["not_checked", None]
        began_s = time.monotonic()
        await case.take((0, [record("c", signed_now(url, origid="c"))]), arrived_ms=now_ms() - 60_000)
        assert time.monotonic() - began_s < 0.5
        assert case.causes() == ["not_checked", None, "not_checked"]

    run(tmp_path, work, answer, wait_s=0.5)


def test_many_calls_are_verified_lot_by_lot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that threads never have more before them than they take."""
    monkeypatch.setattr(verify_calls, "LOT_CHARACTERS", 2_000)
    monkeypatch.setattr(verify_calls, "MOST_RECORDS", 7)

    async def work(case: Case) -> None:
        url = url_at(case.server)
        pairs = [record(str(n), signed_now(url, origid=str(n))) for n in range(40)]
        await case.take((0, pairs))
        assert [json.loads(value or b"")["call_id"] for _, value in case.out.records[0]] == [str(n) for n in range(40)]
        assert case.causes() == ["passed"] * 40

    run(tmp_path, work, sends(live_provider().pem))


def test_what_a_switch_wrote_in_the_place_of_a_verdict_does_not_go_on_where_verifying_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call goes on without a verdict."""

    async def broken(*_: object, **__: object) -> None:
        raise IndexError

    monkeypatch.setattr(SetupVerifier, "verdict", broken)

    async def work(case: Case) -> None:
        own = {"own_verstat": "TN-Validation-Passed", "own_cause": "passed", "own_attestation": "A"}
        await case.take((0, [record("a", "junk", **own)]))
        ((_, value),) = case.out.records[0]
        said = json.loads(value or b"")
        assert said["call_id"] == "a"
        assert not set(said) & set(own)
        assert case.broken == ["IndexError"]

    run(tmp_path, work, sends(live_provider().pem))


def test_an_old_token_does_not_pass_because_a_switch_dates_its_call_back(tmp_path: Path) -> None:
    """Whatever a set-up says, its token is as old as it is when the set-up comes."""

    async def work(case: Case) -> None:
        hours_ago_ms = now_ms() - 3 * 3_600_000
        old = signed_at(hours_ago_ms, url_at(case.server))
        fresh = signed_now(url_at(case.server))  # has the certificate fetched
        await case.take((0, [record("a", old), record("b", old, setup_time_ms=hours_ago_ms), record("d", fresh)]))
        assert case.causes() == ["stale", "not_checked", "passed"]
        await case.take((0, [record("c", old, setup_time_ms=hours_ago_ms)]), arrived_ms=hours_ago_ms)
        assert case.causes()[3:] == ["passed"]

    run(tmp_path, work, sends(live_provider().pem))


def test_an_error_of_ours_costs_no_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on as it came where all else fails, and errors are counted."""

    def broken(*_: object) -> bytes:
        raise IndexError

    monkeypatch.setattr(verify_calls, "changed", broken)

    async def work(case: Case) -> None:
        pair = record("a", signed_now(url_at(case.server)))
        await case.take((0, [pair]))
        assert case.out.records[0] == [pair]
        assert case.broken == ["IndexError"] * 2

    run(tmp_path, work, sends(live_provider().pem))
