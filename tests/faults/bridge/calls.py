"""Calls with known truth that ask a bridge by SIP when each is due, whether or not anybody answers; and what came."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from detector.testing import call_setup
from streams.bridge.sip.requests import invite
from streams.commands.demo.switch import HERE, Switch, routing
from streams.commands.demo.view import Routing
from tests.faults.answers import Answer
from tests.waiting import HANG_S, until

ONE_IN = 4
"""Every fourth call is from a number that cannot exist, so it has to be blocked; all others are from ones that can."""
NUMBERS = 20_000
RACE_S = 0.01
"""A CANCEL that meets the decision is sent within so long of its INVITE."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast calls come, and how long they are waited for.

    Attributes:
        rate: calls a second.
        deadline_ms: of the bridge.
        timer_s: of the switch.
    """

    rate: float
    deadline_ms: int
    timer_s: float


REAL = Pace(rate=100.0, deadline_ms=80, timer_s=0.28)
"""As carriers run it: the bridge's deadline unless it is set, and the timer that docs/bridge.md advises."""
PATIENT = Pace(rate=25.0, deadline_ms=1_000, timer_s=2.0)
"""On a machine with much else to do, as that of a test."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call.

    Attributes:
        call_id: another one each.
        must_block: whether it has to be blocked; all others may not be.
        sent_s: when its INVITE was due, epoch seconds.
        took_s: until its answer, or until the switch's timer ended.
        routing: what the switch did.
    """

    call_id: str
    must_block: bool
    sent_s: float
    took_s: float
    routing: Routing


class Calls:
    """A thread that places calls.

    Args:
        port: where INVITEs go.
        pace: at which they come.
        chance: seeded: says when a call is cancelled; None = none is.
    """

    def __init__(self, port: int, pace: Pace, chance: random.Random | None = None) -> None:
        self.asked: list[Asked] = []
        self.cancels: Counter[int] = Counter()
        self._port, self._pace, self._chance = port, pace, chance
        self._run_id = f"{time.time_ns():x}"
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="calls", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Place no more, and return once each has its answer, or its timer has ended."""
        self._stopping.set()
        self._thread.join(HANG_S)
        self.require_well()

    def require_well(self) -> None:
        """Fail if the calls have broken off."""
        if self._failure is not None:
            raise AssertionError("the calls have broken off") from self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._place())
        except Exception as failure:  # noqa: BLE001 - whoever waits for calls is told
            self._failure = failure

    async def _place(self) -> None:
        switch, begin_s, number = Switch(self._pace.timer_s), time.time(), 0
        await switch.start(self._port)
        self.cancels = switch.cancels
        try:
            async with asyncio.TaskGroup() as tasks:
                while not self._stopping.is_set():
                    due_s = begin_s + number / self._pace.rate
                    await asyncio.sleep(max(0.0, due_s - time.time()))
                    tasks.create_task(self._call(switch, number, due_s))
                    number += 1
            if self._chance is not None:
                await until(lambda: switch.cancels.total() >= number)  # every CANCEL is answered
        finally:
            switch.stop()

    async def _call(self, switch: Switch, number: int, due_s: float) -> None:
        call_id, must_block = f"{self._run_id}-{number}", number % ONE_IN == 0
        calling = f"+1000555{number % 10_000:04}" if must_block else f"+1202{2_000_000 + number % NUMBERS}"
        setup = call_setup(call_id, calling_number=calling, trunk_group_id="drill")
        asking = asyncio.create_task(switch.ask(call_id, invite(setup, HERE)))
        await self._cancel(switch, call_id, asking)
        said = await asking
        self.asked.append(Asked(call_id, must_block, due_s, time.time() - due_s, routing(said)))

    async def _cancel(self, switch: Switch, call_id: str, asking: "asyncio.Task[object]") -> None:
        """A third of the CANCELs right behind the INVITE, a third about when the decision comes, a third after it."""
        if self._chance is None:
            return
        kind = self._chance.randrange(3)
        if kind == 2:
            await asking
        else:
            await asyncio.sleep(kind * self._chance.uniform(0.0, RACE_S))
        switch.cancel(call_id)


@dataclass(frozen=True, slots=True)
class Findings:
    """The numbers of one drill.

    Attributes:
        calls: INVITEs of the calls.
        routed: what the switch did with how many.
        wrongly_blocked: blocks of calls that may not be, or that no decision asked for.
        wrongly_passed: calls that have to be blocked, and were passed by an answer that says they were judged.
        slowest_s: answer.
        noted: what else there is to say.
    """

    calls: int
    routed: Counter[Routing]
    wrongly_blocked: int
    wrongly_passed: int
    slowest_s: float
    noted: str = ""


def found(asked: Iterable[Asked], decided: Mapping[str, Answer], noted: str = "") -> Findings:
    """Judge calls by their truth.

    Args:
        asked: all of them.
        decided: decisions by call id.
        noted: what else there is to say.
    """
    calls = list(asked)
    answered = [one.took_s for one in calls if one.routing is not Routing.UNANSWERED]
    return Findings(
        len(calls),
        Counter(one.routing for one in calls),
        sum(one.routing is Routing.BLOCKED and not (one.must_block and is_blocked(one, decided)) for one in calls),
        sum(one.routing in {Routing.PASSED, Routing.LABELLED} and one.must_block for one in calls),
        max(answered, default=0.0),
        noted,
    )


def is_blocked(call: Asked, decided: Mapping[str, Answer]) -> bool:
    """Whether a decision blocks a call."""
    decision = decided.get(call.call_id)
    return decision is not None and decision.substance[0] == "block"
