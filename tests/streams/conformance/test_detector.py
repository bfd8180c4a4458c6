"""The switch that the kit plays, on a real broker: our own workers pass, and a detector that is wrong does not."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.conformance.calls import TestCalls
from streams.conformance.cases import DETECTOR, Verdict
from streams.conformance.detector import FIELDS, DetectorCheck
from streams.conformance.line import Line
from streams.contract_docs.examples import examples
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, DEAD_LETTERS
from streams.settings import Settings
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, robocall, workers
from tests.waiting import HANG_S, wait_until

pytestmark = pytest.mark.kafka
BLOCKED = "+12025550199"
SHORT_S = 3.0
"""Waited for what a wrong detector never says."""


@pytest.fixture
def environment(settings: Settings, redis_url: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Workers that enforce, with one number on the block list."""
    made = {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "ROBOCALL_REDIS_URL": redis_url,
        "ROBOCALL_MODEL_DIR": str(save_small_model(tmp_path / "small")),
        "ROBOCALL_CONSUMER_GROUP": f"conformance-{time.time_ns()}",
        "ROBOCALL_MODE": "enforce",
        "ROBOCALL_ENFORCE_UNMEASURED": "the tests: no traffic is measured",
        "ROBOCALL_AWAIT_LISTS": "true",
        "ROBOCALL_REDRESS_URL": "https://redress.carrier.example/",
    }
    robocall("lists", "add", "block", BLOCKED, environment=made)
    yield made
    robocall("lists", "remove", "block", BLOCKED, environment=made)


async def checked(settings: Settings, *, timeout_s: float, blocked: str | None = None) -> dict[str, Verdict]:
    """Verdicts by case."""
    calls = TestCalls()
    async with Line(settings, CALL_DECISIONS, DEAD_LETTERS, writes=CALL_EVENTS, keep=lambda _: True) as line:
        check = DetectorCheck(line, calls, timeout_s, blocked)
        return {one.case.identifier: one async for one in check.run()}


@pytest.mark.slow
def test_our_own_worker_passes_every_case(settings: Settings, environment: dict[str, str], tmp_path: Path) -> None:
    with workers(1, environment | PATIENT, tmp_path) as (worker,):
        wait_until(lambda: worker.health().get("status") == "ok", "the worker is ready, with its lists")

        verdicts = asyncio.run(checked(settings, timeout_s=HANG_S, blocked=BLOCKED))

    seen = {name: one.seen for name, one in verdicts.items() if one.passed is not True}
    assert seen == {}
    assert list(verdicts) == [one.identifier for one in DETECTOR[:-1]]
    assert "603 Network Blocked" in verdicts["D13"].seen
    assert verdicts["D14"].seen == "label: Maybe automated"


@pytest.mark.slow
def test_in_shadow_no_answer_is_shown_and_none_is_judged(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    with workers(1, environment | PATIENT | {"ROBOCALL_MODE": "shadow"}, tmp_path) as (worker,):
        wait_until(lambda: worker.health().get("status") == "ok", "the worker is ready, with its lists")

        verdicts = asyncio.run(checked(settings, timeout_s=HANG_S, blocked=BLOCKED))

    assert {name for name, one in verdicts.items() if one.passed is not True} == {"D12", "D13", "D14"}
    assert {one.passed for one in verdicts.values()} == {True, None}


@pytest.mark.slow
def test_a_worker_that_starts_after_the_call_says_that_it_is_late(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    quick = environment | {"ROBOCALL_DECISION_DEADLINE_MS": "100", "ROBOCALL_SHED_AFTER_MS": "100"}

    async def late() -> Verdict:
        async with Line(settings, CALL_DECISIONS, writes=CALL_EVENTS, keep=lambda _: True) as line:
            check = DetectorCheck(line, TestCalls(), HANG_S)
            return await check.late(lambda _: stack.enter_context(workers(1, quick, tmp_path)))

    with contextlib.ExitStack() as stack:
        verdict = asyncio.run(late())

    assert (verdict.seen, verdict.passed) == ("allow by fail_open (late)", True)


def is_longer_than(line: Line, number: int) -> Callable[[], bool]:
    return lambda: len(line.got) > number


async def answer_badly(line: Line) -> None:
    """Block everything by 603+, ends and emergencies too, under the wrong key, each time with another id."""
    example = next(json.loads(one.value) for one in examples() if one.name == "block")
    for number in range(1_000):
        await line.until(is_longer_than(line, number), HANG_S)
        event = json.loads(line.got[number].value)
        decision = example | {"call_id": event["call_id"], "decision_id": f"id-{number}", "switch_id": None}
        decision["calling_number"] = event["calling_number"]
        decision = {name: decision[name] for name in reversed(FIELDS)}
        await line.publish(CALL_DECISIONS, event["call_id"], json.dumps(decision, separators=(",", ":")).encode())


def test_a_detector_that_is_wrong_fails_what_it_is_wrong_in(settings: Settings) -> None:
    async def meet() -> dict[str, Verdict]:
        async with Line(settings, CALL_EVENTS, writes=CALL_DECISIONS, keep=lambda _: True) as line:
            odd = asyncio.create_task(answer_badly(line))
            try:
                return await checked(settings, timeout_s=SHORT_S, blocked=BLOCKED)
            finally:
                odd.cancel()

    verdicts = asyncio.run(meet())

    wrong = {"D02", "D03", "D05", "D06", "D08", "D11", "D12", "D13", "D15", "D16"}
    assert {name for name, one in verdicts.items() if one.passed is False} >= wrong


def test_where_nobody_answers_one_case_says_so(settings: Settings) -> None:
    verdicts = asyncio.run(checked(settings, timeout_s=0.1))

    assert [(name, one.passed) for name, one in verdicts.items()] == [("D01", False)]
    assert "is a worker running?" in verdicts["D01"].seen
