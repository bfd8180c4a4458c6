"""Redress on a running worker: from `robocall redress grant` to the first call that passes, with the time that it took.

A real broker and the real command, as a process of its own.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from detector.contract.decisions import Action
from streams.redis.connection import entity_key
from streams.wire.records import EntityDecision, encode
from tests.integration.test_lists import Case
from tests.processes import robocall, run_robocall, workers
from tests.valkey_process import ValkeyProcess
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

CALLING = "+12025550123"
BOUND_S = 30.0
"""Of a machine that does ten other things; the figure is printed."""


def test_a_block_ends_within_seconds_of_its_grant(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], valkey: ValkeyProcess, tmp_path: Path
) -> None:
    """A standing block and an entry of the block list; the case is opened by the decision that the caller quotes."""
    fresh_topics(2)
    case = Case(kafka_bootstrap, valkey.url, tmp_path)
    now_ms = time.time_ns() // 1_000_000
    stands = EntityDecision(
        f"number:{CALLING}", Action.BLOCK, "automated_call", None, now_ms, now_ms + 3_600_000, "model", None, "p1"
    )
    with Redis.from_url(valkey.url) as client:
        client.set(entity_key(f"number:{CALLING}"), encode(stands))
    robocall("lists", "add", "block", CALLING, environment=case.environment)
    with workers(1, case.environment, tmp_path) as (worker,):
        wait_until(lambda: worker.health().get("status") == "ok", "the worker is ready")
        wait_until(lambda: case.decide(CALLING)[0] == "block", "its calls are blocked")
        opened = json.loads(
            robocall(
                "redress", "open", "--calling", CALLING, "--why", "a clinic", "--json", environment=case.environment
            )
        )["case"]
        assert opened["details"]["decided"].startswith("block by ")

        began_s = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            asked = ("redress", "grant", opened["case_id"], "--why", "called back")
            granting = pool.submit(run_robocall, *asked, environment=case.environment)
            wait_until(lambda: case.decide(CALLING)[0] == "allow", "its calls pass")
            took_s, passed_ms = time.monotonic() - began_s, time.time_ns() // 1_000_000
            granted = granting.result()
        assert granted.returncode == 0, granted.stderr
        with Redis.from_url(valkey.url) as client:
            lifted_ms = json.loads(client.get(entity_key(f"number:{CALLING}")) or b"")["since_ms"]
        said = (
            f"a call passed {took_s:.2f} s after the command began, {(passed_ms - lifted_ms) / 1_000:.2f} s after Redis"
        )
        sys.stdout.write(f"{said} had it; load {os.getloadavg()[0]:.1f}\n")
        assert took_s < BOUND_S
        assert worker.stop() == 0
    shown = json.loads(robocall("redress", "show", opened["case_id"], "--json", environment=case.environment))
    assert shown["case"]["state"] == "granted"
