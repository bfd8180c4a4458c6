"""The carriers that adapting is judged on: spans are whole, truths belong to their calls, complaints are plausible."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmarks.adapting.carriers import NAMES, Carrier, Wanted, written
from benchmarks.adapting.hearsay import Hearsay
from benchmarks.adapting.judging import judged
from benchmarks.adapting.senders import Senders
from detector.contract.events import CallEnd, CallSetup, FeedbackSource
from detector.testing.events import call_setup
from models.serve.artifact import SHIPPED
from models.traffic.span import DEFAULT_START_MS, HOUR_MS
from models.traffic.truth import Truth
from streams.running.progress import step

QUIET = Console(quiet=True)


def carrier_of(author: str, folder: Path) -> Carrier:
    with step("", QUIET) as say:
        return written(Wanted(author, 3, hours=0.5, judge_hours=0.25, rate=3.0), folder, say)


def setups_of(path: Path) -> list[dict[str, Any]]:
    return [one for one in map(json.loads, path.read_text().splitlines()) if one["type"] == "call_setup"]


@pytest.mark.parametrize("author", NAMES)
def test_each_call_is_in_one_span_and_judging_ones_have_their_truth(author: str, tmp_path: Path) -> None:
    carrier = carrier_of(author, tmp_path)

    learnt, judging = (setups_of(path) for path in (carrier.learn, carrier.judge))
    assert {one["call_id"] for one in learnt} == set(carrier.learnt)
    assert {one["call_id"] for one in judging} == set(carrier.truths)
    assert not {one["call_id"] for one in learnt} & set(carrier.truths)
    assert max(one["setup_time_ms"] for one in learnt) < min(one["setup_time_ms"] for one in judging)
    assert 0 < carrier.robocalls < len(carrier.learnt) / 4
    assert carrier.known


def test_a_replay_that_enforces_without_a_measure_does_nothing_and_is_judged(tmp_path: Path) -> None:
    """The shipped model, against the truth; in windows that may be young, since the span is short."""
    carrier = carrier_of("fourth", tmp_path)

    found = judged(carrier, SHIPPED, SHIPPED, 0.0, QUIET)

    assert found.lawful + found.robocalls <= len(carrier.truths)
    assert found.model_step.hit == found.model_step.caught == 0.0
    assert "no measure" in found.says
    assert found.recall["own"] == found.recall["base"]
    assert 0.0 <= found.recall["base"][1] <= found.recall["base"][0] <= 1.0


def heard(share: float) -> Hearsay:
    """Twenty thousand answered calls, of which a share are robocalls to lines in service."""
    hearsay = Hearsay(5)
    random = np.random.default_rng(2)
    for place in range(20_000):
        at_ms = DEFAULT_START_MS + place * 100
        common: dict[str, Any] = {
            "call_id": str(place), "setup_time_ms": at_ms, "calling_number": f"+1202555{place % 10_000:04d}",
            "called_number": "+13125550145", "trunk_group_id": "t",
        }  # fmt: skip
        end = CallEnd(**common, end_time_ms=at_ms + 60_000, answer_time_ms=at_ms + 5_000, sip_status=200)
        is_robocall = random.random() < share
        truth = Truth(is_robocall, "c" if is_robocall else "", "flood" if is_robocall else "survey")
        hearsay.hear([CallSetup(**common)], [truth])
        hearsay.hear([end], [])
    return hearsay


def test_complaints_come_late_and_a_stated_share_of_them_is_wrong() -> None:
    hearsay = heard(0.5)

    late = hearsay.said_until(DEFAULT_START_MS + 24 * 365 * HOUR_MS)
    soon = heard(0.5).said_until(DEFAULT_START_MS + 2 * HOUR_MS)

    assert len(late) == pytest.approx(10_000 * hearsay.complains / (1 - hearsay.wrong), rel=0.25)
    assert len(soon) < len(late)
    assert {one.source for one in late} == {FeedbackSource.SUBSCRIBER_REPORT}
    assert [one.time_ms for one in late] == sorted(one.time_ms for one in late)


def test_registered_senders_are_organisations_of_drawn_blocks() -> None:
    """Persons and robocallers are never registered, and all numbers of a block draw alike."""

    def call(number: str, *, kind: str = "survey", is_robocall: bool = False) -> tuple[CallSetup, Truth]:
        return call_setup(number, calling_number=number), Truth(is_robocall, "", kind)

    blocks = [f"+1202555{block:02d}" for block in range(100)]
    senders = Senders(1, 0.5)

    senders.note(call(block + tail) for block in blocks for tail in ("01", "02"))
    senders.note([call("+12125550100", kind="person_to_business"), call("+12125550101", is_robocall=True)])
    senders.note([call("7301", kind="odd_caller_id"), call("anonymous")])

    drawn = {number[:-2] for number in senders.registered}
    assert 25 < len(drawn) < 75
    assert senders.registered == {block + tail for block in drawn for tail in ("01", "02")}
    unlike = Senders(1, 1.0, without=["survey"])
    unlike.note([call("+12025550101"), call("+12025550201", kind="reminder")])
    assert unlike.registered == {"+12025550201"}
