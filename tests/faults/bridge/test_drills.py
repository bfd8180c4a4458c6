"""Drills on a bridge under load: every call is answered or routed by its timer, and none is wrongly blocked or passed.

The short form of `python -m tests.faults.bridge.drills`, one drill after the other on one stage.
"""

import random
from collections.abc import Iterator

import pytest

from streams.commands.demo.view import Routing
from tests.faults.bridge.calls import PATIENT
from tests.faults.bridge.drills import drills, torture
from tests.faults.bridge.stage import Stage, stage

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

DRILLS = {drill.what: drill for drill in drills(seconds=3.0, datagrams=2_000, times=1)}
SILENT = {"bridge frozen", "kill -9 of the bridge"}
CANCELS = "every call cancelled, before, at or after its decision"


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A system that is well."""
    with stage(tmp_path_factory.mktemp("drills"), PATIENT) as running:
        yield running


@pytest.mark.parametrize("what", DRILLS)
def test_no_call_is_wrongly_blocked_or_wrongly_passed(on: Stage, what: str) -> None:
    """And calls are judged again afterwards, which each drill waits for."""
    if what == "messages of RFC 4475" and not torture():
        pytest.skip("no reference data: set ROBOCALL_REFERENCE_DATA")

    found = DRILLS[what].play(on, random.Random(7))

    assert (found.wrongly_blocked, found.wrongly_passed) == (0, 0), found
    assert found.routed.total() == found.calls > 0
    assert found.routed[Routing.LABELLED] == 0
    assert found.routed[Routing.PASSED] > 0
    assert found.routed[Routing.BLOCKED] > 0
    assert (found.routed[Routing.CANCELLED] > 0) == (what == CANCELS)
    assert found.routed[Routing.UNANSWERED] > 0 or what not in SILENT
    assert "errors" not in found.noted or found.noted.endswith("; 0 errors"), found
