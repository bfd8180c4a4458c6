"""The detector that the kit plays, on a real broker, before a switch that is right and one that is wrong."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, cast

import pytest

from detector.columns.decision_ids import decision_id
from detector.contract.events import CallEnd, CallSetup
from streams.conformance.calls import TestCalls, encoded
from streams.conformance.cases import CONSUMER
from streams.conformance.consumer import SCRIPTS, ConsumerCheck, is_test_call
from streams.conformance.line import Got, Line
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.settings import Settings
from streams.wire.records import EVENT_DECODER, SetupRecord
from tests.waiting import HANG_S

NO_DECISION, LATE, ALLOW_THEN_BLOCK = 5, 6, 8
WRONG = {"C04", "C06", "C08", "C09", "C11", "C12"}


@dataclass(slots=True)
class Switch:
    """Places one call a case and does what it is told; a wrong one has faults.

    It has no clock: its timer runs out at once where a case is about that, and else never.
    """

    line: Line
    calls: TestCalls
    is_wrong: bool

    async def run(self) -> None:
        for number in range(1, len(SCRIPTS) + 1):
            await self._call(number)

    async def _call(self, number: int) -> None:
        setup = self.calls.setup(f"case-{number}", f"+120255501{number:02}")
        await self.line.publish(CALL_EVENTS, setup["calling_number"], encoded(setup))
        awaited = self._awaited(number)
        assert await self.line.until(lambda: len(self._decisions(setup)) >= awaited, HANG_S)
        decisions = self._decisions(setup)
        end: dict[str, Any] = {"treatment": "timeout"}
        if awaited:
            decision = decisions[-1 if self.is_wrong else 0]
            end = self._act(decision) | {"decision_id": decision["decision_id"]}
        event = self.calls.end(setup, **end)
        await self.line.publish(CALL_EVENTS, setup["calling_number"], encoded(event))

    def _awaited(self, number: int) -> int:
        """How many decisions come before it acts."""
        if number == NO_DECISION or (number == LATE and not self.is_wrong):
            return 0
        return 2 if number == ALLOW_THEN_BLOCK and self.is_wrong else 1

    def _decisions(self, setup: dict[str, Any]) -> list[dict[str, Any]]:
        found = []
        for got in self.line.got:
            try:
                decision = json.loads(got.value)
            except ValueError:
                continue
            is_ours = self.is_wrong or got.key.decode() == self.calls.switch_id
            if is_ours and decision["call_id"] == setup["call_id"]:
                found.append(decision)
        return found[:1] if self.is_wrong and self._is_of_another(found) else found

    def _is_of_another(self, found: list[dict[str, Any]]) -> bool:
        return any(decision["switch_id"] != self.calls.switch_id for decision in found)

    def _act(self, decision: dict[str, Any]) -> dict[str, Any]:
        action = (decision["would_be"] or decision["action"]) if self.is_wrong else decision["action"]
        if action == "block" or (self.is_wrong and action not in {"allow", "label"}):
            sip = decision["sip"] or {"status": 603}
            return {"treatment": "block", "sip_status": 603 if self.is_wrong else sip["status"]}
        return {"treatment": action if action in {"allow", "label"} else "allow", "sip_status": 200}


async def played(settings: Settings, *, is_wrong: bool) -> ConsumerCheck:
    """Let switch and kit meet until every case has ended."""
    async with (
        Line(settings, CALL_EVENTS, writes=CALL_DECISIONS, keep=is_test_call) as kit,
        Line(settings, CALL_DECISIONS, writes=CALL_EVENTS, keep=lambda _: True) as line,
    ):
        check = ConsumerCheck(kit)
        await asyncio.gather(check.run(HANG_S, lambda _: None), Switch(line, TestCalls(), is_wrong).run())
    return check


@pytest.mark.kafka
def test_a_switch_that_does_what_it_is_told_passes_every_case(settings: Settings) -> None:
    check = asyncio.run(played(settings, is_wrong=False))

    verdicts = [(one.case.identifier, one.passed) for one in check.verdicts()]
    assert verdicts == [(one.identifier, True) for one in CONSUMER]


@pytest.mark.kafka
def test_a_switch_that_is_wrong_fails_what_it_is_wrong_in(settings: Settings) -> None:
    """It obeys late blocks, later decisions, other switches', `would_be`, blocks on what it does not know, by 603."""
    check = asyncio.run(played(settings, is_wrong=True))

    assert {one.case.identifier for one in check.verdicts() if one.passed is False} == WRONG


def judged(*events: dict[str, Any]) -> dict[str, tuple[str, bool | None]]:
    """Verdicts on these events alone."""
    check = ConsumerCheck(cast("Any", None))
    for event in events:
        made = EVENT_DECODER.decode(encoded(event))
        if isinstance(made, SetupRecord):
            check.setups[made.call_id] = int(made.calling_number[-2:]) - 1, made
        else:
            check.ends.setdefault(made.call_id, []).append(cast("CallEnd", made))
    return {one.case.identifier: (one.seen, one.passed) for one in check.verdicts()}


def test_a_case_without_a_call_is_not_judged_and_one_without_an_end_fails() -> None:
    verdicts = judged(TestCalls().setup("a", "+12025550101"))

    assert verdicts["C01"] == ("1 of 1 calls: no call_end came", False)
    assert verdicts["C02"] == ("no call from +1 NPA 555 0102 came", None)


def test_an_end_must_name_the_decision_of_its_call() -> None:
    setup = TestCalls().setup("a", "+12025550101")
    identifier = decision_id(cast("CallSetup", EVENT_DECODER.decode(encoded(setup))))

    def with_end(**fields: str) -> tuple[str, bool | None]:
        return judged(setup, TestCalls.end(setup, treatment="allow", **fields))["C01"]

    assert with_end(decision_id=identifier) == ("1 calls: allow", True)
    assert with_end() == ("1 of 1 calls: decision_id is missing", False)
    assert with_end(decision_id="other") == ("1 of 1 calls: decision_id of another decision", False)


def test_two_ends_of_one_call_are_one_too_many() -> None:
    setup = TestCalls().setup("a", "+12025550105")
    one = TestCalls.end(setup, treatment="timeout")
    other = TestCalls.end(setup, treatment="timeout", end_time_ms=setup["setup_time_ms"] + 1)

    assert judged(setup, one, other)["C05"] == ("1 of 1 calls: 2 ends came", False)
    assert judged(setup, one, one)["C05"] == ("1 calls: timeout", True)


@pytest.mark.parametrize("number", ["+12025550100", "+12025550114", "+12025550201", "+12125551234"])
def test_other_calls_are_not_answered(number: str) -> None:
    check = ConsumerCheck(cast("Any", None))
    event = TestCalls().setup("a", number)

    check._take(Got(CALL_EVENTS, 0, b"", encoded(event), 0.0), 12)

    assert check.setups == {}


def test_calls_of_another_switch_are_left_alone() -> None:
    check = ConsumerCheck(cast("Any", None), "sbc-1")

    check._take(Got(CALL_EVENTS, 0, b"", encoded(TestCalls().setup("a", "+12025550105")), 0.0), 12)
    check._take(Got(CALL_EVENTS, 0, b"", b"junk", 0.0), 12)

    assert check.setups == {}
