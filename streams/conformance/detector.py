"""The detector's cases: publishes set-ups and ends as a switch would, and judges what the workers answer."""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from detector.contract.decisions import Decision, Mode, Step
from detector.contract.sip import ANALYTICS_PHRASE, ANALYTICS_STATUS, DNO_ANSWERS
from streams.conformance.calls import TestCalls, encoded
from streams.conformance.cases import DETECTOR, Verdict
from streams.conformance.line import Got, Line
from streams.kafka.partitioner import partitions_of
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, DEAD_LETTERS

DISPLAY_LIMIT = 15
IMPOSSIBLE = "+10005550100"
FIELDS = [field.name for field in fields(Decision)]
NETWORK_BLOCKED = re.compile(
    r'SIP;cause=603;text="v=analytics1(;url=https://[^";]+|;tel=\+\d+|;email=[^";]+)+;id=(?P<id>[A-Za-z0-9_-]{1,64})"'
    r";location=(LN|TN|RLN)"
)
Judged = tuple[str, bool | None]
"""What was seen, and whether that passes."""
NO_DECISION: Judged = ("no decision came", False)
NOT_ASKED: Judged = ("not asked: put a number on the block list and name it with --blocked", None)
_PLAIN = [asdict(sip) for sip in DNO_ANSWERS.values()]


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision as it came."""

    got: Got
    decision: dict[str, Any]

    @property
    def meant(self) -> str:
        """The action, or in shadow what it would have been."""
        return str(self.decision["would_be"] or self.decision["action"])


@dataclass(frozen=True, slots=True)
class DetectorCheck:
    """Plays a switch.

    Args:
        line: reads `call-decisions` and `dead-letters`.
        calls: of this run.
        timeout_s: how long a decision is waited for.
        blocked: a reserved number that is on the block list of the workers; None: cases that need one are left out.
    """

    line: Line
    calls: TestCalls
    timeout_s: float
    blocked: str | None = None

    async def run(self) -> AsyncIterator[Verdict]:
        """Give a verdict on each case, in order; where nobody answers, on the first alone."""
        for one, check in zip(DETECTOR[:-1], _CHECKS, strict=True):
            seen, passed = await check(self)
            yield Verdict(one, seen, passed)
            if one is DETECTOR[0] and not passed:
                return

    async def late(self, tell: Callable[[str], object]) -> Verdict:
        """The last case: publishes a call while no worker runs, and has one started then.

        Args:
            tell: is told when the call is there.
        """
        setup = self.calls.setup("late", "+12025550116")
        await self.publish(setup)
        tell("a call is published: start a worker now")
        return Verdict(DETECTOR[-1], *_is_late(await self.answers(setup["call_id"])))

    async def publish(self, event: dict[str, Any]) -> None:
        """Publish an event with its calling number as key."""
        await self.line.publish(CALL_EVENTS, str(event["calling_number"]), encoded(event))

    async def answers(self, call_id: str, number: int = 1) -> Sequence[Answer]:
        """Wait for decisions on a call; give those that came."""
        await self.line.until(lambda: len(self.have(call_id)) >= number, self.timeout_s)
        return self.have(call_id)

    def have(self, call_id: str) -> Sequence[Answer]:
        """Decisions on a call that have come."""
        needle = json.dumps(call_id).encode()
        held = [got for got in self.line.got if got.topic == CALL_DECISIONS and needle in got.value]
        answers = (Answer(got, json.loads(got.value)) for got in held)
        return [answer for answer in answers if answer.decision["call_id"] == call_id]

    async def ask(self, name: str, calling_number: str, **more: Any) -> Answer | None:
        """Publish one set-up and wait for its decision."""
        setup = self.calls.setup(name, calling_number, **more)
        await self.publish(setup)
        found = await self.answers(setup["call_id"])
        return found[0] if found else None

    async def judge(self, name: str, calling_number: str, judge: Callable[[Answer], Judged], **more: Any) -> Judged:
        """Ask, and judge the answer; one that says that the call was not judged tells nothing of the case."""
        answer = await self.ask(name, calling_number, **more)
        if answer is None:
            return NO_DECISION
        if answer.decision["decided_by"] == Step.FAIL_OPEN:
            codes = ", ".join(reason["code"] for reason in answer.decision["reasons"])
            return f"the call was not judged: {codes}", None
        return judge(answer)


def _is_late(found: Sequence[Answer]) -> Judged:
    if not found:
        return NO_DECISION
    decision = found[0].decision
    codes = [reason["code"] for reason in decision["reasons"]]
    seen = f"{decision['action']} by {decision['decided_by']} ({', '.join(codes)})"
    if "late" not in codes:
        return f"{seen}: a worker was running, stop it first", False
    return seen, decision["action"] == "allow" and decision["decided_by"] == "fail_open"


async def _answered(check: DetectorCheck) -> Judged:
    setup = check.calls.setup("answered", "+12025550101")
    await check.publish(setup)
    found = await check.answers(setup["call_id"])
    if not found:
        return f"no decision within {check.timeout_s:g} s: is a worker running?", False
    ids = {answer.decision["decision_id"] for answer in found}
    return f"{found[0].decision['action']} in mode {found[0].decision['mode']}", len(found) == len(ids) == 1


async def _whole(check: DetectorCheck) -> Judged:
    (answer, *_) = await check.answers(check.calls.setup("answered")["call_id"])
    names = list(answer.decision)
    return (f"{len(names)} fields" if names == FIELDS else f"fields {', '.join(names)}"), names == FIELDS


async def _keyed(check: DetectorCheck) -> Judged:
    answer = await check.ask("keyed", "+12025550102")
    return NO_DECISION if answer is None else await _place(check, answer, check.calls.switch_id)


async def _keyed_without_switch(check: DetectorCheck) -> Judged:
    answer = await check.ask("keyed-by-call", "+12025550103", switch_id=None)
    return NO_DECISION if answer is None else await _place(check, answer, answer.decision["call_id"])


async def _place(check: DetectorCheck, answer: Answer, key: str) -> Judged:
    (expected,) = partitions_of([key.encode()], await check.line.partitions(CALL_DECISIONS))
    seen = f"key {answer.got.key.decode(errors='replace')}, partition {answer.got.partition}"
    return seen, (answer.got.key, answer.got.partition) == (key.encode(), expected)


async def _repeated(check: DetectorCheck) -> Judged:
    setup = check.calls.setup("repeated", "+12025550104")
    await check.publish(setup)
    await check.publish(setup)
    found = await check.answers(setup["call_id"], 2)
    ids = {answer.decision["decision_id"] for answer in found}
    return f"{len(found)} decisions, {len(ids)} decision ids", len(found) == 2 and len(ids) == 1  # noqa: PLR2004


async def _formatted(check: DetectorCheck) -> Judged:
    answer = await check.ask("formatted", "+1-202-555-0105")
    if answer is None:
        return NO_DECISION
    return f"calling_number {answer.decision['calling_number']}", answer.decision["calling_number"] == "+12025550105"


async def _withheld(check: DetectorCheck) -> Judged:
    answer = await check.ask("withheld", "anonymous", privacy=True)
    return NO_DECISION if answer is None else (str(answer.decision["action"]), True)


async def _long_call_id(check: DetectorCheck) -> Judged:
    call_id = f"long-{'x' * 200}@{check.calls.switch_id}"
    await check.publish(check.calls.setup("long", "+12025550106", call_id=call_id))
    found = await check.answers("sha256:" + hashlib.sha256(call_id.encode()).hexdigest())
    return (found[0].decision["call_id"][:15] + "...", True) if found else NO_DECISION


async def _long_text(check: DetectorCheck) -> Judged:
    answer = await check.ask("long-text", "+12025550107", user_agent="x" * 3_000)
    return NO_DECISION if answer is None else (str(answer.decision["action"]), True)


async def _unknown_field(check: DetectorCheck) -> Judged:
    answer = await check.ask("unknown-field", "+12025550108", vendor_extension={"a": [1, None, "x"]})
    return NO_DECISION if answer is None else (str(answer.decision["action"]), True)


async def _emergency(check: DetectorCheck) -> Judged:
    def judge(answer: Answer) -> Judged:
        seen = f"{answer.meant} by {answer.decision['decided_by']}"
        return seen, (answer.meant, answer.decision["decided_by"]) == ("allow", Step.EMERGENCY)

    return await check.judge("emergency", IMPOSSIBLE, judge, called_number="911")


async def _impossible(check: DetectorCheck) -> Judged:
    def judge(answer: Answer) -> Judged:
        if answer.meant != "block":
            return f"{answer.meant}: this policy does not block impossible numbers", None
        return _shown(answer, "sip") or (_sip(answer), answer.decision["sip"] in _PLAIN)

    return await check.judge("impossible", IMPOSSIBLE, judge)


async def _on_block_list(check: DetectorCheck) -> Judged:
    def judge(answer: Answer) -> Judged:
        if answer.meant != "block":
            return f"{answer.meant} by {answer.decision['decided_by']}: is it on the block list?", False
        return _shown(answer, "sip") or (_sip(answer), _is_network_blocked(answer.decision))

    return NOT_ASKED if check.blocked is None else await check.judge("blocked", check.blocked, judge)


async def _labelled(check: DetectorCheck) -> Judged:
    def judge(answer: Answer) -> Judged:
        if answer.meant == "block":
            return "block: this policy blocks for originating switches too", None
        if (unseen := _shown(answer, "label")) is not None:
            return unseen
        text = answer.decision["label"]["text"]
        return f"{answer.meant}: {text}", answer.meant == "label" and 0 < len(text) <= DISPLAY_LIMIT

    if check.blocked is None:
        return NOT_ASKED
    return await check.judge("labelled", check.blocked, judge, role="originating")


def _shown(answer: Answer, name: str) -> Judged | None:
    """What to say of a decision without `sip` or `label`, which only shadow may hide; None where it is there."""
    if answer.decision[name] is not None:
        return None
    if answer.decision["mode"] == Mode.SHADOW:
        return f"shadow: not shown; it would be a {answer.meant}", None
    return f"{answer.meant} without {name}", False


def _sip(answer: Answer) -> str:
    sip = answer.decision["sip"]
    return f"{sip['status']} {sip['reason_phrase']}, Reason: {sip['reason_header']}"


def _is_network_blocked(decision: dict[str, Any]) -> bool:
    """Whether its answer is a 603+ that names this decision."""
    sip = decision["sip"]
    found = NETWORK_BLOCKED.fullmatch(sip["reason_header"] or "")
    is_line = (sip["status"], sip["reason_phrase"]) == (ANALYTICS_STATUS, ANALYTICS_PHRASE)
    return is_line and found is not None and found["id"] == decision["decision_id"]


async def _refused(check: DetectorCheck) -> Judged:
    broken = check.calls.setup("broken", called_number=None)
    key = check.calls.switch_id
    await check.line.publish(CALL_EVENTS, key, encoded(broken))

    def letters() -> list[Got]:
        return [got for got in check.line.got if got.topic == DEAD_LETTERS and got.key == key.encode()]

    await check.line.until(letters, check.timeout_s)
    if not letters():
        return "no dead letter came", False
    code = json.loads(letters()[0].value)["code"]
    decided = len(check.have(broken["call_id"]))
    return f"dead letter {code}, {decided} decisions", code == "missing_field" and not decided


async def _ended(check: DetectorCheck) -> Judged:
    """The decision on a later call of the same number says that the end was read."""
    setup = check.calls.setup("ended", "+12025550109")
    await check.publish(setup)
    await check.answers(setup["call_id"])
    await check.publish(check.calls.end(setup))
    if await check.ask("after-the-end", "+12025550109") is None:
        return NO_DECISION
    found = len(check.have(setup["call_id"]))
    return f"{found} decision on set-up and end", found == 1


_CHECKS: tuple[Callable[[DetectorCheck], Awaitable[Judged]], ...] = (
    _answered,
    _whole,
    _keyed,
    _keyed_without_switch,
    _repeated,
    _formatted,
    _withheld,
    _long_call_id,
    _long_text,
    _unknown_field,
    _emergency,
    _impossible,
    _on_block_list,
    _labelled,
    _refused,
    _ended,
)
"""In the order of `DETECTOR`, without the last, which wants that no worker runs."""
